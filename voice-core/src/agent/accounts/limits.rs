//! How often each key may be used.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    error::{Error, ErrorKind, Result},
    id::ApiKeyId,
    layer::RateLimitOptions,
    store::{Actor, KeyRateLimit},
    time::after,
};

/// Above this many, those are forgotten that have all their calls again.
const MANY: usize = 10_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A bucket of calls for each caller, in this process.
#[derive(Default)]
pub(in crate::agent) struct CallerLimits(Mutex<HashMap<Actor, Bucket>>);

/// It counts by itself, as its options may change while the calls stay made.
struct Bucket {
    options: RateLimitOptions,
    /// Whether the options are the key's own. Forgotten, they would be known only when it is authenticated again.
    is_own: bool,
    /// When it has all its calls again.
    full_at: Instant,
}

impl Bucket {
    /// How long it takes until it has one call more.
    fn interval(&self) -> Duration {
        MINUTE / self.options.per_minute.get()
    }

    /// How long it takes until it has all its calls again.
    fn missing(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    /// Has these options from now on, and as many calls less as before.
    fn change(&mut self, options: RateLimitOptions, now: Instant) {
        let made = self.missing(now).as_secs_f64() / self.interval().as_secs_f64();
        self.options = options;
        let made = made.min(f64::from(options.burst.get()));
        self.full_at = after(now, self.interval().mul_f64(made));
    }

    fn take(&mut self, now: Instant) -> Result<()> {
        let missing = self.missing(now) + self.interval();
        let wait = missing.saturating_sub(self.interval().saturating_mul(self.options.burst.get()));
        if wait.is_zero() {
            self.full_at = after(now, missing);
            return Ok(());
        }
        let per_minute = self.options.per_minute;
        let message = format!("more than {per_minute} calls a minute with this key; wait before the next");
        Err(Error::new(ErrorKind::RateLimited, message).with_retry_after(wait))
    }
}

impl CallerLimits {
    /// Takes one call out of the bucket of a key that was just read, by its own limit or else the usual one.
    pub(super) fn admit_key(
        &self,
        key: ApiKeyId,
        own: Option<RateLimitOptions>,
        usual: Option<RateLimitOptions>,
    ) -> Result<()> {
        let (mut buckets, now, caller) = (self.lock(), Instant::now(), Actor::Key(key));
        let Some(options) = own.or(usual) else {
            buckets.remove(&caller);
            return Ok(());
        };
        let bucket = bucket_of(&mut buckets, caller, options, now);
        bucket.is_own = own.is_some();
        if bucket.options != options {
            bucket.change(options, now);
        }
        bucket.take(now)
    }

    /// Takes one call out of the caller's bucket; who has none yet gets one by the usual limit.
    pub(super) fn admit(&self, caller: Actor, usual: Option<RateLimitOptions>) -> Result<()> {
        let (mut buckets, now) = (self.lock(), Instant::now());
        match usual {
            Some(options) => bucket_of(&mut buckets, caller, options, now).take(now),
            None => buckets.get_mut(&caller).map_or(Ok(()), |bucket| bucket.take(now)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Actor, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller's bucket: the one that is there, else a full one.
fn bucket_of(
    buckets: &mut HashMap<Actor, Bucket>,
    caller: Actor,
    options: RateLimitOptions,
    now: Instant,
) -> &mut Bucket {
    // Looked through before it has to grow, and not for each that comes: where nothing can be forgotten, it grows.
    if buckets.len() >= MANY && buckets.len() == buckets.capacity() && !buckets.contains_key(&caller) {
        buckets.retain(|_, bucket| bucket.is_own || bucket.full_at > now);
    }
    buckets.entry(caller).or_insert(Bucket { options, is_own: false, full_at: now })
}

/// The limit of a key as the limiter reads it.
impl From<KeyRateLimit> for RateLimitOptions {
    fn from(limit: KeyRateLimit) -> Self {
        Self { per_minute: limit.per_minute, burst: limit.burst }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::advance;

    use super::*;
    use crate::id::UserId;

    fn limit(per_minute: u32, burst: u32) -> Option<RateLimitOptions> {
        let some = |n| NonZeroU32::new(n).unwrap();
        Some(RateLimitOptions { per_minute: some(per_minute), burst: some(burst) })
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_made_stay_made_when_the_limit_changes() {
        let (limits, key) = (CallerLimits::default(), ApiKeyId::new());
        limits.admit(Actor::Key(key), limit(60, 3)).unwrap();
        assert!(limits.admit_key(key, limit(1, 1), limit(60, 3)).is_err());
        advance(MINUTE).await;
        limits.admit_key(key, limit(1, 1), limit(60, 3)).unwrap();
        // Of three calls it has two left, whose limit is raised.
        for _ in 0..2 {
            limits.admit_key(key, limit(60, 3), None).unwrap();
        }
        assert!(limits.admit(Actor::Key(key), None).is_err());
        limits.admit_key(key, None, None).unwrap();
        limits.admit(Actor::Key(key), None).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_keys_own_limit_outlasts_callers_that_are_forgotten() {
        let (limits, key) = (CallerLimits::default(), ApiKeyId::new());
        limits.admit_key(key, limit(1, 1), limit(60, 1)).unwrap();
        for _ in 0..3 {
            advance(MINUTE).await;
            for _ in 0..MANY {
                limits.admit(Actor::User(UserId::new()), limit(60, 1)).unwrap();
            }
        }
        assert!(limits.lock().len() < 3 * MANY, "some are forgotten");
        limits.admit(Actor::Key(key), limit(60, 1)).unwrap();
        advance(Duration::from_secs(30)).await;
        assert!(limits.admit(Actor::Key(key), limit(60, 1)).is_err());
    }
}
