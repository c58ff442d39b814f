//! Leaving a failing provider alone for a while.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    error::{Error, ErrorCode, ErrorKind},
    time::after,
};

/// When a failing provider is left alone, so that a turn goes to the next in the list at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CircuitBreakerOptions {
    /// Calls that must fail in a row. Default 5; 0 switches the breaker off.
    pub failures: u32,
    /// How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the provider
    /// is back, otherwise it rests again. Default 30,000.
    pub rest_ms: u64,
}

impl Default for CircuitBreakerOptions {
    fn default() -> Self {
        Self { failures: 5, rest_ms: 30_000 }
    }
}

pub(super) struct Breaker {
    options: CircuitBreakerOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    /// While a probe is out, this is when the next could go at the latest.
    rests_until: Option<Instant>,
}

/// Leave to make a call. After a rest it is a probe, which is out until it is answered, given back or dropped.
pub(super) struct Pass(Option<Probe>);

struct Probe {
    breaker: Arc<Breaker>,
    until: Instant,
}

impl Pass {
    /// The provider answers: its rest is over.
    pub(super) fn answered(&mut self) {
        self.end(None);
    }

    /// The call says nothing about the provider, or what it says is told to the breaker next: whoever calls next may probe.
    pub(super) fn give_back(&mut self) {
        self.end(Some(Instant::now()));
    }

    fn end(&mut self, rests_until: Option<Instant>) {
        let Some(Probe { breaker, until }) = self.0.take() else { return };
        let mut state = breaker.state();
        // Other calls may have failed or succeeded meanwhile.
        if state.rests_until == Some(until) {
            state.rests_until = rests_until;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Breaker {
    pub(super) fn new(options: CircuitBreakerOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to make a call, unless the provider is left alone. After a rest, one caller at a time is let through as a probe.
    pub(super) fn admits(self: &Arc<Self>) -> Option<Pass> {
        let mut state = self.state();
        match state.rests_until {
            None => Some(Pass(None)),
            Some(until) if Instant::now() < until => None,
            Some(_) => {
                let until = self.after_a_rest();
                state.rests_until = Some(until);
                Some(Pass(Some(Probe { breaker: Arc::clone(self), until })))
            }
        }
    }

    /// Whether the provider is left alone at this moment.
    pub(super) fn rests(&self) -> bool {
        self.rest().is_some()
    }

    /// For how long the provider is left alone from now on; `None`: it is not.
    pub(super) fn rest(&self) -> Option<Duration> {
        let until = self.state().rests_until?;
        until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())
    }

    fn after_a_rest(&self) -> Instant {
        after(Instant::now(), Duration::from_millis(self.options.rest_ms))
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    /// Counts a failure if it is the provider's: a wrong request or a cancelled call says nothing about its health.
    pub(super) fn failed(&self, error: &Error) {
        let counts = matches!(
            error.code(),
            ErrorCode::ProviderError
                | ErrorCode::Timeout
                | ErrorCode::InvalidProviderKey
                | ErrorCode::RateLimitExceeded
        ) && error.kind() != ErrorKind::DeadlineExceeded;
        if !counts || self.options.failures == 0 {
            return;
        }
        let mut state = self.state();
        state.failures += 1;
        if state.failures >= self.options.failures {
            state.rests_until = Some(self.after_a_rest());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Error {
        Error::new(ErrorKind::ProviderFailed, "503")
    }

    /// A breaker that opens at the second failure, after both and its rest.
    async fn rested() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::new(CircuitBreakerOptions { failures: 2, rest_ms: 1_000 }));
        breaker.failed(&failure());
        assert!(breaker.admits().is_some());
        breaker.failed(&failure());
        assert!(breaker.admits().is_none());
        assert_eq!(breaker.rest(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_millis(1_001)).await;
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn rests_after_failures_in_a_row_and_comes_back_through_one_probe() {
        let breaker = rested().await;
        let probe = breaker.admits();
        assert!(probe.is_some(), "the probe");
        assert!(breaker.admits().is_none(), "nobody else while the probe is out");
        breaker.succeeded();
        assert!(breaker.admits().is_some());
        drop(probe);
        assert!(breaker.admits().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_leaves_its_place_to_the_next() {
        let breaker = rested().await;
        drop(breaker.admits());
        let mut probe = breaker.admits().unwrap();
        assert!(breaker.admits().is_none());
        probe.give_back();
        breaker.failed(&Error::new(ErrorKind::RejectedByProvider, "400"));
        assert!(breaker.admits().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_begins_another_rest() {
        let breaker = rested().await;
        let mut probe = breaker.admits().unwrap();
        probe.give_back();
        breaker.failed(&failure());
        drop(probe);
        assert_eq!(breaker.rest(), Some(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_answered_ends_the_rest_until_something_fails() {
        let breaker = rested().await;
        breaker.admits().unwrap().answered();
        let calls = [breaker.admits(), breaker.admits()];
        assert!(calls.iter().all(Option::is_some));
        breaker.failed(&failure());
        assert!(breaker.admits().is_none(), "it breaks off whatever it begins");
    }

    #[test]
    fn a_wrong_request_says_nothing_about_the_provider() {
        let breaker = Arc::new(Breaker::new(CircuitBreakerOptions { failures: 1, rest_ms: 1_000 }));
        breaker.failed(&Error::new(ErrorKind::RejectedByProvider, "400"));
        assert!(breaker.admits().is_some());
    }
}
