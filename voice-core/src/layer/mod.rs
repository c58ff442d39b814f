//! What stands between a turn and a provider. Each layer has its fixed slot:
//!
//! ```text
//! observe (trace, metrics) → fallback (circuit breaker) → per provider: rate limit → retry → time-outs → provider
//! ```
//!
//! The three provider traits are seen through one shape, so that each layer is written once. A layer may try
//! again only while nothing has reached the caller; what to do after that is the turn's to decide.

mod breaker;
mod rate_limit;
mod retry;
mod service;
mod stack;
mod timeout;

pub use breaker::CircuitBreakerOptions;
pub use rate_limit::RateLimitOptions;
pub(crate) use rate_limit::RateLimiter;
pub use retry::RetryOptions;
pub(crate) use service::{LlmService, Service, SttService, TtsService};
pub(crate) use stack::{Call, Stack};
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
    /// How many calls a second each provider is sent. `None`: no limit.
    pub rate_limit: Option<RateLimitOptions>,
    /// What providers charge.
    pub prices: PricesConfig,
}
