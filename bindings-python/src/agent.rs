//! The agent, its turns and their events.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyList},
};
use voice_bridge::{
    AudioInput, Call, ErrorRecord, EventRecord, Hosts, Outcome, Tool, TurnOptions,
    host::{StoreAdaptor, TurnDetectorAdaptor},
};

use crate::{
    error::run,
    host::{hosted, metrics as sink, model, recogniser, tool, voice},
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

/// How a turn is to be run: a tuple.
#[derive(Default, FromPyObject)]
struct Options(
    Option<String>,
    Option<String>,
    Option<String>,
    Option<u64>,
    Option<bool>,
    Option<String>,
    Option<String>,
    Vec<Py<PyAny>>,
);

impl Options {
    fn read(self, py: Python<'_>) -> Outcome<TurnOptions> {
        let Self(session, user, language, deadline_ms, speak, assistant, organization, tools) = self;
        let tools = all_tools(py, tools)?;
        Ok(TurnOptions { session, user, language, deadline_ms, speak, assistant, organization, tools })
    }
}

fn all_tools(py: Python<'_>, tools: Vec<Py<PyAny>>) -> Outcome<Vec<Arc<dyn Tool>>> {
    tools.into_iter().map(|t| Ok(tool(py, t)? as _)).collect()
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
        turn_detector: Option<Py<PyAny>>,
        metrics: Option<Py<PyAny>>,
    ) -> PyResult<Pending> {
        run(py, || {
            let hosts = Hosts {
                stt: stt.into_iter().map(|h| Ok(recogniser(py, h)? as _)).collect::<Outcome<_>>()?,
                llm: llm.into_iter().map(|h| Ok(model(py, h)? as _)).collect::<Outcome<_>>()?,
                tts: tts.into_iter().map(|h| Ok(voice(py, h)? as _)).collect::<Outcome<_>>()?,
                store: store.map(|h| hosted(py, h, StoreAdaptor)).transpose()?.map(|h| h as _),
                turn_detector: turn_detector.map(|h| hosted(py, h, TurnDetectorAdaptor)).transpose()?.map(|h| h as _),
                tools: all_tools(py, tools)?,
                metrics: metrics.map(|m| sink(py, m)).transpose()?.map(|m| m as _),
            };
            Ok(Pending::of(voice_bridge::Agent::build(config_json, hosts), |py, agent| Self(agent).into_py_any(py)))
        })
    }

    #[pyo3(signature = (input, options=None))]
    fn turn(&self, py: Python<'_>, input: &Input, options: Option<Options>) -> PyResult<Pending> {
        run(py, || {
            let options = options.unwrap_or_default().read(py)?;
            Ok(Pending::of(self.0.turn(input.take()?, options), |py, reply| Reply(reply).into_py_any(py)))
        })
    }

    /// It may read a file, for which an event loop must not wait.
    #[pyo3(signature = (input, options=None))]
    fn stream(&self, py: Python<'_>, input: &Input, options: Option<Options>) -> PyResult<Pending> {
        run(py, || {
            let (agent, input, options) = (self.0.clone(), input.take()?, options.unwrap_or_default().read(py)?);
            let begun = Call::blocking(move || agent.stream(input, options));
            Ok(Pending::of(begun, |py, stream| EventStream(stream).into_py_any(py)))
        })
    }

    fn live(&self, py: Python<'_>, options_json: &str, tools: Vec<Py<PyAny>>) -> PyResult<Pending> {
        run(py, || {
            let call = self.0.live(options_json, all_tools(py, tools)?);
            Ok(Pending::of(call, |py, live| LiveSession(live).into_py_any(py)))
        })
    }

    /// A method of a room: the answer as JSON, and the sound that goes with it.
    fn call(&self, py: Python<'_>, room: &str, method: &str, arguments_json: &str) -> PyResult<Pending> {
        run(py, || {
            Ok(Pending::of(self.0.call(room, method, arguments_json), |py, answer| {
                let sound = answer.sound.map(|sound| PyBytes::new(py, &sound));
                (answer.json, sound).into_py_any(py)
            }))
        })
    }

    /// The same agent as a principal reaches it.
    fn acting(&self, py: Python<'_>, principal_json: &str) -> PyResult<Self> {
        run(py, || self.0.with(principal_json).map(Self))
    }

    /// How many reports nobody took.
    #[getter]
    fn dropped_reports(&self, py: Python<'_>) -> PyResult<u64> {
        run(py, || Ok(self.0.dropped_reports()))
    }

    fn warm_up(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || Ok(Pending::of(self.0.warm_up(), |py, ()| Ok(py.None()))))
    }

    fn close(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || Ok(Pending::of(self.0.close(), |py, ()| Ok(py.None()))))
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
            Ok(Pending::of(self.0.next_batch(most), |py, events| {
                let events: Vec<_> = events.into_iter().map(|event| converted(py, event)).collect::<PyResult<_>>()?;
                PyList::new(py, events)?.into_py_any(py)
            }))
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
