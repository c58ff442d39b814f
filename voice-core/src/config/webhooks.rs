//! How webhooks are delivered.

use schemars::JsonSchema;
use serde::Deserialize;

use super::range;
use crate::error::Result;

/// How webhooks are delivered: how long an attempt may take, when it is made again, and where it may go. Needs the feature `webhooks`,
/// which the packages of other languages have.
///
/// An attempt that fails is made again after `first_delay_seconds`, then after `backoff` times as long each time, up to
/// `longest_delay_seconds`, with up to a quarter more by chance. By the defaults there are twelve attempts in about 32 hours.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WebhooksConfig {
    /// Whether this agent delivers. Of several agents on one database, any number may; one has to. Default true.
    pub deliver: bool,
    /// How long an attempt may take, in seconds, from the connection to the end of the answer. Default 30.
    pub timeout_seconds: f64,
    /// How many attempts are made before a delivery has failed (1–50). Default 12.
    pub attempts: u32,
    /// The wait before the second attempt, in seconds. Default 5.
    pub first_delay_seconds: f64,
    /// By how much each wait is longer than the one before (1–10). Default 4.
    pub backoff: f64,
    /// The longest wait, in seconds, also where the receiver asks for one. Default 21,600 (6 hours).
    pub longest_delay_seconds: f64,
    /// How often to look for what other processes left to be delivered, in seconds. Default 15.
    pub poll_seconds: f64,
    /// After how many days deliveries that are over are deleted from the log. Default 30.
    pub keep_days: f64,
    /// Whether webhooks may have addresses of plain HTTP. Default false: anybody on the way could read what is told.
    pub allow_http: bool,
    /// Whether webhooks may lead to this machine and to private networks. Default false: who may create webhooks could otherwise reach
    /// what only the host should reach.
    pub allow_private: bool,
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            deliver: true,
            timeout_seconds: 30.0,
            attempts: 12,
            first_delay_seconds: 5.0,
            backoff: 4.0,
            longest_delay_seconds: 21_600.0,
            poll_seconds: 15.0,
            keep_days: 30.0,
            allow_http: false,
            allow_private: false,
        }
    }
}

impl WebhooksConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let week = 7.0 * 86_400.0;
        range("webhooks.timeout_seconds", self.timeout_seconds, 0.1, 300.0)?;
        range("webhooks.attempts", f64::from(self.attempts), 1.0, 50.0)?;
        range("webhooks.first_delay_seconds", self.first_delay_seconds, 0.01, week)?;
        range("webhooks.backoff", self.backoff, 1.0, 10.0)?;
        range("webhooks.longest_delay_seconds", self.longest_delay_seconds, 0.01, week)?;
        range("webhooks.poll_seconds", self.poll_seconds, 0.1, 86_400.0)?;
        range("webhooks.keep_days", self.keep_days, 0.01, 3_650.0)
    }
}
