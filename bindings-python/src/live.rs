//! Live sessions.

use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyList},
};
use voice_bridge::{Frame, LiveBatch};

use crate::{
    agent::{converted, samples},
    error::run,
    pending::Pending,
};

/// A live conversation; dropping it ends it.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct LiveSession(pub(crate) voice_bridge::LiveSession);

#[pymethods]
impl LiveSession {
    #[getter]
    fn session_id(&self) -> String {
        self.0.session_id()
    }

    fn push_pcm16(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        run(py, || self.0.push_audio(samples(data)?))
    }

    fn push_pcm16_at(&self, py: Python<'_>, seconds: f64, data: &[u8]) -> PyResult<()> {
        run(py, || self.0.push_audio_at(seconds, samples(data)?))
    }

    fn push_text(&self, py: Python<'_>, text: &str) -> PyResult<()> {
        run(py, || self.0.push_text(text))
    }

    fn push_dtmf(&self, py: Python<'_>, keys: &str) -> PyResult<()> {
        run(py, || self.0.push_dtmf(keys))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || self.0.commit())
    }

    fn say(&self, py: Python<'_>, text: &str, interruptible: bool) -> PyResult<()> {
        run(py, || self.0.say(text, interruptible))
    }

    fn interrupt(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || self.0.interrupt())
    }

    fn pause(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || self.0.pause())
    }

    fn resume(&self, py: Python<'_>) -> PyResult<()> {
        run(py, || self.0.resume())
    }

    fn set_playback_position(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        run(py, || self.0.set_playback_position(seconds))
    }

    #[pyo3(signature = (language))]
    fn set_language(&self, py: Python<'_>, language: Option<String>) -> PyResult<()> {
        run(py, || self.0.set_language(language))
    }

    /// The next events: a list of `(kind, json, attachment)`; empty at the end.
    fn next_batch(&self, py: Python<'_>, most: usize) -> PyResult<Pending> {
        run(py, || {
            // What has come is taken out at once: a result that Python forgets to ask for must not hold up those that follow.
            Ok(Pending::taking(self.0.next_batch(most), LiveBatch::into_events, |py, events| {
                let events: Vec<_> = events.into_iter().map(|event| converted(py, event)).collect::<PyResult<_>>()?;
                PyList::new(py, events)?.into_py_any(py)
            }))
        })
    }

    /// Ends the session; gives the summary as JSON.
    fn end(&self, py: Python<'_>) -> PyResult<Pending> {
        run(py, || Ok(Pending::of(self.0.end(), |py, summary| summary.to_json().into_py_any(py))))
    }

    /// The session as frames for a connection.
    fn wire(&self, py: Python<'_>) -> PyResult<LiveWire> {
        run(py, || Ok(LiveWire(self.0.wire()?)))
    }

    /// The session as the frames of a carrier of telephone calls.
    fn phone(&self, py: Python<'_>, protocol: &str) -> PyResult<LiveWire> {
        run(py, || Ok(LiveWire(self.0.phone(protocol)?)))
    }
}

/// A live session as frames for a connection.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct LiveWire(voice_bridge::LiveWire);

#[pymethods]
impl LiveWire {
    fn receive_text(&self, py: Python<'_>, text: String) -> PyResult<()> {
        run(py, || self.0.receive(&Frame::Text(text)))
    }

    fn receive_bytes(&self, py: Python<'_>, data: &[u8]) -> PyResult<()> {
        run(py, || self.0.receive(&Frame::Binary(data.to_vec())))
    }

    /// What a carrier said of the call, as JSON.
    fn call(&self) -> Option<String> {
        self.0.call()
    }

    fn press(&self, py: Python<'_>, keys: &str) -> PyResult<()> {
        run(py, || self.0.press(keys))
    }

    /// The next frames: a list of `str` and `bytes`; empty at the end.
    fn next_batch(&self, py: Python<'_>, most: usize) -> PyResult<Pending> {
        run(py, || {
            Ok(Pending::of(self.0.next_batch(most), |py, frames| {
                let frames: Vec<_> = frames.into_iter().map(|frame| frame_of(py, frame)).collect::<PyResult<_>>()?;
                PyList::new(py, frames)?.into_py_any(py)
            }))
        })
    }
}

fn frame_of(py: Python<'_>, frame: Frame) -> PyResult<Py<PyAny>> {
    match frame {
        Frame::Text(text) => text.into_py_any(py),
        Frame::Binary(bytes) => PyBytes::new(py, &bytes).into_py_any(py),
    }
}
