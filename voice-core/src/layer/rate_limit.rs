//! Keeping under a provider's rate limit instead of running into it.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{
    error::{Error, ErrorKind, Result},
    provider::CallContext,
    time::after,
};

/// How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer; where another
/// provider of the list is ready, none waits for more than a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RateLimitOptions {
    /// Calls a minute, on average.
    pub per_minute: NonZeroU32,
    /// How many may go at once after a quiet time. Default 1.
    #[serde(default = "one")]
    pub burst: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// tokio's time, so that a paused runtime makes the limit virtual too.
#[derive(Clone, Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Governor = governor::RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>;

/// A bucket of calls.
pub(super) struct RateLimiter {
    governor: Governor,
    clock: TokioClock,
}

impl RateLimiter {
    pub(super) fn new(options: RateLimitOptions) -> Self {
        let clock = TokioClock(Instant::now());
        let quota = Quota::per_minute(options.per_minute).allow_burst(options.burst);
        Self { governor: Governor::direct_with_clock(quota, clock.clone()), clock }
    }

    /// Takes leave to make one call now, or says how long to wait for it.
    fn try_acquire(&self) -> Result<(), Duration> {
        self.governor.check().map_err(|not_yet| not_yet.wait_time_from(self.clock.now()))
    }

    /// Waits for leave to make one call: until the deadline, and for no longer than `patience`, if somebody has none for more.
    pub(super) async fn acquire(&self, ctx: &CallContext, patience: Option<Duration>) -> Result<()> {
        let until = patience.map(|patience| after(Instant::now(), patience));
        while let Err(wait) = self.try_acquire() {
            let message = if ctx.remaining().is_some_and(|left| wait >= left) {
                "the configured rate limit of this provider leaves no call before the turn's deadline"
            } else if until.is_some_and(|until| Instant::now() + wait > until) {
                "the configured rate limit of this provider leaves no call soon enough"
            } else {
                sleep(wait).await;
                continue;
            };
            return Err(Error::new(ErrorKind::RateLimited, message).with_retryable(false).with_retry_after(wait));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_above_the_rate_wait_for_their_turn() {
        let limiter = RateLimiter::new(RateLimitOptions {
            per_minute: NonZeroU32::new(60).unwrap(),
            burst: NonZeroU32::new(2).unwrap(),
        });
        let start = Instant::now();
        for _ in 0..4 {
            limiter.acquire(&CallContext::new(), None).await.unwrap();
        }
        let waited = start.elapsed();
        assert!((Duration::from_millis(1990)..Duration::from_millis(2050)).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_cannot_go_before_its_deadline_fails_at_once() {
        let limiter = RateLimiter::new(RateLimitOptions { per_minute: NonZeroU32::MIN, burst: NonZeroU32::MIN });
        let mut ctx = CallContext::new();
        limiter.acquire(&ctx, None).await.unwrap();
        ctx.deadline = Some(Instant::now() + Duration::from_secs(5));
        let error = limiter.acquire(&ctx, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert!(error.retry_after().unwrap() > Duration::from_secs(50));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_longer_than_there_is_patience() {
        let per_minute = NonZeroU32::new(60).unwrap();
        let limiter = RateLimiter::new(RateLimitOptions { per_minute, burst: NonZeroU32::MIN });
        let (ctx, start) = (CallContext::new(), Instant::now());
        limiter.acquire(&ctx, Some(Duration::ZERO)).await.unwrap();
        let error = limiter.acquire(&ctx, Some(Duration::from_millis(500))).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed()), (ErrorKind::RateLimited, Duration::ZERO));
        limiter.acquire(&ctx, Some(Duration::from_secs(1))).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(990));
    }
}
