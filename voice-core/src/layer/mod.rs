//! What stands between a turn and a provider. Each layer has its fixed slot:
//!
//! ```text
//! observe (trace, metrics) → fallback (circuit breaker) → per provider: rate limit → retry → time-outs → provider
//! ```
//!
//! The three provider traits are seen through one shape, so that each layer is written once. A layer may try
//! again only while nothing has reached the caller; what to do after that is the turn's to decide. Where another provider of the list
//! is ready, it is asked sooner: nobody is tried again who gives no answer, and no wait is longer than a second. Rate limit and circuit
//! breaker are one for each provider and account, whichever assistant, voice or preview calls it.
//!
//! Speech that is recognised while it is spoken goes through the same slots, with what they can mean there. Opening the stream
//! is one call for the rate limit and the circuit breaker, and the next provider that can listen is asked when it fails.
//! Nothing is retried while the user speaks. The first-byte time-out limits any wait for the rate limit, and then the opening;
//! the idle time-out runs only while the provider is waited for, which is when it takes no more sound or when the sound has
//! ended. After any failure the whole utterance is an ordinary call, with all of the above.

mod breaker;
mod health;
mod listen;
mod rate_limit;
mod realtime;
mod retry;
mod service;
mod stack;
mod timeout;
mod voices;

pub use breaker::CircuitBreakerOptions;
pub(crate) use health::{Account, Layers};
pub(crate) use listen::Listened;
pub use rate_limit::RateLimitOptions;
pub(crate) use realtime::Realtime;
pub use retry::RetryOptions;
pub(crate) use service::{LlmService, Service, SttService, TtsService};
pub(crate) use stack::{Call, Failed, Stack};
pub use timeout::TimeoutOptions;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cost::PricesConfig;

/// The settings of all layers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LayerOptions {
    /// When and how often a failed attempt is made again.
    pub retry: RetryOptions,
    /// How long an attempt may take.
    pub timeouts: TimeoutOptions,
    /// When a failing provider is left alone for a while.
    pub circuit_breaker: CircuitBreakerOptions,
    /// How many calls a minute each provider is sent. `None`: no limit.
    pub rate_limit: Option<RateLimitOptions>,
    /// What providers charge.
    pub prices: PricesConfig,
}
