//! Leaving a failing provider alone for a while.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::error::{Error, ErrorCode, ErrorKind};

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
    rests_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(options: CircuitBreakerOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may go. After a rest, one caller at a time is let through as a probe.
    pub(super) fn admits(&self) -> bool {
        let mut state = self.state();
        match state.rests_until {
            None => true,
            Some(until) if Instant::now() < until => false,
            Some(_) => {
                state.rests_until = Some(Instant::now() + Duration::from_millis(self.options.rest_ms));
                true
            }
        }
    }

    /// Whether the provider is left alone at this moment.
    pub(super) fn rests(&self) -> bool {
        self.state().rests_until.is_some_and(|until| Instant::now() < until)
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
            state.rests_until = Some(Instant::now() + Duration::from_millis(self.options.rest_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> Error {
        Error::new(ErrorKind::ProviderFailed, "503")
    }

    #[tokio::test(start_paused = true)]
    async fn rests_after_failures_in_a_row_and_comes_back_through_one_probe() {
        let breaker = Breaker::new(CircuitBreakerOptions { failures: 2, rest_ms: 1_000 });
        breaker.failed(&failure());
        assert!(breaker.admits());
        breaker.failed(&failure());
        assert!(!breaker.admits());
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert!(breaker.admits(), "the probe");
        assert!(!breaker.admits(), "nobody else while the probe is out");
        breaker.succeeded();
        assert!(breaker.admits());
    }

    #[test]
    fn a_wrong_request_says_nothing_about_the_provider() {
        let breaker = Breaker::new(CircuitBreakerOptions { failures: 1, rest_ms: 1_000 });
        breaker.failed(&Error::new(ErrorKind::RejectedByProvider, "400"));
        assert!(breaker.admits());
    }
}
