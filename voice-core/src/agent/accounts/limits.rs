//! How often each key may be used.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{Error, ErrorKind, Result},
    layer::{RateLimitOptions, RateLimiter},
    store::{Actor, KeyRateLimit},
};

/// Above this many, those are forgotten that have all their calls again.
const MANY: usize = 10_000;

/// A bucket of calls for each caller, in this process.
#[derive(Default)]
pub(in crate::agent) struct CallerLimits(Mutex<HashMap<Actor, Bucket>>);

struct Bucket {
    options: RateLimitOptions,
    limiter: Arc<RateLimiter>,
    used: Instant,
}

impl Bucket {
    /// Whether forgetting it changes nothing.
    fn is_full(&self, now: Instant) -> bool {
        let minutes = f64::from(self.options.burst.get()) / f64::from(self.options.per_minute.get());
        now - self.used >= Duration::from_secs_f64(minutes * 60.0)
    }
}

impl CallerLimits {
    /// Takes one call out of the caller's bucket.
    pub(super) fn admit(&self, caller: Actor, options: RateLimitOptions) -> Result<()> {
        let now = Instant::now();
        let limiter = {
            let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if buckets.len() >= MANY && !buckets.contains_key(&caller) {
                buckets.retain(|_, bucket| !bucket.is_full(now));
            }
            let fresh = || Bucket { options, limiter: Arc::new(RateLimiter::new(options)), used: now };
            let bucket = buckets.entry(caller).or_insert_with(fresh);
            if bucket.options != options {
                *bucket = fresh();
            }
            bucket.used = now;
            Arc::clone(&bucket.limiter)
        };
        limiter.try_acquire().map_err(|wait| {
            Error::new(
                ErrorKind::RateLimited,
                format!("more than {} calls a minute with this key; wait before the next", options.per_minute),
            )
            .with_retry_after(wait)
        })
    }
}

/// The limit of a key as the limiter reads it.
impl From<KeyRateLimit> for RateLimitOptions {
    fn from(limit: KeyRateLimit) -> Self {
        Self { per_minute: limit.per_minute, burst: limit.burst }
    }
}
