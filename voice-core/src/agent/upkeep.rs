//! Ending what is idle and deleting what is old, in the background.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use super::{VoiceAgent, sessions::before};
use crate::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

/// What cleaning up came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CleanedUp {
    /// Idle sessions that were marked as expired.
    pub expired: u64,
    /// Sessions that were deleted, with everything said in them.
    pub sessions: u64,
    /// Messages that were deleted from sessions that stay.
    pub messages: u64,
    /// Entries of the audit log that were deleted.
    pub audit_entries: u64,
}

/// A number of days from the config, which are checked to be in range.
fn days(days: f64) -> Duration {
    Duration::from_secs_f64(days * 86_400.0)
}

impl VoiceAgent {
    /// Marks idle sessions as expired, and deletes what [`RetentionConfig`](crate::config::RetentionConfig) says is too old. The
    /// background does the same every `retention.every_minutes`. Several processes may do it at once.
    ///
    /// # Errors
    /// `STORAGE_ERROR`; `INVALID_REQUEST` (kind `Unsupported`) when the store cannot delete messages by their age.
    pub async fn clean_up(&self) -> Result<CleanedUp> {
        let (store, retention) = (&self.engine()?.store, self.inner.parts.retention);
        let mut done = CleanedUp { expired: self.sessions().expire_idle().await?, ..CleanedUp::default() };
        let now = self.engine()?.clock.now();
        if let Some(age) = retention.sessions_days {
            done.sessions = store.delete_over(before(now, days(age))).await?;
        }
        if let (Some(age), Some(log)) = (retention.audit_days, self.storage()?.audit()) {
            done.audit_entries = log.delete_entries_before(before(now, days(age))).await?;
        }
        if let Some(age) = retention.messages_days {
            done.messages = self.delete_said_before(before(now, days(age))).await?;
        }
        Ok(done)
    }

    /// Deletes what was said before a moment, and what was drawn from it; says how many messages.
    pub(super) async fn delete_said_before(&self, before: Timestamp) -> Result<u64> {
        if let Ok(actions) = self.storage()?.actions() {
            actions.delete_actions_before(before).await?;
        }
        self.engine()?.store.delete_messages_before(before).await
    }

    /// Cleans up now and then for as long as the agent is there.
    pub(super) fn start_upkeep(&self) {
        let Some(minutes) = self.inner.parts.retention.every_minutes else { return };
        let every = Duration::from_secs_f64(minutes * 60.0);
        // Held weakly: the task must not keep the agent alive.
        let (agent, closing) = (Arc::downgrade(&self.inner), self.cancel_token().clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = closing.cancelled() => return,
                    () = tokio::time::sleep(every) => {}
                }
                let Some(inner) = agent.upgrade() else { return };
                report(Self { inner }.clean_up().await);
            }
        });
    }
}

fn report(outcome: Result<CleanedUp, Error>) {
    match outcome {
        Ok(CleanedUp { expired, sessions, messages, audit_entries }) => {
            tracing::debug!(expired, sessions, messages, audit_entries, "cleaned up");
        }
        Err(error) if error.kind() == ErrorKind::Closed => {}
        Err(error) => tracing::warn!(code = error.code().as_str(), kind = ?error.kind(), "cleaning up failed"),
    }
}
