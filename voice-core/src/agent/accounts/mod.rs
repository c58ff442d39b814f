//! Organizations, users and API keys.

mod keys;
mod limits;
mod organization;
#[cfg(feature = "jwt")]
mod signing;
#[cfg(feature = "jwt")]
mod tokens;
mod vault;

pub use keys::{KeyOptions, NewApiKey};
pub(super) use limits::CallerLimits;
pub use organization::{CredentialInfo, OrganizationAccounts, Registered};
#[cfg(feature = "jwt")]
pub use tokens::{TokenKey, TokenKeys};
pub(super) use vault::Vault;

use super::{Principal, VoiceAgent, check, reach::Reach};
use crate::{
    error::{Error, ErrorKind, Result},
    id::OrganizationId,
    store::{Actor, Erased, Organization, OrganizationQuery, Owner, Page},
};

/// The longest name of an organization, in characters.
const LONGEST_NAME: usize = 200;

/// The accounts of an agent, as its host sees them: all of them. Made by [`VoiceAgent::accounts`].
#[derive(Clone, Debug)]
pub struct Accounts {
    agent: VoiceAgent,
}

/// Who logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Login {
    /// Who it is, for [`VoiceAgent::with`].
    pub principal: Principal,
    /// The user; `None` for a key of a whole organization.
    pub user: Option<crate::store::User>,
}

impl Accounts {
    pub(super) fn new(agent: VoiceAgent) -> Self {
        Self { agent }
    }

    /// Creates an organization.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the name is not 1–200 characters; `STORAGE_ERROR`.
    pub async fn create_organization(&self, name: &str) -> Result<Organization> {
        check::name("name", name, 1, LONGEST_NAME)?;
        let now = self.agent.engine()?.clock.now();
        let organization = Organization::new(OrganizationId::new(), name.trim(), now);
        let entry = self.agent.entry(&Reach::host(), Some(organization.id), "organization.create", organization.id)?;
        self.agent.audited([entry], self.agent.storage()?.accounts()?.create_organization(&organization)).await?;
        Ok(organization)
    }

    /// An organization.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn organization(&self, id: OrganizationId) -> Result<Organization> {
        self.agent.storage()?.accounts()?.organization(id).await?.ok_or_else(|| not_found("organization"))
    }

    /// Organizations, newest first.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the limit is not 1–100; `STORAGE_ERROR`.
    pub async fn organizations(&self, query: OrganizationQuery) -> Result<Page<Organization>> {
        check::limit(query.limit)?;
        self.agent.storage()?.accounts()?.list_organizations(&query).await
    }

    /// Deletes an organization with all that belongs to it: sessions and what was said in them, assistants, documents, webhooks, users,
    /// keys, credentials. Says how much was said. When it fails half-way, call it again.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `NotFound`); `STORAGE_ERROR`.
    pub async fn delete_organization(&self, id: OrganizationId) -> Result<Erased> {
        let storage = self.agent.storage()?;
        self.organization(id).await?;
        let (owner, accounts) = (Owner::Organization(id), storage.accounts()?);
        // Conversations go first: as long as the organization is there, a call that failed can be made again.
        let change = async {
            let mut erased = storage.conversations().erase(&owner).await?;
            if let Ok(assistants) = storage.assistants() {
                assistants.erase_assistants(id).await?;
            }
            if let Ok(knowledge) = storage.knowledge() {
                knowledge.erase_documents(id).await?;
            }
            if let Ok(webhooks) = storage.webhooks() {
                webhooks.erase_webhooks(id).await?;
            }
            if !accounts.delete_organization(id).await? {
                return Ok(None);
            }
            // Once more, for what was begun with a key before it was gone.
            erased += storage.conversations().erase(&owner).await?;
            Ok(Some(erased))
        };
        let entry = self.agent.entry(&Reach::host(), Some(id), "organization.delete", id)?;
        let erased = self.agent.audited([entry], change).await?.ok_or_else(|| not_found("organization"))?;
        self.agent.casting()?.forget(Some(id));
        Ok(erased)
    }

    /// The users, keys and credentials of one organization.
    #[must_use]
    pub fn of(&self, organization: OrganizationId) -> OrganizationAccounts {
        OrganizationAccounts::new(self.agent.clone(), organization, Reach::host().within(organization))
    }

    /// Whose key this is. Counts as one call against the key's rate limit.
    ///
    /// Only the hash of the key is looked up and compared, in constant time: neither what is answered nor how long it takes
    /// tells how near a wrong key was.
    ///
    /// # Errors
    /// `INVALID_API_KEY` for anything but a valid key; `RATE_LIMIT_EXCEEDED` with the time to wait; `STORAGE_ERROR`.
    pub async fn authenticate(&self, secret: &str) -> Result<Principal> {
        let given = keys::hash_of(secret)?;
        let store = self.agent.storage()?.accounts()?;
        let now = self.agent.engine()?.clock.now();
        let found = store.key_by_hash(&given).await?;
        let key = found.filter(|key| keys::matches(key, &given) && key.is_valid_at(now)).ok_or_else(keys::refused)?;
        let (own, usual) = (key.rate_limit.map(Into::into), self.agent.default_key_limit()?);
        self.agent.caller_limits()?.admit_key(key.id, own, usual)?;
        let principal = match key.user {
            Some(user) => Principal::user_of(key.organization, user),
            None => Principal::organization_itself(key.organization),
        };
        Ok(principal.acting_as(Actor::Key(key.id)))
    }

    /// Whose key this is, and the user with it.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn log_in(&self, secret: &str) -> Result<Login> {
        let principal = self.authenticate(secret).await?;
        let user = match principal.user() {
            None => None,
            Some(id) => {
                let user = self.agent.storage()?.accounts()?.user(principal.organization(), id).await?;
                Some(user.ok_or_else(keys::refused)?)
            }
        };
        Ok(Login { principal, user })
    }

    /// Counts one more call of somebody who was authenticated before, as on a connection that stays open: against the limit that
    /// their key has of its own, if it was authenticated in this process, else that of
    /// [`AccountsConfig`](crate::config::AccountsConfig), if there is one.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` with the time to wait.
    pub fn admit(&self, principal: &Principal) -> Result<()> {
        self.agent.caller_limits()?.admit(principal.actor(), self.agent.default_key_limit()?)
    }

    /// An access token for somebody, valid for a time.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the keys cannot sign.
    #[cfg(feature = "jwt")]
    pub fn issue_token(
        &self,
        keys: &TokenKeys,
        principal: &Principal,
        valid_for: std::time::Duration,
    ) -> Result<crate::secret::Secret> {
        keys.issue(principal, self.agent.engine()?.clock.now(), valid_for)
    }

    /// Whose access token this is, if they are still there. Counts as one call against the rate limit.
    ///
    /// # Errors
    /// `UNAUTHORIZED` (kind `InvalidToken`) for anything but a valid token; `RATE_LIMIT_EXCEEDED`; `STORAGE_ERROR`.
    #[cfg(feature = "jwt")]
    pub async fn authenticate_token(&self, keys: &TokenKeys, token: &str) -> Result<Principal> {
        let principal = keys.verify(token, self.agent.engine()?.clock.now())?;
        let store = self.agent.storage()?.accounts()?;
        let there = match principal.user() {
            Some(user) => store.user(principal.organization(), user).await?.is_some(),
            None => store.organization(principal.organization()).await?.is_some(),
        };
        if !there {
            return Err(tokens::refused());
        }
        self.admit(&principal)?;
        Ok(principal)
    }
}

fn not_found(what: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no such {what}"))
}
