//! A piece of work: wait for it, await it, or cancel it.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::oneshot, task::AbortHandle};
use tokio_util::sync::CancellationToken;

use crate::{ErrorRecord, Outcome, runtime};

/// Runs a synchronous entry point so that a panic becomes an error.
///
/// # Errors
/// What `work` returns, or `INTERNAL_ERROR` when it panicked.
pub fn guard<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()))
}

pub(crate) fn panicked() -> ErrorRecord {
    ErrorRecord::internal("the library panicked; this is a defect, and the call had no effect that can be relied on")
}

/// Work under way. Dropping it without [`Call::detach`] cancels it.
#[must_use = "dropping a call cancels it"]
pub struct Call<T> {
    /// `None` once the outcome was taken.
    work: Option<Work<T>>,
    cancel: Cancel,
}

enum Work<T> {
    /// It runs on the library's runtime, whoever waits for it.
    Running(oneshot::Receiver<Outcome<T>>),
    /// It needs no task of its own: it gets on where it is awaited.
    Waiting(Pin<Box<dyn Future<Output = Outcome<T>> + Send>>),
}

/// Cancels a [`Call`] from anywhere, any number of times.
#[derive(Clone, Debug)]
pub struct Cancel {
    token: CancellationToken,
    abort: Option<AbortHandle>,
}

impl Cancel {
    /// Asks the work to stop. A turn then ends with `CANCELLED`; other work is dropped where it stands.
    pub fn cancel(&self) {
        self.token.cancel();
        if let Some(abort) = &self.abort {
            abort.abort();
        }
    }
}

/// Cancels calls by a handle that is there before they are: for hosts whose own cancellation cannot drop a [`Call`].
#[derive(Clone, Debug, Default)]
pub struct Cancellation(CancellationToken);

impl Cancellation {
    /// Cancels the calls that are awaited with it, and those that will be. Any number of times.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Awaits a call, which ends in its own way when it is cancelled.
    ///
    /// # Errors
    /// The call's own; `CANCELLED`.
    pub async fn stops<T: Send + 'static>(&self, mut call: Call<T>) -> Outcome<T> {
        if let Some(outcome) = self.0.run_until_cancelled(&mut call).await {
            return outcome;
        }
        call.cancel.cancel();
        call.await
    }
}

impl<T: Send + 'static> Call<T> {
    /// Starts work that is simply dropped when it is cancelled.
    pub(crate) fn spawn(work: impl Future<Output = Outcome<T>> + Send + 'static) -> Self {
        let token = CancellationToken::new();
        Self::start(work, token, true)
    }

    /// Starts work that blocks, on a thread of its own. Cancelling it gives up waiting; the work itself goes on to its end.
    pub fn blocking(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Self {
        Self::spawn(off_thread(work))
    }

    /// The same for work that watches `token` itself and ends in its own way.
    pub(crate) fn blocking_with(token: CancellationToken, work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Self {
        Self::spawn_with(token, off_thread(work))
    }

    /// Starts work that watches `token` itself and ends in its own way.
    pub(crate) fn spawn_with(
        token: CancellationToken,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Self {
        Self::start(work, token, false)
    }

    /// Waits for what others do, where the call is awaited: on any thread, under any executor.
    pub(crate) fn waiting(work: impl Future<Output = Outcome<T>> + Send + 'static) -> Self {
        let token = CancellationToken::new();
        let stop = token.clone();
        let work = async move {
            let outcome = stop.run_until_cancelled(work).await;
            outcome.unwrap_or_else(|| Err(cancelled()))
        };
        Self::here(token, work)
    }

    /// Work that begins when the call is awaited, and gets on there: on any thread, under any executor. It watches `token` itself and
    /// ends in its own way. What it starts, and its timers, are the runtime's.
    pub(crate) fn awaited_with(
        token: CancellationToken,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Self {
        Self::here(token, WithRuntime(Some(Box::pin(work))))
    }

    fn here(token: CancellationToken, work: impl Future<Output = Outcome<T>> + Send + 'static) -> Self {
        let work = async move { AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(panicked())) };
        Self { work: Some(Work::Waiting(Box::pin(work))), cancel: Cancel { token, abort: None } }
    }

    /// Has the runtime get on with it from now on, whether or not it is awaited: for hosts to which every look at it is dear.
    pub fn on_runtime(mut self) -> Self {
        match self.work.take() {
            Some(Work::Waiting(work)) => Self::start(work, self.cancel.token.clone(), false),
            other => {
                self.work = other;
                self
            }
        }
    }

    fn start(work: impl Future<Output = Outcome<T>> + Send + 'static, token: CancellationToken, abort: bool) -> Self {
        let (sender, result) = oneshot::channel();
        let handle = match runtime::handle() {
            Ok(handle) => handle,
            Err(error) => {
                // The receiver is right here, so this cannot fail.
                let _received = sender.send(Err(error));
                return Self { work: Some(Work::Running(result)), cancel: Cancel { token, abort: None } };
            }
        };
        let task = handle.spawn(async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
            let _nobody_waits = sender.send(outcome);
        });
        Self { work: Some(Work::Running(result)), cancel: Cancel { token, abort: abort.then(|| task.abort_handle()) } }
    }

    /// A handle that cancels this call.
    #[must_use]
    pub fn canceller(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Lets work that runs go on without anybody waiting for it.
    pub fn detach(mut self) {
        self.work = None;
    }

    /// Blocks this thread until the work is done. Never call it on a thread of the runtime.
    ///
    /// # Errors
    /// The work's own error; `CANCELLED` when it was cancelled.
    pub fn wait(mut self) -> Outcome<T> {
        runtime::may_block()?;
        match self.work.take() {
            Some(Work::Running(result)) => result.blocking_recv().unwrap_or_else(|_| Err(cancelled())),
            Some(Work::Waiting(work)) => runtime::handle()?.block_on(work),
            None => Err(cancelled()),
        }
    }
}

/// Work with the runtime round it, also while it is let go of.
struct WithRuntime<T>(Option<Pin<Box<dyn Future<Output = Outcome<T>> + Send>>>);

impl<T> Future for WithRuntime<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let runtime = runtime::handle()?;
        let _here = runtime.enter();
        let Some(work) = &mut self.0 else { return Poll::Ready(Err(cancelled())) };
        let outcome = ready!(work.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl<T> Drop for WithRuntime<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), runtime::handle()) {
            let _here = runtime.enter();
            drop(work);
        }
    }
}

/// Does work that blocks on a thread of its own. Dropped, it gives up waiting; the work itself goes on to its end.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Outcome<T> {
    let work = runtime::handle()?.spawn_blocking(work);
    work.await.unwrap_or_else(|_| Err(panicked()))
}

/// Waits for `work` for as long as `patience`; `None`: for as long as it takes. `TIMEOUT` when nothing happened.
pub(crate) async fn patient<T>(patience: Option<Duration>, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let Some(patience) = patience else { return work.await };
    let nothing = |_| crate::from_host(Some("TIMEOUT"), "nothing happened in that time; ask again", Some(true), None);
    let within = {
        let runtime = runtime::handle()?;
        let _timers = runtime.enter();
        tokio::time::timeout(patience, work)
    };
    within.await.map_err(nothing)?
}

fn cancelled() -> ErrorRecord {
    voice_core::Error::new(voice_core::ErrorKind::Cancelled, "the call was cancelled").into()
}

impl<T> Future for Call<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let outcome = match self.work.as_mut() {
            Some(Work::Running(result)) => ready!(Pin::new(result).poll(cx)).unwrap_or_else(|_| Err(cancelled())),
            Some(Work::Waiting(work)) => ready!(work.as_mut().poll(cx)),
            None => Err(cancelled()),
        };
        self.work = None;
        Poll::Ready(outcome)
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        // An outcome that nobody took: nobody wants the work any more.
        if self.work.is_some() {
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::mpsc;

    use super::*;

    fn code<T>(outcome: Outcome<T>) -> Option<String> {
        outcome.err().map(|error| error.code)
    }

    /// Looks whether a call has ended, on a thread that belongs to no runtime.
    fn looked_at<T: Send + 'static>(call: &mut Call<T>) -> Option<Outcome<T>> {
        match Pin::new(call).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    #[test]
    fn work_that_only_waits_gets_on_where_it_is_awaited() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut call = Call::waiting(async move { Ok(receiver.recv().await) });
        assert!(looked_at(&mut call).is_none());
        assert!(sender.send(7).is_ok());
        assert!(matches!(looked_at(&mut call), Some(Ok(Some(7)))));
        assert_eq!(looked_at(&mut call).and_then(code).as_deref(), Some("CANCELLED"));
    }

    #[test]
    fn it_is_cancelled_and_caught_like_work_that_runs() {
        let mut call = Call::<()>::waiting(std::future::pending());
        assert!(looked_at(&mut call).is_none());
        call.canceller().cancel();
        assert_eq!(looked_at(&mut call).and_then(code).as_deref(), Some("CANCELLED"));

        let panics = Call::<()>::waiting(async { std::panic::panic_any("on purpose") });
        assert_eq!(code(panics.wait()).as_deref(), Some("INTERNAL_ERROR"));
    }

    #[test]
    fn a_handle_from_before_cancels_calls_that_are_and_that_will_be() {
        let cancellation = Cancellation::default();
        assert!(matches!(
            runtime::handle().map(|r| r.block_on(cancellation.stops(Call::spawn(async { Ok(7) })))),
            Ok(Ok(7))
        ));

        let watched = CancellationToken::new();
        let own_way = {
            let watched = watched.clone();
            async move {
                watched.cancelled().await;
                Ok("stopped")
            }
        };
        let stop = cancellation.clone();
        let outcome = runtime::handle().map(|r| {
            r.block_on(async {
                let (outcome, ()) =
                    tokio::join!(cancellation.stops(Call::spawn_with(watched, own_way)), async { stop.cancel() });
                outcome
            })
        });
        assert!(matches!(outcome, Ok(Ok("stopped"))));

        let late = runtime::handle().map(|r| r.block_on(cancellation.stops(Call::<()>::spawn(std::future::pending()))));
        assert_eq!(late.ok().and_then(code).as_deref(), Some("CANCELLED"));
    }

    /// Says on which thread it is dropped, and whether the runtime is there.
    struct Dropped(std::sync::mpsc::Sender<(std::thread::ThreadId, bool)>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            let _heard = self.0.send((std::thread::current().id(), tokio::runtime::Handle::try_current().is_ok()));
        }
    }

    #[test]
    fn a_turn_gets_on_where_it_is_awaited_with_the_runtime_round_it() {
        let here = std::thread::current().id();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let (dropped, drops) = std::sync::mpsc::channel();
        let held = Dropped(dropped);
        let mut call = Call::awaited_with(CancellationToken::new(), async move {
            let _held = held;
            // Timers and tasks are the runtime's.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let started = tokio::spawn(async { 7 }).await.unwrap_or_default();
            let told: Option<i32> = receiver.recv().await;
            Ok((std::thread::current().id(), started + told.unwrap_or_default()))
        });
        assert!(sender.send(1).is_ok());
        let outcome = loop {
            match looked_at(&mut call) {
                Some(outcome) => break outcome,
                None => std::thread::yield_now(),
            }
        };
        assert!(matches!(outcome, Ok((thread, 8)) if thread == here));
        assert_eq!(drops.try_recv(), Ok((here, true)));
    }

    #[test]
    fn a_turn_that_nobody_awaits_has_not_begun_and_is_let_go_of_with_the_runtime_round_it() {
        let (dropped, drops) = std::sync::mpsc::channel();
        let held = Dropped(dropped);
        let call = Call::<()>::awaited_with(CancellationToken::new(), async move {
            let _held = held;
            std::future::pending().await
        });
        assert!(drops.try_recv().is_err());
        drop(call);
        assert_eq!(drops.try_recv(), Ok((std::thread::current().id(), true)));
    }

    #[test]
    fn it_can_be_given_to_the_runtime() {
        let here = std::thread::current().id();
        let elsewhere = async { Ok(std::thread::current().id()) };
        let call = Call::awaited_with(CancellationToken::new(), elsewhere).on_runtime();
        assert!(matches!(call.wait(), Ok(thread) if thread != here));
    }

    #[test]
    fn patience_ends_where_there_is_no_runtime() {
        let nothing = std::future::pending::<Outcome<()>>();
        let call = Call::waiting(patient(Some(Duration::from_millis(1)), nothing));
        assert_eq!(code(call.wait()).as_deref(), Some("TIMEOUT"));
    }
}
