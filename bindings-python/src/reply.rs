//! Replies.

use pyo3::{prelude::*, types::PyBytes};
use voice_bridge::{ReplyRecord, host::Pcm};

use crate::error::run;

/// Samples as little-endian bytes.
pub(crate) fn pcm_bytes<'py>(py: Python<'py>, samples: &[i16]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, samples.len() * 2, |bytes| {
        for (two, sample) in bytes.chunks_exact_mut(2).zip(samples) {
            two.copy_from_slice(&sample.to_le_bytes());
        }
        Ok(())
    })
}

pub(crate) fn chunk<'py>(py: Python<'py>, pcm: &Pcm) -> PyResult<(Bound<'py, PyBytes>, u32)> {
    Ok((pcm_bytes(py, pcm.samples())?, pcm.sample_rate()))
}

/// A reply: plain fields as JSON, and its sound.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Reply(pub(crate) ReplyRecord);

#[pymethods]
impl Reply {
    /// Everything but the sound.
    fn json(&self, py: Python<'_>) -> PyResult<String> {
        run(py, || Ok(self.0.to_json()))
    }

    /// The sound: mono 16-bit little-endian samples.
    fn pcm<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        run(py, || Ok(()))?;
        pcm_bytes(py, self.0.get().audio.samples())
    }

    /// The sound as a file of `format`.
    fn encoded<'py>(&self, py: Python<'py>, format: &str) -> PyResult<Bound<'py, PyBytes>> {
        run(py, || py.detach(|| self.0.encoded(format))).map(|file| PyBytes::new(py, &file))
    }

    /// Writes the sound to a file.
    fn save(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        run(py, || py.detach(|| self.0.save(path)))
    }
}
