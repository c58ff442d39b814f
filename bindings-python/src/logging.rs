//! Log records for Python's `logging`.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::{courier::LOGS, error::run};

/// The level that a config document names, or the environment where it names none.
#[pyfunction]
pub(crate) fn configured_log_level(py: Python<'_>, config_json: &str) -> PyResult<Option<String>> {
    run(py, || Ok(voice_bridge::logging::configured(config_json)))
}

/// Sends log records of `level` and above to `sink(level, target, message, fields_json)`, on a thread of the library; `None`: to
/// nobody.
#[pyfunction]
#[pyo3(signature = (level, sink=None))]
pub(crate) fn set_log_sink(py: Python<'_>, level: &str, sink: Option<Py<PyAny>>) -> PyResult<()> {
    run(py, || {
        let Some(sink) = sink.map(Arc::new) else {
            voice_bridge::logging::clear_sink();
            return Ok(());
        };
        LOGS.serve(py)?;
        voice_bridge::logging::set_sink(
            level,
            Arc::new(move |level, target, message, fields| {
                let (sink, target) = (Arc::clone(&sink), target.to_owned());
                let (message, fields) = (message.to_owned(), fields.to_owned());
                LOGS.send(Box::new(move |py| {
                    let record = (level, target, message, fields).into_pyobject(py)?;
                    Ok((sink.clone_ref(py), record.unbind()))
                }));
            }),
        )
    })
}
