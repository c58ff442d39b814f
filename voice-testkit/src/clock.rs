//! A clock that runs on tokio's timer.

use std::time::Duration;

use tokio::time::Instant;
use voice_core::time::{Clock, Timestamp};

/// Wall-clock time that moves with tokio's timer: on a paused runtime (`#[tokio::test(start_paused = true)]`) waiting, and
/// the time of day with it, takes no real time.
///
/// ```
/// use std::time::Duration;
/// use voice_core::time::Clock;
/// use voice_testkit::VirtualClock;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = VirtualClock::new();
/// let before = clock.now();
/// tokio::time::sleep(Duration::from_secs(3600)).await;
/// assert_eq!(clock.now().duration_since(before).as_secs(), 3600);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    base: Timestamp,
    started: Instant,
}

impl VirtualClock {
    /// A clock that starts now, at a fixed moment of the year 2026. Must be made within a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self { base: Timestamp::constant(1_767_225_600, 0), started: Instant::now() }
    }

    /// Moves time on by `by` and lets everything run that was waiting for it. Only on a paused runtime.
    pub async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    /// Lets time stand still for as long as what is given back lives. A paused runtime moves its time on whenever nothing is to be
    /// done, waiting for a real connection included, so that every time-out on one would pass at once.
    #[must_use = "time goes on when this is dropped"]
    pub fn hold(&self) -> HeldClock {
        // Tokio leaves the time alone while blocking work is under way.
        let (release, held) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv().is_ok());
        HeldClock { _release: release }
    }
}

/// Time that stands still. See [`VirtualClock::hold`].
#[derive(Debug)]
pub struct HeldClock {
    _release: std::sync::mpsc::Sender<()>,
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.base + self.started.elapsed()
    }
}
