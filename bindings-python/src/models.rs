//! The files of the local models.

use std::{path::PathBuf, sync::Arc};

use pyo3::{IntoPyObjectExt, prelude::*};
use voice_bridge::models;

use crate::{courier::PROGRESS, error::run, pending::Pending};

/// Which models there are: a JSON object.
#[pyfunction]
#[pyo3(signature = (folder=None))]
pub(crate) fn list_models(py: Python<'_>, folder: Option<PathBuf>) -> PyResult<Pending> {
    run(py, || Ok(Pending::of(models::list(folder), |py, answer| answer.into_py_any(py))))
}

/// Compares every file with its checksum: a JSON object.
#[pyfunction]
#[pyo3(signature = (folder=None))]
pub(crate) fn verify_models(py: Python<'_>, folder: Option<PathBuf>) -> PyResult<Pending> {
    run(py, || Ok(Pending::of(models::verify(folder), |py, answer| answer.into_py_any(py))))
}

/// Fetches models as the JSON options say; `progress(event_json)` is called on a thread of the library that does nothing else.
#[pyfunction]
#[pyo3(signature = (options_json, folder=None, progress=None))]
pub(crate) fn fetch_models(
    py: Python<'_>,
    options_json: &str,
    folder: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Pending> {
    run(py, || {
        let progress = progress.map(Arc::new);
        if progress.is_some() {
            PROGRESS.serve(py)?;
        }
        let tell = move |event: String| {
            if let Some(progress) = progress.clone() {
                PROGRESS.send(Box::new(move |py| Ok((progress.clone_ref(py), (event,).into_pyobject(py)?.unbind()))));
            }
            true
        };
        Ok(Pending::of(models::fetch(folder, options_json, tell), |py, answer| answer.into_py_any(py)))
    })
}
