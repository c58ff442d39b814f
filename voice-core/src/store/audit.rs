//! Who changed what, and when.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::page::{Page, listed};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{ApiKeyId, AuditId, OrganizationId, UserId},
    time::Timestamp,
};

listed! {
    AuditEntry, AuditQuery, AuditId, "audit entries";
}

/// Who changed something. Written as `host`, `key:ID` or `user:ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Actor {
    /// The host itself, by a call that no credential limits.
    Host,
    /// Somebody with this API key.
    Key(ApiKeyId),
    /// A user with an access token.
    User(UserId),
    /// Somebody with an access token of a whole organization.
    Organization(OrganizationId),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Organization(id) => write!(f, "organization:{id}"),
        }
    }
}

impl FromStr for Actor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "host" => Ok(Self::Host),
            Some(("key", id)) => id.parse().map(Self::Key),
            Some(("user", id)) => id.parse().map(Self::User),
            Some(("organization", id)) => id.parse().map(Self::Organization),
            _ => Err(Error::new(ErrorKind::InvalidField, "actor: expected host, key:ID, user:ID or organization:ID")),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One change. It is written before the change is made, and confirmed after it, so that no change is ever missing. Holds ids only, never a name, an address, a secret or anybody's words, so that it may outlive what it tells of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct AuditEntry {
    /// Its id; later entries have later ids.
    pub id: AuditId,
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// In which organization; `None`: outside of any.
    pub organization: Option<OrganizationId>,
    /// Who: `host`, `key:ID`, `user:ID` or `organization:ID`.
    #[schemars(with = "String")]
    pub actor: Actor,
    /// What was done, as `user.register` or `key.revoke`.
    pub action: String,
    /// To what: its id, or a provider's name.
    pub target: String,
    /// Whether the change is known to have been made. `false` while it is being made, and for ever when that was broken off: the
    /// process ended, the caller went away, the store failed. Then it may have been made or not.
    pub confirmed: bool,
}

impl AuditEntry {
    /// A confirmed entry with a fresh id.
    #[must_use]
    pub fn new(
        at: Timestamp,
        organization: Option<OrganizationId>,
        actor: Actor,
        action: impl Into<String>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            id: AuditId::new(),
            at,
            organization,
            actor,
            action: action.into(),
            target: target.into(),
            confirmed: true,
        }
    }
}

/// Which entries to read: newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditQuery {
    /// Only of this organization. `None`: of all, and outside of any.
    pub organization: Option<OrganizationId>,
    /// Only by this one.
    pub actor: Option<Actor>,
    /// Only of this kind, compared whole.
    pub action: Option<String>,
    /// Only about this, compared whole.
    pub target: Option<String>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only entries older than this one: the last of the page before.
    pub before: Option<AuditId>,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self { organization: None, actor: None, action: None, target: None, limit: 20, before: None }
    }
}

/// Keeps the audit log. All errors are of code `STORAGE_ERROR`.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends entries. An id that is there already is left as it is. When it fails, some may have been appended.
    async fn append(&self, entries: &[AuditEntry]) -> Result<()>;

    /// Says what became of the change of entries that are not confirmed yet: it was made, and they are confirmed; or it was not,
    /// and they are taken out. Ids that are not there, or confirmed, are left as they are.
    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()>;

    /// Entries, newest first by their ids.
    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>>;

    /// Deletes entries of before a moment; says how many.
    async fn delete_entries_before(&self, before: Timestamp) -> Result<u64>;
}
