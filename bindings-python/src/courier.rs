//! What the library has for Python, and the threads of Python's that fetch it.
//!
//! The library's own threads never take the interpreter's lock, and no frame of Rust's lies below a call into Python: an interpreter
//! that goes away ends the threads that still want its lock wherever they are, which the frames of Rust's cannot survive.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use pyo3::{
    prelude::*,
    types::{PyList, PyTuple},
};
use voice_bridge::{ErrorRecord, Outcome, guard};

use crate::error::run;

/// What is to be called, and with what.
type Errand = (Py<PyAny>, Py<PyTuple>);
pub(crate) type Job = Box<dyn FnOnce(Python<'_>) -> PyResult<Errand> + Send>;

/// A job that calls `function()`.
pub(crate) fn calling(function: Py<PyAny>) -> Job {
    Box::new(move |py| Ok((function, PyTuple::empty(py).unbind())))
}

/// What the jobs give, as a list of `(function, arguments)`.
pub(crate) fn errands(py: Python<'_>, jobs: impl IntoIterator<Item = Job>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for job in jobs {
        // A defect of one job; the next ones must still arrive.
        match guard(|| Ok(job(py))) {
            Ok(Ok(errand)) => list.append(errand)?,
            Ok(Err(defect)) => defect.write_unraisable(py, None),
            Err(_panicked) => {}
        }
    }
    Ok(list)
}

/// Carries short pieces of work to Python, one after the other, to a thread of its own.
pub(crate) struct Courier {
    thread: &'static str,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    /// The process in which a thread fetches the jobs: after a `fork` the child has to start another.
    served_in: Option<u32>,
    /// The interpreter is going away: nothing is taken any more.
    closed: bool,
}

/// For what has to arrive soon and never takes long: ends of calls, requests to host objects.
pub(crate) static CALLS: Courier = Courier::new("voice-core-calls");
/// For log records: the host's handlers may take as long as they like, and may use the library.
pub(crate) static LOGS: Courier = Courier::new("voice-core-logs");
/// For the progress of fetches, which is told to functions of the host's in the same way.
pub(crate) static PROGRESS: Courier = Courier::new("voice-core-progress");

impl Courier {
    const fn new(thread: &'static str) -> Self {
        let state = State { jobs: VecDeque::new(), served_in: None, closed: false };
        Self { thread, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that a thread fetches what is sent. To be called before anything can be sent.
    pub(crate) fn serve(&'static self, py: Python<'_>) -> Outcome<()> {
        let pid = std::process::id();
        {
            let mut state = self.lock();
            if state.closed {
                return Err(ErrorRecord::closed("interpreter"));
            }
            if state.served_in.replace(pid) == Some(pid) {
                return Ok(());
            }
            // What a parent left lying here is the parent's.
            state.jobs.clear();
        }
        let started = py
            .import("voice_core._courier")
            .and_then(|module| module.call_method1("start", (Errands(self), self.thread)));
        started.map(drop).map_err(|error| {
            self.lock().served_in = None;
            ErrorRecord::internal(format!("a thread could not be started: {error}"))
        })
    }

    /// Has what `job` gives called soon. It is dropped when the interpreter is going away.
    pub(crate) fn send(&self, job: Job) {
        let mut state = self.lock();
        if !state.closed {
            state.jobs.push_back(job);
            self.changed.notify_one();
        }
    }

    /// Has `function()` called soon.
    pub(crate) fn call(&self, function: Py<PyAny>) {
        self.send(calling(function));
    }

    /// Waits for jobs. None: there will be none any more.
    fn next(&self) -> Option<VecDeque<Job>> {
        let waited = self.changed.wait_while(self.lock(), |state| state.jobs.is_empty() && !state.closed);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.closed).then(|| std::mem::take(&mut state.jobs))
    }

    fn close(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        self.changed.notify_all();
        // Outside the lock: what a job holds may send another when it goes.
        drop(left);
    }
}

/// What a courier carries, for the thread that fetches it.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Errands(&'static Courier);

#[pymethods]
impl Errands {
    /// Waits for the next calls to make: `(function, arguments)` each. None: there will be none any more.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let Some(jobs) = py.detach(|| self.0.next()) else { return Ok(None) };
        errands(py, jobs).map(Some)
    }
}

/// Ends the threads that fetch: nothing is carried to Python any more.
#[pyfunction]
pub(crate) fn close_couriers(py: Python<'_>) -> PyResult<()> {
    run(py, || {
        CALLS.close();
        LOGS.close();
        PROGRESS.close();
        Ok(())
    })
}
