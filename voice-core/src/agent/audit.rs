//! Writing the audit log, and reading it.

use std::time::Duration;

use super::{VoiceAgent, check, reach::Reach};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{AuditId, OrganizationId},
    store::{AuditEntry, AuditQuery, DocumentSaved, Erased, NewRecord, Page},
};

/// The audit log of an agent: who changed what, and when. Made by [`VoiceAgent::audit`] and
/// [`ScopedAgent::audit`](super::ScopedAgent::audit).
///
/// Every change through the accounts, assistants and sessions of this library is appended before it is made, and confirmed once
/// it is: whatever breaks in between, no change is missing, and [`AuditEntry::confirmed`] tells what is certain. An entry names
/// ids, never people, secrets or words: it stays when what it tells of is erased.
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

/// What came of a change that was tried.
pub(super) trait Attempt {
    /// Whether anything was changed.
    fn made(&self) -> bool;
}

impl Attempt for () {
    fn made(&self) -> bool {
        true
    }
}

impl Attempt for bool {
    fn made(&self) -> bool {
        *self
    }
}

impl Attempt for NewRecord {
    fn made(&self) -> bool {
        *self == Self::Made
    }
}

impl Attempt for DocumentSaved {
    fn made(&self) -> bool {
        *self == Self::Saved
    }
}

impl Attempt for Erased {
    fn made(&self) -> bool {
        true
    }
}

impl<T> Attempt for Option<T> {
    fn made(&self) -> bool {
        self.is_some()
    }
}

impl VoiceAgent {
    /// An entry for a change that is about to be made.
    pub(super) fn entry(
        &self,
        reach: &Reach,
        organization: Option<OrganizationId>,
        action: &str,
        target: impl ToString,
    ) -> Result<AuditEntry> {
        let at = self.engine()?.clock.now();
        let mut entry = AuditEntry::new(at, organization, reach.actor, action, target.to_string());
        entry.confirmed = false;
        Ok(entry)
    }

    /// Makes a change that the log, if there is one, knows of before it is begun. A log that cannot be written to prevents it;
    /// when it fails afterwards the change stands, and so does its entry, unconfirmed. So does one whose change failed: it may
    /// have been made all the same.
    pub(super) async fn audited<T: Attempt>(
        &self,
        entries: impl IntoIterator<Item = AuditEntry>,
        change: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(log) = self.storage()?.audit() else { return change.await };
        let entries: Vec<AuditEntry> = entries.into_iter().collect();
        log.append(&entries).await?;
        let attempt = change.await?;
        let ids: Vec<AuditId> = entries.iter().map(|entry| entry.id).collect();
        if let Err(error) = log.settle(&ids, attempt.made()).await {
            tracing::warn!(code = error.code().as_str(), kind = ?error.kind(), "an audit entry stays unconfirmed");
        }
        Ok(attempt)
    }
}
