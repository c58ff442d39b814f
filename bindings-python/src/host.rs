//! Python objects as providers, detectors, stores, tools and sinks of metrics. Each is an adaptor of `voice_core._host` with a `name` and a `start`; a
//! recogniser says besides whether it `listens`, a model whether it calls tools, a voice whether it `has_several`, and a tool has its
//! `definition` as JSON.

use std::sync::Arc;

use pyo3::{IntoPyObjectExt, prelude::*, types::PyTuple};
use voice_bridge::{
    ErrorRecord, Outcome,
    host::{
        Answer, HostLlm, HostMetrics, HostStore, HostStt, HostTool, HostTts, HostTurnDetector, LlmAdaptor, LlmEvent,
        MetricsAdaptor, Pcm, SttAdaptor, ToolAdaptor, Transcript, TtsAdaptor,
    },
};

#[cfg(unix)]
use crate::bell;
use crate::{
    courier::{CALLS, Job},
    error::run,
    pending::Pending,
    reply::pcm_bytes,
};

/// A Python object, shared without the interpreter's lock.
pub(crate) struct Hosted {
    object: Arc<Py<PyAny>>,
    /// The event loop to which it belongs, if it does to one.
    #[cfg(unix)]
    on: Option<Arc<bell::Loop>>,
}

impl Hosted {
    fn new(py: Python<'_>, object: Py<PyAny>) -> Self {
        Self {
            #[cfg(unix)]
            on: object
                .bind(py)
                .getattr("bell")
                .ok()
                .and_then(|bell| bell.cast::<bell::Bell>().ok().map(|bell| Arc::clone(&bell.get().0))),
            object: Arc::new(object),
        }
    }

    /// Has Python make a call soon: the object's event loop where somebody waits there, and a thread otherwise.
    fn send(&self, job: Job) {
        #[cfg(unix)]
        if let Some(on) = self.on.as_ref().filter(|on| on.is_awaited()) {
            on.send(job);
            return;
        }
        CALLS.send(job);
    }
}

/// An adaptor of the bridge round an object.
pub(crate) fn hosted<A>(
    py: Python<'_>,
    object: Py<PyAny>,
    adaptor: impl FnOnce(String, Hosted) -> A,
) -> Outcome<Arc<A>> {
    CALLS.serve(py)?;
    let name = attribute(py, &object, "name")?;
    Ok(Arc::new(adaptor(name, Hosted::new(py, object))))
}

/// A recogniser, which may be one that listens.
pub(crate) fn recogniser(py: Python<'_>, object: Py<PyAny>) -> Outcome<Arc<SttAdaptor<Hosted>>> {
    let listens = attribute(py, &object, "listens")?;
    hosted(py, object, |name, host| SttAdaptor(name, host, listens))
}

/// A language model, which may be one that calls tools.
pub(crate) fn model(py: Python<'_>, object: Py<PyAny>) -> Outcome<Arc<LlmAdaptor<Hosted>>> {
    let calls_tools = attribute(py, &object, "calls_tools")?;
    hosted(py, object, |name, host| LlmAdaptor(name, host, calls_tools))
}

/// A voice, which may be several.
pub(crate) fn voice(py: Python<'_>, object: Py<PyAny>) -> Outcome<Arc<TtsAdaptor<Hosted>>> {
    let has_several = attribute(py, &object, "has_several")?;
    hosted(py, object, |name, host| TtsAdaptor::new(name, host, has_several))
}

/// A tool by its definition.
pub(crate) fn tool(py: Python<'_>, object: Py<PyAny>) -> Outcome<Arc<ToolAdaptor<Hosted>>> {
    CALLS.serve(py)?;
    let definition: String = attribute(py, &object, "definition")?;
    Ok(Arc::new(ToolAdaptor::new(&definition, Hosted::new(py, object))?))
}

/// A sink of metrics.
pub(crate) fn metrics(py: Python<'_>, object: Py<PyAny>) -> Outcome<Arc<MetricsAdaptor<Hosted>>> {
    hosted(py, object, |_, host| MetricsAdaptor(host))
}

fn attribute<T: for<'a> FromPyObjectOwned<'a>>(py: Python<'_>, object: &Py<PyAny>, name: &str) -> Outcome<T> {
    let value = object.bind(py).getattr(name).ok().and_then(|value| value.extract().ok());
    value.ok_or_else(|| ErrorRecord::internal(format!("a host object has no {name}")))
}

impl Hosted {
    /// Calls `start(*arguments)`, which only passes the work on: to an event loop, or to a thread of Python's.
    fn start<A>(&self, arguments: impl FnOnce(Python<'_>) -> PyResult<A> + Send + 'static)
    where
        A: for<'py> IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
    {
        self.call("start", arguments);
    }

    /// The same for another method than `start`.
    fn call<A>(&self, method: &'static str, arguments: impl FnOnce(Python<'_>) -> PyResult<A> + Send + 'static)
    where
        A: for<'py> IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
    {
        let object = Arc::clone(&self.object);
        // When it fails, the answer is dropped with the arguments, so that its asker learns that none comes.
        self.send(Box::new(move |py| {
            Ok((object.getattr(py, method)?, arguments(py)?.into_pyobject(py).map_err(Into::into)?.unbind()))
        }));
    }
}

impl HostStt for Hosted {
    fn transcribe(
        &self,
        samples: Arc<[i16]>,
        language: Option<String>,
        answer: voice_bridge::host::Responder<Transcript>,
    ) {
        self.start(move |py| Ok((pcm_bytes(py, &samples)?.unbind(), language, Responder::new(answer))));
    }

    fn listen(
        &self,
        sound: voice_bridge::host::Sound,
        language: Option<String>,
        answer: voice_bridge::host::Responder<Transcript>,
    ) {
        self.call("listen", move |_| Ok((Sound(sound), language, Responder::new(answer))));
    }

    fn warm_up(&self, answer: voice_bridge::host::Responder<()>) {
        self.call("warm_up", move |_| Ok((Responder::new(answer),)));
    }
}

impl HostTurnDetector for Hosted {
    fn completeness(&self, samples: Arc<[i16]>, answer: voice_bridge::host::Responder<f32>) {
        self.start(move |py| Ok((pcm_bytes(py, &samples)?.unbind(), Responder::new(answer))));
    }

    fn warm_up(&self, answer: voice_bridge::host::Responder<()>) {
        self.call("warm_up", move |_| Ok((Responder::new(answer),)));
    }
}

impl HostLlm for Hosted {
    fn generate(&self, request_json: String, answer: voice_bridge::host::Responder<LlmEvent>) {
        self.start(move |_| Ok((request_json, Responder::new(answer))));
    }

    fn warm_up(&self, system_prompt: String, answer: voice_bridge::host::Responder<()>) {
        self.call("warm_up", move |_| Ok((system_prompt, Responder::new(answer))));
    }
}

impl HostTts for Hosted {
    fn synthesize(&self, text: String, language: Option<String>, answer: voice_bridge::host::Responder<Pcm>) {
        self.start(move |_| Ok((text, language, Responder::new(answer))));
    }

    fn synthesize_as(
        &self,
        text: String,
        language: Option<String>,
        voice_json: String,
        answer: voice_bridge::host::Responder<Pcm>,
    ) {
        self.call("start_as", move |_| Ok((text, language, voice_json, Responder::new(answer))));
    }

    fn voices(&self, language: Option<String>, answer: voice_bridge::host::Responder<String>) {
        self.call("voices", move |_| Ok((language, Responder::new(answer))));
    }

    fn warm_up(&self, answer: voice_bridge::host::Responder<()>) {
        self.call("warm_up", move |_| Ok((Responder::new(answer),)));
    }
}

impl HostStore for Hosted {
    fn call(&self, method: &'static str, arguments_json: String, answer: voice_bridge::host::Responder<String>) {
        self.start(move |_| Ok((method, arguments_json, Responder::new(answer))));
    }
}

impl HostTool for Hosted {
    fn call(&self, arguments_json: String, context_json: String, answer: voice_bridge::host::Responder<String>) {
        self.start(move |_| Ok((arguments_json, context_json, Responder::new(answer))));
    }
}

impl HostMetrics for Hosted {
    fn record(&self, reports_json: String, answer: voice_bridge::host::Responder<String>) {
        self.start(move |_| Ok((reports_json, Responder::new(answer))));
    }

    fn flush(&self, answer: voice_bridge::host::Responder<String>) {
        self.call("flush", move |_| Ok((Responder::new(answer),)));
    }
}

/// The sound of an utterance that is being spoken.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Sound(voice_bridge::host::Sound);

#[pymethods]
impl Sound {
    /// The next sound as 16-bit little-endian samples; None: it is over.
    fn next(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || {
            Ok(Pending::of(self.0.next(), |py, piece| match piece.into_samples() {
                Some(samples) => pcm_bytes(py, &samples)?.into_py_any(py),
                None => Ok(py.None()),
            }))
        })
    }
}

/// Where a Python object's answer goes. `send_*` say whether anybody still wants it.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Responder(Answer);

impl Responder {
    fn new(answer: impl Into<Answer>) -> Self {
        Self(answer.into())
    }
}

#[pymethods]
impl Responder {
    fn send_text(&self, py: Python<'_>, piece: String) -> PyResult<bool> {
        run(py, || self.0.send_text(piece))
    }

    fn send_tool_call(&self, py: Python<'_>, id: String, name: String, arguments_json: &str) -> PyResult<bool> {
        run(py, || self.0.send_tool_call(id, name, arguments_json))
    }

    fn send_usage(&self, py: Python<'_>, input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> PyResult<bool> {
        run(py, || self.0.send_usage(input_tokens, cached_tokens, output_tokens))
    }

    fn send_finish_reason(&self, py: Python<'_>, reason: &str) -> PyResult<bool> {
        run(py, || self.0.send_finish_reason(reason))
    }

    fn send_transcript(
        &self,
        py: Python<'_>,
        text: String,
        is_final: bool,
        language: Option<String>,
    ) -> PyResult<bool> {
        run(py, || self.0.send_transcript(text, is_final, language))
    }

    fn send_word(&self, py: Python<'_>, text: String, start: f64, end: f64) -> PyResult<bool> {
        run(py, || self.0.send_word(text, start, end))
    }

    fn send_audio(&self, py: Python<'_>, pcm: &[u8], sample_rate: u32) -> PyResult<bool> {
        run(py, || self.0.send_audio(crate::agent::samples(pcm)?, sample_rate))
    }

    /// The same where the bytes may be cut within a sample: the next ones go on with it.
    fn send_audio_bytes(&self, py: Python<'_>, pcm: &[u8], sample_rate: u32) -> PyResult<bool> {
        run(py, || self.0.send_audio_bytes(pcm, sample_rate))
    }

    fn send_completeness(&self, py: Python<'_>, completeness: f64) -> PyResult<bool> {
        run(py, || self.0.send_completeness(completeness))
    }

    /// Has `callback()` called when nobody wants the answer any more before it has ended, on a thread of the library.
    fn on_cancel(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        run(py, || {
            CALLS.serve(py)?;
            self.0.interest().on_lost(move || CALLS.call(callback));
            Ok(())
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || {
            self.0.finish();
            Ok(())
        })
    }

    #[pyo3(signature = (code, message, retryable=None, retry_after_ms=None))]
    fn fail(
        &self,
        py: Python<'_>,
        code: Option<&str>,
        message: &str,
        retryable: Option<bool>,
        retry_after_ms: Option<u64>,
    ) -> PyResult<()> {
        run(py, || {
            self.0.fail(code, message, retryable, retry_after_ms);
            Ok(())
        })
    }
}
