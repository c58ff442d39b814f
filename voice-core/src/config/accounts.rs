//! Accounts, and how long things are kept.

use schemars::JsonSchema;
use serde::Deserialize;

use super::invalid;
use crate::{error::Result, layer::RateLimitOptions, secret::Secret};

/// Organizations, users and their keys.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AccountsConfig {
    /// How often an API key may be used that has no limit of its own. Default: as often as it likes.
    pub rate_limit: Option<RateLimitOptions>,
    /// The key under which the credentials of providers and the secrets of webhooks are encrypted: 32 bytes as 64 hexadecimal digits
    /// or in base64. Without one, none can be kept. Default: the environment variable `VOICE_CORE_CREDENTIALS_KEY`.
    #[schemars(with = "Option<String>")]
    pub credentials_key: Option<Secret>,
}

/// How long things are kept. What is left out is kept until somebody deletes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetentionConfig {
    /// How often idle sessions are ended and old things deleted in the background, in minutes. Default: never; the host
    /// does it by calls.
    pub every_minutes: Option<f64>,
    /// After how many days a session that is over is deleted, with everything said in it.
    pub sessions_days: Option<f64>,
    /// After how many days messages, actions and summaries are deleted, whatever becomes of their session.
    pub messages_days: Option<f64>,
    /// After how many days an entry of the audit log is deleted.
    pub audit_days: Option<f64>,
}

impl RetentionConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let days = [
            ("retention.sessions_days", self.sessions_days),
            ("retention.messages_days", self.messages_days),
            ("retention.audit_days", self.audit_days),
        ];
        for (path, days) in days {
            days.map_or(Ok(()), |days| super::range(path, days, 0.0, 36_500.0))?;
        }
        self.every_minutes.map_or(Ok(()), |every| super::range("retention.every_minutes", every, 0.01, 525_600.0))?;
        let limits = days.iter().any(|(_, days)| days.is_some());
        if limits && self.every_minutes.is_none() {
            return Err(invalid(
                "retention.every_minutes: say how often old things are deleted, as in 60 for every hour".into(),
            ));
        }
        Ok(())
    }
}
