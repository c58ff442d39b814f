//! Errors of the library as exceptions of `voice_core`.

use pyo3::{prelude::*, sync::PyOnceLock};
use voice_bridge::{ErrorRecord, Outcome, guard};

use crate::reply::Reply;

/// The exception for a record.
pub(crate) fn exception(py: Python<'_>, record: &ErrorRecord) -> PyErr {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let json = serde_json::to_string(record).unwrap_or_default();
    let made = MAKE
        .get_or_try_init(py, || py.import("voice_core._errors")?.getattr("from_record").map(Bound::unbind))
        .and_then(|make| make.bind(py).call1((json, record.reply.clone().map(Reply))));
    made.map_or_else(|failed| failed, PyErr::from_value)
}

/// Runs an entry point: a panic and an error both become exceptions.
pub(crate) fn run<T>(py: Python<'_>, work: impl FnOnce() -> Outcome<T>) -> PyResult<T> {
    guard(|| {
        #[cfg(feature = "testing")]
        crate::testing::panic_if_armed();
        work()
    })
    .map_err(|record| exception(py, &record))
}

/// Every code of the library with the HTTP status that goes with it.
#[pyfunction]
pub(crate) fn error_codes(py: Python<'_>) -> PyResult<Vec<(&'static str, u16)>> {
    run(py, || Ok(voice_bridge::error_codes()))
}
