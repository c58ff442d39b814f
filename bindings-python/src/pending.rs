//! Work under way.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use pyo3::prelude::*;
use voice_bridge::{Call, ErrorRecord, Outcome, guard, runtime};

#[cfg(unix)]
use crate::bell;
use crate::{
    courier::{CALLS, calling},
    error::{exception, run},
};

/// How often a waiting thread looks whether Ctrl-C was pressed.
const SIGNALS: Duration = Duration::from_millis(50);

type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
type Work = Pin<Box<dyn Future<Output = Outcome<Convert>> + Send>>;

/// Who is to learn of the end, and on which way.
enum News {
    /// From a thread of the library.
    Courier(Py<PyAny>),
    /// From an event loop.
    #[cfg(unix)]
    Loop(Py<PyAny>, Arc<bell::Loop>),
}

impl News {
    fn pass_on(self) {
        match self {
            Self::Courier(callback) => CALLS.call(callback),
            #[cfg(unix)]
            Self::Loop(callback, on) => on.send(calling(callback)),
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
    /// A thread makes a Python object of it.
    Converting,
    Value(Py<PyAny>),
    Failed(ErrorRecord),
}

/// What there is for somebody who asks for the result.
enum Found {
    /// To be made a Python object, and to be told of.
    Arrived(Convert),
    Value(Py<PyAny>),
    Failed(ErrorRecord),
}

pub(crate) struct Shared {
    state: Mutex<State>,
    ended: Condvar,
    /// What gets on where it is waited for, until it has ended or was given to the runtime.
    work: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    work: Option<Work>,
    /// The event loop that gets on with it.
    #[cfg(unix)]
    on: Option<Arc<bell::Loop>>,
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work, for a thread that will get on with it: nobody else does.
    fn taken(self: &Arc<Self>) -> Outcome<Option<Work>> {
        let mut held = self.held();
        #[cfg(unix)]
        if held.on.is_some() {
            drop(held);
            self.give_away()?;
            return Ok(None);
        }
        Ok(held.work.take())
    }

    /// Waits for a moment, and gets on with the work meanwhile if it is this thread's. Says whether it has ended.
    fn waited(&self, own: Option<&mut Work>, waker: &Arc<Unparks>) -> bool {
        let Some(work) = own else {
            let running = |state: &mut State| matches!(state, State::Running { .. });
            let waited = self.ended.wait_timeout_while(self.lock(), SIGNALS, running);
            return !waited.is_ok_and(|(_, timeout)| timeout.timed_out());
        };
        let until = Instant::now() + SIGNALS;
        while waker.was_woken_before(until) {
            let waker = Waker::from(Arc::clone(waker));
            if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                self.end(outcome);
                return true;
            }
        }
        false
    }

    /// Has the runtime get on with the work, whoever did before.
    fn give_away(self: &Arc<Self>) -> Outcome<()> {
        let runtime = runtime::handle()?;
        let Some(work) = self.held().work.take() else { return Ok(()) };
        let follower = Arc::clone(self);
        runtime.spawn(async move { follower.end(work.await) });
        Ok(())
    }

    /// Has an event loop get on with the work; where several wait for it, the runtime does.
    #[cfg(unix)]
    fn begin_on(self: &Arc<Self>, on: &Arc<bell::Loop>) -> Outcome<()> {
        let known = self.held().on.replace(Arc::clone(on));
        match known {
            Some(known) if !Arc::ptr_eq(&known, on) => self.give_away()?,
            // It comes back by itself.
            Some(_) => {}
            None => self.get_on(on),
        }
        Ok(())
    }

    /// Gets on with the work on its event loop as far as it goes.
    #[cfg(unix)]
    pub(crate) fn get_on(self: &Arc<Self>, on: &Arc<bell::Loop>) {
        let outcome = {
            let mut held = self.held();
            let Some(work) = &mut held.work else { return };
            let waker = Arc::new(bell::GetsOn { work: Arc::downgrade(self), on: Arc::clone(on) }).into();
            let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(&waker)) else { return };
            held.work = None;
            outcome
        };
        self.end(outcome);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, outcome: Outcome<Convert>) {
        let before = self.set(match outcome {
            Ok(convert) => State::Arrived(convert),
            Err(record) => State::Failed(record),
        });
        if let State::Running { callbacks } = before {
            callbacks.into_iter().for_each(News::pass_on);
        }
    }

    fn set(&self, state: State) -> State {
        let before = std::mem::replace(&mut *self.lock(), state);
        self.ended.notify_all();
        before
    }

    /// What has come of the work. Nothing of Python's runs while the state is locked: whoever wants the lock next may hold the
    /// interpreter's.
    fn found(&self, py: Python<'_>) -> Found {
        loop {
            {
                let mut state = self.lock();
                match &*state {
                    State::Running { .. } => return Found::Failed(ErrorRecord::internal("the work has not ended yet")),
                    State::Value(value) => return Found::Value(value.clone_ref(py)),
                    State::Failed(record) => return Found::Failed(record.clone()),
                    State::Arrived(_) => {
                        if let State::Arrived(convert) = std::mem::replace(&mut *state, State::Converting) {
                            return Found::Arrived(convert);
                        }
                    }
                    State::Converting => {}
                }
            }
            py.detach(|| {
                let converting = |state: &mut State| matches!(state, State::Converting);
                drop(self.ended.wait_while(self.lock(), converting));
            });
        }
    }
}

/// Wakes the thread that waits for work, and gets on with it.
struct Unparks {
    thread: Thread,
    woken: AtomicBool,
}

impl Unparks {
    /// For this thread, which has not looked at its work yet.
    fn here() -> Arc<Self> {
        Arc::new(Self { thread: thread::current(), woken: AtomicBool::new(true) })
    }

    fn was_woken_before(&self, until: Instant) -> bool {
        loop {
            if self.woken.swap(false, Ordering::Acquire) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
    }
}

impl Wake for Unparks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
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
    ) -> Self {
        Self::taking(call, |value| value, convert)
    }

    /// The same where `take` says what of the result waits for Python.
    pub(crate) fn taking<T: Send + 'static, U: Send + 'static>(
        call: Call<T>,
        take: impl FnOnce(T) -> U + Send + 'static,
        convert: impl FnOnce(Python<'_>, U) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> Self {
        let canceller = call.canceller();
        let work: Work = Box::pin(async move {
            let taken = take(call.await?);
            Ok(Box::new(move |py: Python<'_>| convert(py, taken)) as Convert)
        });
        let work = Held { work: Some(work), ..Held::default() };
        let state = State::Running { callbacks: Vec::new() };
        let shared = Shared { state: Mutex::new(state), ended: Condvar::new(), work: Mutex::new(work) };
        Self { shared: Arc::new(shared), cancel: Box::new(move || canceller.cancel()) }
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
        let mut own = run(py, || {
            runtime::may_block()?;
            self.shared.taken()
        })?;
        let waker = Unparks::here();
        while !py.detach(|| self.shared.waited(own.as_mut(), &waker)) {
            if let Err(interrupted) = py.check_signals() {
                (self.cancel)();
                // Others may wait for its end.
                self.shared.held().work = own.take();
                run(py, || self.shared.give_away())?;
                return Err(interrupted);
            }
        }
        self.result(py)
    }

    /// Has `callback()` called when the work has ended, on a thread of the library: it must only pass the news on.
    fn on_done(&self, py: Python<'_>, callback: Py<PyAny>) -> PyResult<()> {
        run(py, || {
            CALLS.serve(py)?;
            self.shared.give_away()?;
            self.tell(News::Courier(callback));
            Ok(())
        })
    }

    /// The same by the event loop that waits for the bell, on which it is called. False: the work has ended already, and nothing is
    /// called.
    #[cfg(unix)]
    fn on_done_ring(&self, py: Python<'_>, bell: &bell::Bell, callback: Py<PyAny>) -> PyResult<bool> {
        run(py, || self.shared.begin_on(&bell.0))?;
        let mut state = self.shared.lock();
        let State::Running { callbacks } = &mut *state else { return Ok(false) };
        callbacks.push(News::Loop(callback, Arc::clone(&bell.0)));
        Ok(true)
    }

    /// What the work gave, or its exception. Only after its end.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.shared.found(py) {
            Found::Value(value) => Ok(value),
            Found::Failed(record) => Err(exception(py, &record)),
            Found::Arrived(convert) => {
                let made = guard(|| Ok(convert(py)));
                // Whatever came of it, others may wait for it.
                self.shared.set(match &made {
                    Ok(Ok(value)) => State::Value(value.clone_ref(py)),
                    Ok(Err(_)) => State::Failed(ErrorRecord::internal("no Python object could be made of the result")),
                    Err(panicked) => State::Failed(panicked.clone()),
                });
                made.map_err(|panicked| exception(py, &panicked))?
            }
        }
    }

    /// Asks the work to stop. Any number of times.
    fn cancel(&self) {
        (self.cancel)();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Before it is told to stop: nobody is to get on with it.
        let work = self.shared.held().work.take();
        drop(work);
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
