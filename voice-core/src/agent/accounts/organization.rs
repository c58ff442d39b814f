//! The users, keys and credentials of one organization.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{KeyOptions, NewApiKey, keys, not_found};
use crate::{
    agent::{VoiceAgent, check, reach::Reach},
    error::{Error, ErrorKind, Result},
    id::{ApiKeyId, OrganizationId, UserId},
    secret::Secret,
    store::{ApiKey, AuditEntry, Credential, Erased, KeyQuery, NewRecord, Owner, Page, User, UserQuery},
    time::Timestamp,
};

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 100;
/// The longest credential of a provider, in bytes.
const LARGEST_CREDENTIAL: usize = 16 * 1024;
/// The longest a key may be valid, in days.
const LONGEST_VALIDITY_DAYS: u64 = 36_500;

/// The users, keys and credentials of one organization. Made by [`Accounts::of`](super::Accounts::of) and
/// [`ScopedAgent::accounts`](crate::agent::ScopedAgent::accounts).
///
/// A user's credential reaches only that user and their keys; the rest is refused with kind `Forbidden`.
#[derive(Clone, Debug)]
pub struct OrganizationAccounts {
    agent: VoiceAgent,
    organization: OrganizationId,
    reach: Reach,
}

/// A user who has just registered. `Debug` shows neither the key nor the address.
#[derive(Clone)]
#[non_exhaustive]
pub struct Registered {
    /// The user.
    pub user: User,
    /// Their first key, with its secret.
    pub key: NewApiKey,
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("user", &self.user.id).field("key", &self.key).finish()
    }
}

/// A provider's credential that is kept: that there is one, never what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct CredentialInfo {
    /// Which provider's.
    pub provider: String,
    /// When it was set.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: Timestamp,
}

impl OrganizationAccounts {
    pub(in crate::agent) fn new(agent: VoiceAgent, organization: OrganizationId, reach: Reach) -> Self {
        Self { agent, organization, reach }
    }

    /// Registers a user by e-mail address, with a first key.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a bad address, of kind `AlreadyExists` when the organization has a user with it;
    /// `INVALID_REQUEST` (kind `NotFound`) when there is no such organization; `UNAUTHORIZED` (kind `Forbidden`) for a user's
    /// credential; `STORAGE_ERROR`.
    pub async fn register(&self, email: &str) -> Result<Registered> {
        self.reach.check_not_a_user()?;
        let email = check::email(email)?;
        let now = self.agent.engine()?.clock.now();
        let user = User::new(UserId::new(), self.organization, email, now);
        let key = keys::make(self.organization, &KeyOptions::of_user(user.id), now)?;
        let entries = [self.entry("user.register", user.id)?, self.entry("key.create", key.key.id)?];
        let change = self.agent.storage()?.accounts()?.create_user(&user, Some(&key.key));
        match self.agent.audited(entries, change).await? {
            NewRecord::Made => {}
            NewRecord::Taken => {
                return Err(Error::new(ErrorKind::AlreadyExists, "email: this address is registered already"));
            }
            NewRecord::NoOwner => return Err(not_found("organization")),
        }
        Ok(Registered { user, key })
    }

    /// A user.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn user(&self, id: UserId) -> Result<User> {
        let found = self.agent.storage()?.accounts()?.user(self.organization, id).await?;
        found.filter(|user| self.may_see(Some(user.id))).ok_or_else(|| not_found("user"))
    }

    /// The user with an e-mail address.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a bad address; `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn user_by_email(&self, email: &str) -> Result<User> {
        let email = check::email(email)?;
        let found = self.agent.storage()?.accounts()?.user_by_email(self.organization, &email).await?;
        found.filter(|user| self.may_see(Some(user.id))).ok_or_else(|| not_found("user"))
    }

    /// Users, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential;
    /// `STORAGE_ERROR`.
    pub async fn users(&self, query: UserQuery) -> Result<Page<User>> {
        check::limit(query.limit)?;
        self.reach.check_not_a_user()?;
        self.agent.storage()?.accounts()?.list_users(self.organization, &query).await
    }

    /// Deletes a user with their keys and everything they said; says how much that was. When it fails half-way, call it again.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn delete_user(&self, id: UserId) -> Result<Erased> {
        self.reach.check_not_a_user()?;
        self.user(id).await?;
        let storage = self.agent.storage()?;
        let owner = Owner::User { organization: Some(self.organization), user: id.to_string() };
        let change = async {
            let mut erased = storage.conversations().erase(&owner).await?;
            if !storage.accounts()?.delete_user(self.organization, id).await? {
                return Ok(None);
            }
            // Once more, for what was begun with a key before it was gone.
            erased += storage.conversations().erase(&owner).await?;
            Ok(Some(erased))
        };
        let deleted = self.agent.audited([self.entry("user.delete", id)?], change).await?;
        deleted.ok_or_else(|| not_found("user"))
    }

    /// Makes a key: of the organization, or of one of its users.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a name above 100 characters; `INVALID_REQUEST` (kind `NotFound`) when there is no such user or
    /// organization; `UNAUTHORIZED` (kind `Forbidden`) when a user asks for somebody else's; `STORAGE_ERROR`.
    pub async fn create_key(&self, options: &KeyOptions) -> Result<NewApiKey> {
        self.check_owner(options.user)?;
        check::name("name", &options.name, 0, LONGEST_NAME)?;
        if let Some(time) = options.valid_for
            && (time.is_zero() || time.as_secs() > LONGEST_VALIDITY_DAYS * 86_400)
        {
            return Err(check::invalid(format!(
                "valid_for: expected at most {LONGEST_VALIDITY_DAYS} days, and more than none"
            )));
        }
        let key = keys::make(self.organization, options, self.agent.engine()?.clock.now())?;
        let change = self.agent.storage()?.accounts()?.create_key(&key.key);
        match self.agent.audited([self.entry("key.create", key.key.id)?], change).await? {
            NewRecord::Made => {}
            NewRecord::Taken => return Err(Error::internal("two keys came out the same")),
            NewRecord::NoOwner => return Err(not_found("organization or user")),
        }
        Ok(key)
    }

    /// Keys, newest first, revoked and expired ones too; never a secret. A user sees their own.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `UNAUTHORIZED` (kind `Forbidden`) when a user asks for somebody
    /// else's; `STORAGE_ERROR`.
    pub async fn keys(&self, mut query: KeyQuery) -> Result<Page<ApiKey>> {
        check::limit(query.limit)?;
        query.user = query.user.or(self.bound_user()?);
        if query.user.is_some() {
            self.check_owner(query.user)?;
        }
        self.agent.storage()?.accounts()?.list_keys(self.organization, &query).await
    }

    /// Makes a key in place of another, which is revoked in the same moment. The new one has the name, the limit and the end of
    /// the old one.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`) when there is no such key, or it was revoked; `STORAGE_ERROR`.
    pub async fn rotate_key(&self, id: ApiKeyId) -> Result<NewApiKey> {
        let old = self.key(id).await?;
        let options = KeyOptions { user: old.user, name: old.name, rate_limit: old.rate_limit, valid_for: None };
        let mut new = keys::make(self.organization, &options, self.agent.engine()?.clock.now())?;
        new.key.expires_at = old.expires_at;
        let entries = [self.entry("key.rotate", id)?, self.entry("key.create", new.key.id)?];
        let change = self.agent.storage()?.accounts()?.rotate_key(id, &new.key);
        match self.agent.audited(entries, change).await? {
            NewRecord::Made => {}
            NewRecord::Taken => return Err(Error::internal("two keys came out the same")),
            NewRecord::NoOwner => return Err(not_found("key")),
        }
        Ok(new)
    }

    /// Revokes a key: from now on it opens nothing. Revoking it again changes nothing.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<()> {
        self.key(id).await?;
        let now = self.agent.engine()?.clock.now();
        let change = self.agent.storage()?.accounts()?.revoke_key(self.organization, id, now);
        self.agent.audited([self.entry("key.revoke", id)?], change).await.map(|_| ())
    }

    /// Keeps the organization's own credential for a provider, encrypted. Its assistants then call that provider with it; sessions
    /// elsewhere follow within a minute. It is never given back.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a bad name or an empty or over-long secret; `INVALID_REQUEST`, of kind `NotFound` when there is
    /// no such organization, of kind `InvalidConfig` without `accounts.credentials_key`; `UNAUTHORIZED` (kind `Forbidden`)
    /// for a user's credential; `STORAGE_ERROR`.
    pub async fn set_credential(&self, provider: &str, secret: &Secret) -> Result<()> {
        self.reach.check_not_a_user()?;
        check::provider(provider)?;
        let bytes = secret.expose().len();
        if !(1..=LARGEST_CREDENTIAL).contains(&bytes) {
            return Err(check::invalid(format!("secret: {bytes} bytes; 1 to {LARGEST_CREDENTIAL} are accepted")));
        }
        let casting = self.agent.casting()?;
        let sealed = casting.vault()?.seal(self.organization, provider, secret)?;
        let now = self.agent.engine()?.clock.now();
        let credential = Credential::new(self.organization, provider, sealed, now);
        let change = self.agent.storage()?.accounts()?.set_credential(&credential);
        if !self.agent.audited([self.entry("credential.set", provider)?], change).await? {
            return Err(not_found("organization"));
        }
        casting.forget(Some(self.organization));
        Ok(())
    }

    /// For which providers there are credentials.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `Forbidden`) for a user's credential; `STORAGE_ERROR`.
    pub async fn credentials(&self) -> Result<Vec<CredentialInfo>> {
        self.reach.check_not_a_user()?;
        let kept = self.agent.storage()?.accounts()?.credentials(self.organization).await?;
        let info = |c: Credential| CredentialInfo { provider: c.provider, updated_at: c.updated_at };
        Ok(kept.into_iter().map(info).collect())
    }

    /// Deletes the credential for a provider: the agent's own is used again.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`) when there is none; `UNAUTHORIZED` (kind `Forbidden`) for a user's credential;
    /// `STORAGE_ERROR`.
    pub async fn delete_credential(&self, provider: &str) -> Result<()> {
        self.reach.check_not_a_user()?;
        check::provider(provider)?;
        let change = self.agent.storage()?.accounts()?.delete_credential(self.organization, provider);
        if !self.agent.audited([self.entry("credential.delete", provider)?], change).await? {
            return Err(not_found("credential"));
        }
        self.agent.casting()?.forget(Some(self.organization));
        Ok(())
    }

    async fn key(&self, id: ApiKeyId) -> Result<ApiKey> {
        let found = self.agent.storage()?.accounts()?.key(self.organization, id).await?;
        found.filter(|key| self.may_see(key.user)).ok_or_else(|| not_found("key"))
    }

    fn entry(&self, action: &str, target: impl ToString) -> Result<AuditEntry> {
        self.agent.entry(&self.reach, Some(self.organization), action, target)
    }

    /// The user whose credential this is; `None`: it reaches the whole organization.
    fn bound_user(&self) -> Result<Option<UserId>> {
        self.reach.check_own()?;
        self.reach.user.as_deref().map(str::parse).transpose()
    }

    fn may_see(&self, owner: Option<UserId>) -> bool {
        self.bound_user().is_ok_and(|bound| bound.is_none() || bound == owner)
    }

    fn check_owner(&self, owner: Option<UserId>) -> Result<()> {
        if self.may_see(owner) { Ok(()) } else { self.reach.check_not_a_user() }
    }
}
