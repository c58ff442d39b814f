//! Wall-clock time behind a trait. Waiting uses tokio's timer, so on a paused tokio runtime every wait is virtual;
//! `voice_testkit::VirtualClock` ties the wall clock to that timer.

use std::{
    fmt::Debug,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

pub use jiff::Timestamp;
use tokio::time::{Instant, Sleep, sleep_until};

/// Where the library reads the time of day for what it stores and logs.
pub trait Clock: Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock; the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The default clock, shared.
#[must_use]
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Thirty years: for ever, as far as a turn is concerned, and well within what timers can count.
const FOR_EVER: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The moment that is so long after another. A host may say `Duration::MAX` for no limit, which added to a moment would be none.
pub(crate) fn after(moment: Instant, time: Duration) -> Instant {
    moment + time.min(FOR_EVER)
}

/// An alarm for a moment that keeps moving, mostly to later. It is set again only once it has rung, or for an earlier moment: to move the
/// runtime's own timer each time would cost more than what moves it.
#[derive(Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready once `due` is over. It is first set for `earliest`, which is no later than any moment that it will be asked for.
    pub(crate) fn poll(&mut self, due: Instant, earliest: impl FnOnce() -> Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(earliest())));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}
