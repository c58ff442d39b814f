//! How an event loop of Python's learns that calls have ended: it waits for one end of a pair of sockets, as for any other, and takes
//! what is to be called. No thread of Python's lies between, and nobody waits for the interpreter's lock to ring. Work that is awaited
//! here gets on here, too, and needs no task on the library's threads.

use std::{
    io::{ErrorKind, Read, Write},
    os::{fd::AsRawFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::Wake,
};

use pyo3::{prelude::*, types::PyList};
use voice_bridge::ErrorRecord;

use crate::{
    courier::{self, Job},
    error::run,
    pending::Shared,
};

/// Calls for an event loop.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Bell(pub(crate) Arc<Loop>);

/// An event loop, as the library's threads see it.
pub(crate) struct Loop {
    waiting: Mutex<Waiting>,
    /// How many coroutines of the loop wait for the bell: while there are any, the loop runs, or will.
    awaiting: AtomicUsize,
    rings: UnixStream,
    rung: UnixStream,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    work: Vec<Weak<Shared>>,
    /// The loop knows that something waits.
    rung: bool,
}

impl Loop {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what `job` gives called by the loop.
    pub(crate) fn send(&self, job: Job) {
        self.add(|waiting| waiting.jobs.push(job));
    }

    /// Whether somebody waits for the bell on the loop.
    pub(crate) fn is_awaited(&self) -> bool {
        self.awaiting.load(Ordering::Acquire) > 0
    }

    fn add(&self, add: impl FnOnce(&mut Waiting)) {
        let is_first = {
            let mut waiting = self.lock();
            add(&mut waiting);
            !std::mem::replace(&mut waiting.rung, true)
        };
        if is_first {
            // One byte a round at most: there is always room for it.
            let _rung = (&self.rings).write(&[1]);
        }
    }
}

/// Brings work back to the loop when it can get on.
pub(crate) struct GetsOn {
    pub(crate) work: Weak<Shared>,
    pub(crate) on: Arc<Loop>,
}

impl Wake for GetsOn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.on.add(|waiting| waiting.work.push(Weak::clone(&self.work)));
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
                Ok(Self(Arc::new(Loop { waiting: Mutex::default(), awaiting: AtomicUsize::new(0), rings, rung })))
            };
            pair().map_err(|error: std::io::Error| ErrorRecord::internal(format!("no pair of sockets: {error}")))
        })
    }

    /// What the loop waits for: readable when there are calls.
    fn fileno(&self) -> i32 {
        self.0.rung.as_raw_fd()
    }

    /// Says that a coroutine begins to wait for the bell, or has ceased to.
    fn awaits(&self, begins: bool) {
        if begins {
            self.0.awaiting.fetch_add(1, Ordering::Release);
        } else {
            self.0.awaiting.fetch_sub(1, Ordering::Release);
        }
    }

    /// The calls to make now: `(function, arguments)` each.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut rings = [0; 16];
        while let Err(error) = (&self.0.rung).read(&mut rings)
            && error.kind() == ErrorKind::Interrupted
        {}
        let mut jobs = Vec::new();
        loop {
            let work = {
                let mut waiting = self.0.lock();
                jobs.append(&mut waiting.jobs);
                if waiting.work.is_empty() {
                    // What comes from here on rings again.
                    waiting.rung = false;
                    break;
                }
                std::mem::take(&mut waiting.work)
            };
            work.iter().filter_map(Weak::upgrade).for_each(|work| work.get_on(&self.0));
        }
        courier::errands(py, jobs)
    }
}
