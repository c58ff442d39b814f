//! Work under way.

use std::{
    future::Future,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pyo3::prelude::*;
use voice_bridge::{Call, ErrorRecord, Outcome, runtime};

use crate::{
    courier::CALLS,
    error::{exception, run},
};

/// How often a waiting thread looks whether Ctrl-C was pressed.
const SIGNALS: Duration = Duration::from_millis(50);

type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// Who is to learn of the end, and on which way.
enum News {
    /// From a thread of the library.
    Courier(Py<PyAny>),
    /// From an event loop.
    #[cfg(unix)]
    Bell(Py<PyAny>, Py<crate::bell::Bell>),
}

impl News {
    fn pass_on(self) {
        match self {
            Self::Courier(callback) => CALLS.call(callback),
            #[cfg(unix)]
            Self::Bell(callback, bell) => bell.get().call(callback),
        }
    }
}

/// What has become of the work.
enum State {
    Running {
        callbacks: Vec<News>,
    },
    /// Not looked at yet: it becomes a Python object where the interpreter's lock is held anyway.
    Arrived(Convert),
    Value(Py<PyAny>),
    Failed(ErrorRecord),
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, outcome: Outcome<Convert>) {
        let state = match outcome {
            Ok(convert) => State::Arrived(convert),
            Err(record) => State::Failed(record),
        };
        let before = std::mem::replace(&mut *self.lock(), state);
        self.ended.notify_all();
        if let State::Running { callbacks } = before {
            callbacks.into_iter().for_each(News::pass_on);
        }
    }
}

/// Work under way; dropping it cancels the work.
#[pyclass(frozen, module = "voice_core._native")]
pub(crate) struct Pending {
    shared: Arc<Shared>,
    cancel: Box<dyn Fn() + Send + Sync>,
}

impl Pending {
    /// Follows a call of the bridge; `convert` makes its result a Python object.
    pub(crate) fn of<T: Send + 'static>(
        call: Call<T>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Outcome<Self> {
        let canceller = call.canceller();
        Self::start(call, move || canceller.cancel(), convert)
    }

    /// Follows any work on the runtime.
    pub(crate) fn start<T: Send + 'static>(
        work: impl Future<Output = Outcome<T>> + Send + 'static,
        cancel: impl Fn() + Send + Sync + 'static,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Outcome<Self> {
        let shared =
            Arc::new(Shared { state: Mutex::new(State::Running { callbacks: Vec::new() }), ended: Condvar::new() });
        let follower = Arc::clone(&shared);
        runtime::handle()?.spawn(async move {
            let outcome = work.await.map(|value| Box::new(move |py: Python<'_>| convert(py, value)) as Convert);
            follower.end(outcome);
        });
        Ok(Self { shared, cancel: Box::new(cancel) })
    }
}

impl Pending {
    fn tell(&self, news: News) {
        let mut state = self.shared.lock();
        if let State::Running { callbacks } = &mut *state {
            callbacks.push(news);
        } else {
            drop(state);
            news.pass_on();
        }
    }
}

#[pymethods]
impl Pending {
    /// Blocks until the work has ended, without the interpreter's lock; Ctrl-C cancels it.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        run(py, runtime::may_block)?;
        loop {
            let running = py.detach(|| {
                let state = self.shared.lock();
                let waited =
                    self.shared.ended.wait_timeout_while(state, SIGNALS, |s| matches!(s, State::Running { .. }));
                waited.is_ok_and(|(_, timeout)| timeout.timed_out())
            });
            if !running {
                return self.result(py);
            }
            if let Err(interrupted) = py.check_signals() {
                (self.cancel)();
                return Err(interrupted);
            }
        }
    }

    /// Has `callback()` called when the work has ended, on a thread of the library: it must only pass the news on.
    fn on_done(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        run(py, || {
            CALLS.serve(py)?;
            self.tell(News::Courier(callback));
            Ok(())
        })
    }

    /// The same by the event loop that waits for the bell.
    #[cfg(unix)]
    fn on_done_ring(&self, bell: Py<crate::bell::Bell>, callback: Py<PyAny>) {
        self.tell(News::Bell(callback, bell));
    }

    /// What the work gave, or its exception. Only after its end.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let unfinished = || State::Failed(ErrorRecord::internal("the work has not ended yet"));
        let arrived = {
            let mut state = self.shared.lock();
            match &*state {
                State::Running { .. } => return run(py, || Err(ErrorRecord::internal("the work has not ended yet"))),
                State::Value(value) => return Ok(value.clone_ref(py)),
                State::Failed(record) => return Err(exception(py, record)),
                State::Arrived(_) => std::mem::replace(&mut *state, unfinished()),
            }
        };
        let State::Arrived(convert) = arrived else { return run(py, || Err(ErrorRecord::internal("lost result"))) };
        let value = convert(py)?;
        *self.shared.lock() = State::Value(value.clone_ref(py));
        Ok(value)
    }

    /// Asks the work to stop. Any number of times.
    fn cancel(&self) {
        (self.cancel)();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        (self.cancel)();
    }
}

/// Stops the library's threads without waiting for them.
#[pyfunction]
pub(crate) fn shutdown(py: Python<'_>) -> PyResult<()> {
    run(py, || {
        py.detach(runtime::shutdown);
        Ok(())
    })
}
