//! How an event loop of Python's learns that calls have ended: it waits for one end of a pair of sockets, as for any other, and takes
//! what is to be called. No thread of Python's lies between, and nobody waits for the interpreter's lock to ring.

use std::{
    io::{ErrorKind, Read, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    sync::{Mutex, PoisonError},
};

use pyo3::{prelude::*, types::PyList};
use voice_bridge::ErrorRecord;

use crate::error::run;

/// Calls for an event loop.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Bell {
    calls: Mutex<Vec<Py<PyAny>>>,
    rings: UnixStream,
    rung: UnixStream,
}

impl Bell {
    /// Has `callback()` called by the loop.
    pub(crate) fn call(&self, callback: Py<PyAny>) {
        let is_first = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(callback);
            calls.len() == 1
        };
        if is_first {
            // One byte a round at most: there is always room for it.
            let _rung = (&self.rings).write(&[1]);
        }
    }
}

#[pymethods]
impl Bell {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        run(py, || {
            let pair = || {
                let (rings, rung) = UnixStream::pair()?;
                rings.set_nonblocking(true)?;
                rung.set_nonblocking(true)?;
                Ok(Self { calls: Mutex::default(), rings, rung })
            };
            pair().map_err(|error: std::io::Error| ErrorRecord::internal(format!("no pair of sockets: {error}")))
        })
    }

    /// What the loop waits for: readable when there are calls.
    fn fileno(&self) -> i32 {
        self.rung.as_raw_fd()
    }

    /// The calls to make now.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        // Before the calls are taken: one that comes in between rings again, or is taken along.
        let mut rings = [0; 16];
        while let Err(error) = (&self.rung).read(&mut rings)
            && error.kind() == ErrorKind::Interrupted
        {}
        let calls = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        PyList::new(py, calls)
    }
}
