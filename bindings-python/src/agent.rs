//! The agent, its turns and their events.

use std::sync::{Mutex, PoisonError};

use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyList},
};
use voice_bridge::{
    AudioInput, ErrorRecord, EventRecord, Hosts, Outcome, TurnOptions,
    host::{StoreAdaptor, SttAdaptor, TtsAdaptor},
    runtime,
};

use crate::{
    error::run,
    host::{hosted, model, tool},
    live::LiveSession,
    pending::Pending,
    reply::{Reply, chunk},
};

/// What a turn is about. It serves one turn.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Input(Mutex<Option<voice_bridge::Input>>);

impl Input {
    fn new(input: voice_bridge::Input) -> Self {
        Self(Mutex::new(Some(input)))
    }

    fn take(&self) -> Outcome<voice_bridge::Input> {
        let input = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        input.ok_or_else(|| ErrorRecord::invalid("the input was used already; each turn needs its own"))
    }
}

/// 16-bit little-endian samples.
pub(crate) fn samples(data: &[u8]) -> Outcome<Vec<i16>> {
    let (whole, rest) = data.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(ErrorRecord::invalid(format!("{} bytes are no whole number of 16-bit samples", data.len())));
    }
    Ok(whole.iter().copied().map(i16::from_le_bytes).collect())
}

#[pymethods]
impl Input {
    #[staticmethod]
    fn text(py: Python<'_>, text: String) -> PyResult<Self> {
        run(py, || Ok(Self::new(voice_bridge::Input::Text(text))))
    }

    #[staticmethod]
    fn path(py: Python<'_>, path: std::path::PathBuf) -> PyResult<Self> {
        run(py, || Ok(Self::new(voice_bridge::Input::Audio(AudioInput::Path(path)))))
    }

    #[staticmethod]
    fn file(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        run(py, || Ok(Self::new(voice_bridge::Input::Audio(AudioInput::Bytes(data.to_vec())))))
    }

    #[staticmethod]
    fn pcm16(py: Python<'_>, data: &[u8], sample_rate: u32, channels: u32) -> PyResult<Self> {
        run(py, || {
            let samples = samples(data)?;
            Ok(Self::new(voice_bridge::Input::Audio(AudioInput::Pcm { samples, sample_rate, channels })))
        })
    }
}

/// An agent.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Agent(voice_bridge::Agent);

#[pymethods]
impl Agent {
    #[staticmethod]
    fn build(
        py: Python<'_>,
        config_json: &str,
        stt: Vec<Py<PyAny>>,
        llm: Vec<Py<PyAny>>,
        tts: Vec<Py<PyAny>>,
        store: Option<Py<PyAny>>,
        tools: Vec<Py<PyAny>>,
    ) -> PyResult<Pending> {
        run(py, || {
            let hosts = Hosts {
                stt: stt.into_iter().map(|h| Ok(hosted(py, h, SttAdaptor)? as _)).collect::<Outcome<_>>()?,
                llm: llm.into_iter().map(|h| Ok(model(py, h)? as _)).collect::<Outcome<_>>()?,
                tts: tts.into_iter().map(|h| Ok(hosted(py, h, TtsAdaptor)? as _)).collect::<Outcome<_>>()?,
                store: store.map(|h| hosted(py, h, StoreAdaptor)).transpose()?.map(|h| h as _),
                tools: tools.into_iter().map(|t| Ok(tool(py, t)? as _)).collect::<Outcome<_>>()?,
            };
            Pending::of(voice_bridge::Agent::build(config_json, hosts), |py, agent| Self(agent).into_py_any(py))
        })
    }

    #[pyo3(signature = (input, session=None, user=None, language=None, deadline_ms=None, speak=None, assistant=None))]
    fn turn(
        &self,
        py: Python<'_>,
        input: &Input,
        session: Option<String>,
        user: Option<String>,
        language: Option<String>,
        deadline_ms: Option<u64>,
        speak: Option<bool>,
        assistant: Option<String>,
    ) -> PyResult<Pending> {
        run(py, || {
            let options =
                TurnOptions { session, user, language, deadline_ms, speak, assistant, ..TurnOptions::default() };
            Pending::of(self.0.turn(input.take()?, options), |py, reply| Reply(reply).into_py_any(py))
        })
    }

    #[pyo3(signature = (input, session=None, user=None, language=None, deadline_ms=None, speak=None, assistant=None))]
    fn stream(
        &self,
        py: Python<'_>,
        input: &Input,
        session: Option<String>,
        user: Option<String>,
        language: Option<String>,
        deadline_ms: Option<u64>,
        speak: Option<bool>,
        assistant: Option<String>,
    ) -> PyResult<Pending> {
        run(py, || {
            let options =
                TurnOptions { session, user, language, deadline_ms, speak, assistant, ..TurnOptions::default() };
            let (agent, input) = (self.0.clone(), input.take()?);
            // It may read a file, for which an event loop must not wait.
            let begun = runtime::handle()?.spawn_blocking(move || voice_bridge::guard(|| agent.stream(input, options)));
            let work =
                async { begun.await.unwrap_or_else(|_| Err(ErrorRecord::internal("the runtime was shut down"))) };
            Pending::start(work, || {}, |py, stream| EventStream(stream).into_py_any(py))
        })
    }

    fn live(&self, py: Python<'_>, options_json: &str) -> PyResult<Pending> {
        run(py, || Pending::of(self.0.live(options_json), |py, live| LiveSession(live).into_py_any(py)))
    }

    /// A method of a room: the answer as JSON, and the sound that goes with it.
    fn call(&self, py: Python<'_>, room: &str, method: &str, arguments_json: &str) -> PyResult<Pending> {
        run(py, || {
            Pending::of(self.0.call(room, method, arguments_json), |py, answer| {
                let sound = answer.sound.map(|sound| PyBytes::new(py, &sound));
                (answer.json, sound).into_py_any(py)
            })
        })
    }

    /// The same agent as a principal reaches it.
    fn acting(&self, py: Python<'_>, principal_json: &str) -> PyResult<Self> {
        run(py, || self.0.with(principal_json).map(Self))
    }

    fn warm_up(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || Pending::of(self.0.warm_up(), |py, ()| Ok(py.None())))
    }

    fn close(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || Pending::of(self.0.close(), |py, ()| Ok(py.None())))
    }
}

/// The events of a turn; dropping it cancels the turn.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct EventStream(voice_bridge::EventStream);

#[pymethods]
impl EventStream {
    /// The next events: a list of `(kind, json, attachment)`; empty at the end.
    fn next_batch(&self, py: Python<'_>, most: usize) -> PyResult<Pending> {
        run(py, || {
            Pending::of(self.0.next_batch(most), |py, events| {
                let events: Vec<_> = events.into_iter().map(|event| converted(py, event)).collect::<PyResult<_>>()?;
                PyList::new(py, events)?.into_py_any(py)
            })
        })
    }

    fn cancel(&self) {
        self.0.cancel();
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

pub(crate) fn converted(py: Python<'_>, event: EventRecord) -> PyResult<(&'static str, String, Py<PyAny>)> {
    let (kind, json) = (event.kind(), event.to_json());
    let attachment = match event {
        EventRecord::Audio { pcm } => chunk(py, &pcm)?.0.into_py_any(py)?,
        EventRecord::Done { reply } => Reply(reply).into_py_any(py)?,
        _ => py.None(),
    };
    Ok((kind, json, attachment))
}

/// The JSON schema of the config document.
#[pyfunction]
pub(crate) fn config_schema<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
    run(py, || Ok(PyBytes::new(py, voice_bridge::config_schema().as_bytes())))
}
