//! For the tests: functions that fail on purpose, and the suite of the stores; not in a shipped package.

use std::cell::Cell;

use pyo3::{IntoPyObjectExt, prelude::*};
use voice_bridge::{host::StoreAdaptor, testing};

use crate::{error::run, host::hosted, pending::Pending};

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
    run(py, || Ok(Pending::of(testing::panic_in_work(), |py, ()| Ok(py.None()))))
}

/// Fails with a code of the list.
#[pyfunction]
fn _fail_with(py: Python<'_>, code: &str) -> PyResult<()> {
    run(py, || testing::fail_with(code))
}

/// What every store of conversations must do.
#[pyfunction]
fn _store_cases() -> Vec<&'static str> {
    testing::store_cases()
}

/// Tries a case on an adaptor of a store that is empty: why it does not hold, or None.
#[pyfunction]
fn _try_store(py: Python<'_>, case: &str, store: Py<PyAny>) -> PyResult<Pending> {
    run(py, || {
        let call = testing::try_store(case, hosted(py, store, StoreAdaptor)?);
        Ok(Pending::of(call, |py, fault| fault.into_py_any(py)))
    })
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_panic_next, module)?)?;
    module.add_function(wrap_pyfunction!(_armed, module)?)?;
    module.add_function(wrap_pyfunction!(_panic_in_work, module)?)?;
    module.add_function(wrap_pyfunction!(_fail_with, module)?)?;
    module.add_function(wrap_pyfunction!(_store_cases, module)?)?;
    module.add_function(wrap_pyfunction!(_try_store, module)?)
}
