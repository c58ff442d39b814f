//! API keys: how they are made, shown once, and recognised again.

use std::{fmt, time::Duration};

use rand::{TryRngCore, rngs::OsRng};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    error::{Error, ErrorKind, Result},
    id::{ApiKeyId, OrganizationId, UserId},
    secret::Secret,
    store::{ApiKey, KeyHash, KeyRateLimit},
    time::Timestamp,
};

/// What every key begins with.
const PREFIX: &str = "sk_";
/// The random bytes of a key.
const BYTES: usize = 32;

/// A key that was just made, with the secret: the only time that it is seen. `Debug` does not show it.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewApiKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// `sk_` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept.
    pub secret: Secret,
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("id", &self.key.id).field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// What is said about a key when it is made.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct KeyOptions {
    /// For which user it speaks; `None`: for the whole organization.
    pub user: Option<UserId>,
    /// What people call it: at most 100 characters.
    pub name: String,
    /// A limit of its own; `None`: the agent's.
    pub rate_limit: Option<KeyRateLimit>,
    /// How long it is valid; `None`: until it is revoked.
    pub valid_for: Option<Duration>,
}

impl KeyOptions {
    /// A key of the whole organization.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A key of a user.
    #[must_use]
    pub fn of_user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }

    /// Gives it a name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Gives it a limit of its own.
    #[must_use]
    pub fn rate_limit(mut self, limit: KeyRateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// Lets it end by itself.
    #[must_use]
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = Some(time);
        self
    }
}

/// A fresh key from the system's random source.
pub(super) fn make(organization: OrganizationId, options: &KeyOptions, now: Timestamp) -> Result<NewApiKey> {
    let mut bytes = [0; BYTES];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|e| Error::internal("the system gave no random bytes for a key").with_source(e))?;
    let text = bytes.iter().fold(String::from(PREFIX), |text, byte| text + &format!("{byte:02x}"));
    let mut key = ApiKey::new(ApiKeyId::new(), organization, options.user, hash(&text), now);
    key.name.clone_from(&options.name);
    key.hint = text[text.len() - 4..].to_owned();
    key.rate_limit = options.rate_limit;
    key.expires_at = options.valid_for.map(|time| now.checked_add(time).unwrap_or(Timestamp::MAX));
    Ok(NewApiKey { key, secret: Secret::new(text) })
}

fn hash(text: &str) -> KeyHash {
    KeyHash(Sha256::digest(text.as_bytes()).into())
}

/// The hash of something that looks like a key.
pub(super) fn hash_of(text: &str) -> Result<KeyHash> {
    let digits = text.strip_prefix(PREFIX).filter(|d| d.len() == BYTES * 2 && d.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.map(|_| hash(text)).ok_or_else(refused)
}

/// Whether the stored key is the one that was given, in a time that does not depend on either.
pub(super) fn matches(key: &ApiKey, given: &KeyHash) -> bool {
    key.hash.0.ct_eq(&given.0).into()
}

/// The one answer to a key that opens nothing, whatever is wrong with it.
pub(super) fn refused() -> Error {
    Error::new(ErrorKind::InvalidApiKey, "the API key is malformed, unknown, expired or revoked")
}
