//! What is known of each provider, whoever calls it: how many calls it may still be sent, and whether it is left alone.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use super::{LayerOptions, breaker::Breaker, rate_limit::RateLimiter};
use crate::error::Stage;

/// Above this many, those are forgotten that no stack holds.
const MANY: usize = 256;

pub(super) struct Health {
    pub(super) limiter: Option<RateLimiter>,
    pub(super) breaker: Arc<Breaker>,
}

/// As whom a provider is called: what is equal for two of a stage has one health.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Account(u64);

impl Account {
    /// Of the name of the provider, and whatever else tells it from others.
    pub(crate) fn of(it: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        it.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The settings of all layers, and the health of every provider that they stand around.
pub(crate) struct Layers {
    pub(crate) options: LayerOptions,
    known: Mutex<HashMap<(Stage, Account), Arc<Health>>>,
}

impl Layers {
    pub(crate) fn new(options: LayerOptions) -> Self {
        Self { options, known: Mutex::default() }
    }

    pub(super) fn health(&self, stage: Stage, account: Account) -> Arc<Health> {
        let key = (stage, account);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY && !known.contains_key(&key) {
            known.retain(|_, health| Arc::strong_count(health) > 1);
        }
        let fresh = || {
            let limiter = self.options.rate_limit.map(RateLimiter::new);
            Arc::new(Health { limiter, breaker: Arc::new(Breaker::new(self.options.circuit_breaker)) })
        };
        Arc::clone(known.entry(key).or_insert_with(fresh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_the_same_to_all_who_call_it_on_the_same_account() {
        let layers = Layers::new(LayerOptions::default());
        let health = |stage, name: &str, key: Option<&str>| layers.health(stage, Account::of((name, key)));
        let one = health(Stage::Tts, "a/b", Some("key"));
        assert!(Arc::ptr_eq(&one, &health(Stage::Tts, "a/b", Some("key"))));
        for other in [
            health(Stage::Tts, "a/b", Some("another key")),
            health(Stage::Tts, "a/b", None),
            health(Stage::Tts, "a/c", Some("key")),
            health(Stage::Stt, "a/b", Some("key")),
        ] {
            assert!(!Arc::ptr_eq(&one, &other));
        }
    }

    #[test]
    fn those_that_nobody_holds_do_not_pile_up() {
        let layers = Layers::new(LayerOptions::default());
        let held = layers.health(Stage::Llm, Account::of(0));
        for n in 1..10 * MANY {
            layers.health(Stage::Llm, Account::of(n));
        }
        assert!(layers.known.lock().unwrap().len() <= MANY);
        assert!(Arc::ptr_eq(&held, &layers.health(Stage::Llm, Account::of(0))));
    }
}
