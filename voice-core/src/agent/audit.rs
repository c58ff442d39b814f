//! Writing the audit log, and reading it.

use std::time::Duration;

use super::{VoiceAgent, check, reach::Reach};
use crate::{
    error::{Error, ErrorKind, Result},
    id::OrganizationId,
    store::{AuditEntry, AuditQuery, Page},
};

/// The audit log of an agent: who changed what, and when. Made by [`VoiceAgent::audit`] and
/// [`ScopedAgent::audit`](super::ScopedAgent::audit).
///
/// Every change through the accounts, assistants and sessions of this library is appended once it is made. An entry names ids,
/// never people, secrets or words: it stays when what it tells of is erased.
#[derive(Clone, Debug)]
pub struct Audit {
    agent: VoiceAgent,
    reach: Reach,
}

impl Audit {
    pub(super) fn new(agent: VoiceAgent, reach: Reach) -> Self {
        Self { agent, reach }
    }

    /// Entries, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential;
    /// `INVALID_REQUEST` (kind `Unsupported`) without a store for the log; `STORAGE_ERROR`.
    pub async fn entries(&self, mut query: AuditQuery) -> Result<Page<AuditEntry>> {
        check::limit(query.limit)?;
        self.reach.check_not_a_user()?;
        if let Some(mine) = self.reach.organization {
            if query.organization.is_some_and(|asked| asked != mine) {
                return Ok(Page::new(Vec::new(), false));
            }
            query.organization = Some(mine);
        }
        let log = self.agent.storage()?.audit().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "the agent has no store for the audit log; give it `Storage::with_audit`",
            )
        })?;
        log.entries(&query).await
    }

    /// Deletes entries older than `age`; says how many.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `Forbidden`) for anybody but the host; `STORAGE_ERROR`.
    pub async fn delete_older_than(&self, age: Duration) -> Result<u64> {
        self.reach.check_host()?;
        let before = super::sessions::before(self.agent.engine()?.clock.now(), age);
        match self.agent.storage()?.audit() {
            Some(log) => log.delete_entries_before(before).await,
            None => Ok(0),
        }
    }
}

impl VoiceAgent {
    /// Appends a change that was made. Does nothing without a log.
    pub(super) async fn record(
        &self,
        reach: &Reach,
        organization: Option<OrganizationId>,
        action: &str,
        target: impl ToString + Send,
    ) -> Result<()> {
        let Some(log) = self.storage()?.audit() else { return Ok(()) };
        let at = self.engine()?.clock.now();
        log.append(&AuditEntry::new(at, organization, reach.actor, action, target.to_string())).await
    }
}
