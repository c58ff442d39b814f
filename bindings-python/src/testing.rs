//! Functions that fail on purpose, for the tests; not in a shipped package.

use std::cell::Cell;

use pyo3::prelude::*;
use voice_bridge::testing;

use crate::{error::run, pending::Pending};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn panic_if_armed() {
    if ARMED.replace(false) {
        // The guard above is the bridge's own; what it returns shows that the panic was met there.
        std::panic::resume_unwind(Box::new("on purpose"));
    }
}

/// Makes the next entry point that this thread calls panic.
#[pyfunction]
fn _panic_next() {
    ARMED.set(true);
}

/// Whether a panic is still to come: nothing was called, or it has no guard.
#[pyfunction]
fn _armed() -> bool {
    ARMED.replace(false)
}

/// Panics inside work on the library's threads.
#[pyfunction]
fn _panic_in_work(py: Python<'_>) -> PyResult<Pending> {
    run(py, || Pending::of(testing::panic_in_work(), |py, ()| Ok(py.None())))
}

/// Fails with a code of the list.
#[pyfunction]
fn _fail_with(py: Python<'_>, code: &str) -> PyResult<()> {
    run(py, || testing::fail_with(code))
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_panic_next, module)?)?;
    module.add_function(wrap_pyfunction!(_armed, module)?)?;
    module.add_function(wrap_pyfunction!(_panic_in_work, module)?)?;
    module.add_function(wrap_pyfunction!(_fail_with, module)?)
}
