//! Python objects as providers and stores. Each is an adaptor of `voice_core._host` with a `name` and a `start`.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::{prelude::*, types::PyTuple};
use voice_bridge::{
    ErrorRecord, Outcome, from_host,
    host::{HostLlm, HostStore, HostStt, HostTts, Pcm, Transcript},
    runtime,
};

use crate::{courier::CALLS, error::run, reply::pcm_bytes};

/// A Python object, shared without the interpreter's lock.
pub(crate) struct Hosted(Arc<Py<PyAny>>);

/// An adaptor of the bridge round `object`, if there is one.
pub(crate) fn hosted<A>(
    py: Python<'_>,
    object: Option<Py<PyAny>>,
    adaptor: fn(String, Hosted) -> A,
) -> Outcome<Option<A>> {
    let Some(object) = object else { return Ok(None) };
    CALLS.serve(py)?;
    let name = object.getattr(py, "name").and_then(|name| name.extract::<String>(py));
    let name = name.map_err(|_| ErrorRecord::internal("a host object has no name"))?;
    Ok(Some(adaptor(name, Hosted(Arc::new(object)))))
}

impl Hosted {
    /// Calls `start(*arguments)`, which only passes the work on: to an event loop, or to a thread of Python's.
    fn start<A>(&self, arguments: impl FnOnce(Python<'_>) -> PyResult<A> + Send + 'static)
    where
        A: for<'py> IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
    {
        let object = Arc::clone(&self.0);
        // When it fails, the answer is dropped with the arguments, so that its asker learns that none comes.
        CALLS.send(move |py| {
            Ok((object.getattr(py, "start")?, arguments(py)?.into_pyobject(py).map_err(Into::into)?.unbind()))
        });
    }
}

impl HostStt for Hosted {
    fn transcribe(
        &self,
        samples: Arc<[i16]>,
        language: Option<String>,
        answer: voice_bridge::host::Responder<Transcript>,
    ) {
        self.start(move |py| {
            Ok((pcm_bytes(py, &samples)?.unbind(), language, Responder::new(Answer::Transcript(answer))))
        });
    }
}

impl HostLlm for Hosted {
    fn generate(&self, request_json: String, answer: voice_bridge::host::Responder<String>) {
        self.start(move |_| Ok((request_json, Responder::new(Answer::Text(answer)))));
    }
}

impl HostTts for Hosted {
    fn synthesize(&self, text: String, language: Option<String>, answer: voice_bridge::host::Responder<Pcm>) {
        self.start(move |_| Ok((text, language, Responder::new(Answer::Audio(answer)))));
    }
}

impl HostStore for Hosted {
    fn call(&self, method: &'static str, arguments_json: String, answer: voice_bridge::host::Responder<String>) {
        self.start(move |_| Ok((method, arguments_json, Responder::new(Answer::Text(answer)))));
    }
}

enum Answer {
    Transcript(voice_bridge::host::Responder<Transcript>),
    Text(voice_bridge::host::Responder<String>),
    Audio(voice_bridge::host::Responder<Pcm>),
}

/// Where a Python object's answer goes. `send_*` say whether anybody still wants it.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Responder(Mutex<Option<Answer>>);

impl Responder {
    fn new(answer: Answer) -> Self {
        Self(Mutex::new(Some(answer)))
    }

    fn send(&self, py: Python<'_>, send: impl FnOnce(&Answer) -> Outcome<Option<bool>>) -> PyResult<bool> {
        run(py, || match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(false),
            Some(answer) => {
                send(answer)?.ok_or_else(|| ErrorRecord::invalid("this is not what the answer consists of"))
            }
        })
    }

    fn take(&self) -> Option<Answer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Responder {
    fn send_text(&self, py: Python<'_>, piece: String) -> PyResult<bool> {
        self.send(py, |answer| match answer {
            Answer::Text(answer) => Ok(Some(answer.send(piece))),
            _ => Ok(None),
        })
    }

    fn send_transcript(
        &self,
        py: Python<'_>,
        text: String,
        is_final: bool,
        language: Option<String>,
    ) -> PyResult<bool> {
        self.send(py, |answer| {
            let Answer::Transcript(answer) = answer else { return Ok(None) };
            let mut transcript = if is_final { Transcript::last(text) } else { Transcript::interim(text) };
            transcript.language = language;
            Ok(Some(answer.send(transcript)))
        })
    }

    fn send_audio(&self, py: Python<'_>, pcm: &[u8], sample_rate: u32) -> PyResult<bool> {
        self.send(py, |answer| match answer {
            Answer::Audio(answer) => Ok(Some(answer.send(Pcm::new(crate::agent::samples(pcm)?, sample_rate)))),
            _ => Ok(None),
        })
    }

    /// Has `callback()` called when nobody wants the answer any more, on a thread of the library.
    fn on_cancel(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        run(py, || {
            CALLS.serve(py)?;
            let token = match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(Answer::Transcript(answer)) => answer.cancellation(),
                Some(Answer::Text(answer)) => answer.cancellation(),
                Some(Answer::Audio(answer)) => answer.cancellation(),
                None => return Ok(()),
            };
            runtime::handle()?.spawn(async move {
                token.cancelled().await;
                CALLS.call(callback);
            });
            Ok(())
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || {
            match self.take() {
                Some(Answer::Transcript(answer)) => answer.finish(),
                Some(Answer::Text(answer)) => answer.finish(),
                Some(Answer::Audio(answer)) => answer.finish(),
                None => {}
            }
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
            let error = from_host(code, message, retryable, retry_after_ms);
            match self.take() {
                Some(Answer::Transcript(answer)) => answer.fail(error),
                Some(Answer::Text(answer)) => answer.fail(error),
                Some(Answer::Audio(answer)) => answer.fail(error),
                None => {}
            }
            Ok(())
        })
    }
}
