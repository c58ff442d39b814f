//! Organizations, users, their API keys, and the credentials of providers.

use std::{fmt, num::NonZeroU32};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::page::{Page, PageQuery, listed};
use crate::{
    error::Result,
    id::{ApiKeyId, OrganizationId, UserId},
    time::Timestamp,
};

listed! {
    Organization, OrganizationQuery, OrganizationId, "organizations";
    User, UserQuery, UserId, "users";
    ApiKey, KeyQuery, ApiKeyId, "keys";
}

/// The owner of users, assistants and sessions. Nothing of one is reachable from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name, for people; not unique.
    pub name: String,
    /// When it was created.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl Organization {
    /// An organization.
    #[must_use]
    pub fn new(id: OrganizationId, name: impl Into<String>, created_at: Timestamp) -> Self {
        Self { id, name: name.into(), created_at }
    }
}

/// A user of an organization. `Debug` leaves the e-mail address out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "A user of an organization.")]
#[non_exhaustive]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their organization.
    pub organization: OrganizationId,
    /// Their e-mail address in lower case: unique within the organization.
    pub email: String,
    /// When they registered.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl User {
    /// A user.
    #[must_use]
    pub fn new(id: UserId, organization: OrganizationId, email: impl Into<String>, created_at: Timestamp) -> Self {
        Self { id, organization, email: email.into(), created_at }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("organization", &self.organization).finish_non_exhaustive()
    }
}

/// The SHA-256 hash of an API key: all that is kept of it. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// How often a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRateLimit {
    /// Calls a minute, on average.
    pub per_minute: NonZeroU32,
    /// How many may come at once after a quiet time.
    pub burst: NonZeroU32,
}

/// An API key as it is kept: everything but the key. Written in JSON it has no hash either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(description = "An API key as it is kept: everything but the key.")]
#[non_exhaustive]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The organization that it opens.
    pub organization: OrganizationId,
    /// The user for whom it speaks; `None`: for the whole organization.
    pub user: Option<UserId>,
    /// What people call it; may be empty.
    pub name: String,
    /// Its last four characters, to tell keys apart.
    pub hint: String,
    /// The hash of the key: unique.
    #[serde(skip)]
    pub hash: KeyHash,
    /// A limit of its own; `None`: the agent's.
    pub rate_limit: Option<KeyRateLimit>,
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When it stops to be valid by itself.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked. It is kept, so that the audit log can be read.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// A valid key of an organization, without name, limit or end.
    #[must_use]
    pub fn new(id: ApiKeyId, organization: OrganizationId, user: Option<UserId>, hash: KeyHash, at: Timestamp) -> Self {
        Self {
            id,
            organization,
            user,
            name: String::new(),
            hint: String::new(),
            hash,
            rate_limit: None,
            created_at: at,
            expires_at: None,
            revoked_at: None,
        }
    }

    /// Whether it is valid at a moment.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// A provider's credential of an organization, encrypted. `Debug` does not show the bytes.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credential {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which provider's: `openai`, `elevenlabs`, …
    pub provider: String,
    /// The encrypted secret with everything needed to open it but the key.
    pub sealed: Vec<u8>,
    /// When it was set.
    pub updated_at: Timestamp,
}

impl Credential {
    /// An encrypted credential.
    #[must_use]
    pub fn new(
        organization: OrganizationId,
        provider: impl Into<String>,
        sealed: Vec<u8>,
        updated_at: Timestamp,
    ) -> Self {
        Self { organization, provider: provider.into(), sealed, updated_at }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("organization", &self.organization)
            .field("provider", &self.provider)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

/// Which organizations to list: newest first.
pub type OrganizationQuery = PageQuery<OrganizationId>;

/// Which users to list: newest first.
pub type UserQuery = PageQuery<UserId>;

/// Which keys to list: newest first, revoked and expired ones too.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyQuery {
    /// Only this user's. `None`: all of the organization.
    pub user: Option<UserId>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only keys older than this one: the last of the page before.
    pub before: Option<ApiKeyId>,
}

impl Default for KeyQuery {
    fn default() -> Self {
        Self { user: None, limit: 20, before: None }
    }
}

/// What became of a record that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewRecord {
    /// It was made.
    Made,
    /// What must be unique in it is there already; nothing was changed.
    Taken,
    /// What it belongs to (the organization, the user) is not there; nothing was changed.
    NoOwner,
}

/// Keeps organizations, users, API keys and credentials.
///
/// Everything but organizations themselves, and finding a key by its hash, is asked for within an organization: what belongs to
/// another one is answered exactly like what does not exist. All errors are of code `STORAGE_ERROR`. Ids are never reused.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Creates an organization. An id that exists already is left as it is.
    async fn create_organization(&self, organization: &Organization) -> Result<()>;

    /// An organization by its id.
    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>>;

    /// Organizations, newest first.
    async fn list_organizations(&self, query: &OrganizationQuery) -> Result<Page<Organization>>;

    /// Deletes an organization with its users, keys and credentials, all or nothing. `false`: no such organization.
    async fn delete_organization(&self, id: OrganizationId) -> Result<bool>;

    /// Registers a user: `Taken` when the organization has a user with this e-mail address. Together with a first key, if one is
    /// given: both or neither.
    async fn create_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord>;

    /// A user by id.
    async fn user(&self, organization: OrganizationId, id: UserId) -> Result<Option<User>>;

    /// A user by e-mail address, in lower case.
    async fn user_by_email(&self, organization: OrganizationId, email: &str) -> Result<Option<User>>;

    /// Users, newest first.
    async fn list_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>>;

    /// Deletes a user with their keys, all or nothing. `false`: no such user.
    async fn delete_user(&self, organization: OrganizationId, id: UserId) -> Result<bool>;

    /// Keeps a key: `Taken` when its hash or id is there already, `NoOwner` when its organization is not, or its user is not
    /// one of that organization.
    async fn create_key(&self, key: &ApiKey) -> Result<NewRecord>;

    /// The key with this hash, of whatever organization, revoked or not.
    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<ApiKey>>;

    /// A key by id.
    async fn key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>>;

    /// Keys, newest first.
    async fn list_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>>;

    /// Revokes a key that is not revoked yet. `false`: no such key, or it was revoked before (and stays so).
    async fn revoke_key(&self, organization: OrganizationId, id: ApiKeyId, at: Timestamp) -> Result<bool>;

    /// Keeps `new` and revokes `old` when `new` is made, both or neither. `NoOwner`: there is no `old` that is not revoked, or
    /// no owner of the new one.
    async fn rotate_key(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord>;

    /// Sets the credential for a provider, in place of one that is there. `false`: no such organization.
    async fn set_credential(&self, credential: &Credential) -> Result<bool>;

    /// All credentials of an organization, by the provider's name.
    async fn credentials(&self, organization: OrganizationId) -> Result<Vec<Credential>>;

    /// Deletes the credential for a provider. `false`: there was none.
    async fn delete_credential(&self, organization: OrganizationId, provider: &str) -> Result<bool>;
}
