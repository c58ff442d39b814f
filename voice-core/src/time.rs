//! Wall-clock time behind a trait. Waiting uses tokio's timer, so on a paused tokio runtime every wait is virtual;
//! `voice_testkit::VirtualClock` ties the wall clock to that timer.

use std::{fmt::Debug, sync::Arc};

pub use jiff::Timestamp;

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
