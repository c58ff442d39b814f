//! Threads that take the interpreter's lock so that the library's own threads never wait for it.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, Sender, channel},
};

use pyo3::prelude::*;

type Job = Box<dyn FnOnce(Python<'_>) + Send>;

/// Carries short pieces of work to Python, one after the other, on a thread of its own.
pub(crate) struct Courier {
    thread: &'static str,
    /// The process that started the thread: after a `fork` the child has to start another.
    running: Mutex<Option<(u32, Sender<Job>)>>,
}

/// For what has to arrive soon and never takes long: ends of calls, requests to host objects.
pub(crate) static CALLS: Courier = Courier::new("voice-core-calls");
/// For log records: the host's handlers may take as long as they like, and may use the library.
pub(crate) static LOGS: Courier = Courier::new("voice-core-logs");

impl Courier {
    const fn new(thread: &'static str) -> Self {
        Self { thread, running: Mutex::new(None) }
    }

    /// Has `job` run soon. It is dropped when the interpreter is going away.
    pub(crate) fn send(&self, job: impl FnOnce(Python<'_>) + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = std::process::id();
        let jobs = match running.take().filter(|(of, _)| *of == pid) {
            Some((_, jobs)) => jobs,
            None => {
                let (jobs, received) = channel();
                let thread = std::thread::Builder::new().name(self.thread.to_owned());
                if thread.spawn(move || deliver(&received)).is_err() {
                    return;
                }
                jobs
            }
        };
        // The thread ends only with the interpreter.
        let _delivered = jobs.send(Box::new(job));
        *running = Some((pid, jobs));
    }
}

fn deliver(jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let attached = Python::try_attach(|py| {
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                // A panic is a defect of one job; the next ones must still arrive.
                let _reported = voice_bridge::guard(|| {
                    job(py);
                    Ok(())
                });
            }
        });
        if attached.is_none() {
            return;
        }
    }
}
