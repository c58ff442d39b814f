//! Trying again.

use std::time::Duration;

use rand::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{Service, TimeoutOptions, rate_limit::RateLimiter, timeout::Timed};
use crate::{
    error::{Error, ErrorCode, ErrorKind, Result},
    provider::CallContext,
};

/// Nobody waits for longer than this before an attempt while another provider is ready.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// When and how often a failed attempt is made again. Only errors that say they are retryable are. Where another provider of the list
/// is ready, it is asked at once instead of trying again after a time-out or a connection that could not be made, and instead of
/// waiting for more than a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryOptions {
    /// Attempts in all, the first included (1–10). Default 3.
    pub attempts: u32,
    /// The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000.
    pub first_delay_ms: u64,
    /// The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for. Default
    /// 20,000.
    pub max_delay_ms: u64,
    /// Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do not
    /// come back at once. Default true.
    pub jitter: bool,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { attempts: 3, first_delay_ms: 1_000, max_delay_ms: 20_000, jitter: true }
    }
}

impl RetryOptions {
    /// How long to wait after attempt number `attempt` (from 1) failed with `error`; `None`: do not try again.
    pub(crate) fn delay_after(&self, attempt: u32, error: &Error, remaining: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts || !error.retryable() {
            return None;
        }
        let most = Duration::from_millis(self.max_delay_ms);
        let delay = match error.retry_after() {
            Some(asked) if asked > most => return None,
            Some(asked) => asked,
            None => {
                let factor = 2_u64.saturating_pow(attempt - 1);
                let longest = self.first_delay_ms.saturating_mul(factor).min(self.max_delay_ms);
                Duration::from_millis(if self.jitter { rand::rng().random_range(0..=longest) } else { longest })
            }
        };
        // A wait that outlives the deadline could only end in a less telling error.
        remaining.is_none_or(|left| delay < left).then_some(delay)
    }

    /// The same where another provider is ready: one that gives no answer, or wants to be waited for, is not waited for again.
    fn short_delay_after(&self, attempt: u32, error: &Error, remaining: Option<Duration>) -> Option<Duration> {
        let is_silent = error.code() == ErrorCode::Timeout || error.kind() == ErrorKind::Connect;
        self.delay_after(attempt, error, remaining).filter(|delay| !is_silent && *delay <= PATIENCE)
    }
}

/// Opens a stream and waits for its first item, trying again while that fails. With `has_another`, another provider is ready.
/// `attempts` counts every attempt made; there is none when the rate limit leaves no call.
pub(super) async fn open<S: Service>(
    service: &S,
    limiter: Option<&RateLimiter>,
    request: &S::Request,
    ctx: &CallContext,
    options: RetryOptions,
    timeouts: TimeoutOptions,
    has_another: bool,
    attempts: &mut u32,
) -> Result<Timed<S::Item>> {
    let (mut attempt, mut before) = (0, None);
    loop {
        attempt += 1;
        if let Some(limiter) = limiter
            && let Err(none_left) = limiter.acquire(ctx, has_another.then_some(PATIENCE)).await
        {
            // What the provider itself said tells more.
            return Err(before.unwrap_or(none_left).with_stage(S::STAGE).with_provider(service.name()));
        }
        *attempts += 1;
        let error = match Timed::open(service, request.clone(), ctx, timeouts).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error.with_stage(S::STAGE).with_provider(service.name()),
        };
        let delay = match has_another {
            true => options.short_delay_after(attempt, &error, ctx.remaining()),
            false => options.delay_after(attempt, &error, ctx.remaining()),
        };
        match delay {
            Some(delay) => {
                tracing::info!(
                    stage = S::STAGE.as_str(), provider = service.name(), attempt, code = error.code().as_str(),
                    kind = ?error.kind(), delay_ms = delay.as_millis() as u64, "attempt failed, trying again"
                );
                sleep(delay).await;
                before = Some(error);
            }
            None => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> RetryOptions {
        RetryOptions { jitter: false, ..RetryOptions::default() }
    }

    #[test]
    fn waits_one_then_two_seconds_then_gives_up() {
        let error = Error::new(ErrorKind::ProviderFailed, "503");
        let delays: Vec<_> = (1..=3).map(|n| plain().delay_after(n, &error, None)).collect();
        assert_eq!(delays, [Some(Duration::from_secs(1)), Some(Duration::from_secs(2)), None]);
    }

    #[test]
    fn never_repeats_what_the_caller_must_mend() {
        let error = Error::new(ErrorKind::RejectedByProvider, "400");
        assert_eq!(plain().delay_after(1, &error, None), None);
    }

    #[test]
    fn a_provider_that_names_a_wait_gets_exactly_that() {
        let error = Error::new(ErrorKind::RateLimited, "429").with_retry_after(Duration::from_secs(7));
        assert_eq!(RetryOptions::default().delay_after(1, &error, None), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_wait_longer_than_the_most_or_than_the_deadline_is_not_begun() {
        let error = Error::new(ErrorKind::RateLimited, "429").with_retry_after(Duration::from_secs(100));
        assert_eq!(plain().delay_after(1, &error, None), None);
        let error = Error::new(ErrorKind::ProviderFailed, "503");
        assert_eq!(plain().delay_after(1, &error, Some(Duration::from_millis(500))), None);
    }

    #[test]
    fn where_another_is_ready_nobody_waits_for_long_or_for_who_gives_no_answer() {
        let limited = |secs| Error::new(ErrorKind::RateLimited, "429").with_retry_after(Duration::from_secs(secs));
        assert_eq!(plain().short_delay_after(1, &limited(1), None), Some(Duration::from_secs(1)));
        assert_eq!(plain().short_delay_after(1, &limited(2), None), None);
        let failed = Error::new(ErrorKind::ProviderFailed, "503");
        let delays: Vec<_> = (1..=2).map(|n| plain().short_delay_after(n, &failed, None)).collect();
        assert_eq!(delays, [Some(Duration::from_secs(1)), None]);
        for kind in [ErrorKind::Connect, ErrorKind::ConnectTimeout, ErrorKind::FirstByteTimeout] {
            assert_eq!(plain().short_delay_after(1, &Error::new(kind, "no answer"), None), None);
        }
    }

    #[test]
    fn jitter_stays_under_the_longest_wait() {
        let error = Error::new(ErrorKind::ProviderFailed, "503");
        for _ in 0..100 {
            let delay = RetryOptions::default().delay_after(2, &error, None).unwrap();
            assert!(delay <= Duration::from_secs(2));
        }
    }
}
