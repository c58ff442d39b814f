//! Accounts in memory.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::{ApiKeyId, OrganizationId, UserId},
    store::{
        AccountStore, ApiKey, Credential, KeyHash, KeyQuery, NewRecord, Organization, OrganizationQuery, Page, User,
        UserQuery,
    },
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Tables {
    organizations: BTreeMap<OrganizationId, Organization>,
    users: BTreeMap<UserId, User>,
    emails: HashMap<(OrganizationId, String), UserId>,
    keys: BTreeMap<ApiKeyId, ApiKey>,
    hashes: HashMap<KeyHash, ApiKeyId>,
    credentials: BTreeMap<(OrganizationId, String), Credential>,
}

impl Tables {
    /// What making this user would come to.
    fn judge_user(&self, user: &User) -> NewRecord {
        if !self.organizations.contains_key(&user.organization) {
            return NewRecord::NoOwner;
        }
        let taken =
            self.users.contains_key(&user.id) || self.emails.contains_key(&(user.organization, user.email.clone()));
        if taken { NewRecord::Taken } else { NewRecord::Made }
    }

    /// What making this key would come to, when its user is there or about to be.
    fn judge_key(&self, key: &ApiKey, new_user: Option<UserId>) -> NewRecord {
        let of_the_organization = |id: UserId| {
            new_user == Some(id) || self.users.get(&id).is_some_and(|u| u.organization == key.organization)
        };
        if !self.organizations.contains_key(&key.organization) || !key.user.is_none_or(of_the_organization) {
            return NewRecord::NoOwner;
        }
        let taken = self.keys.contains_key(&key.id) || self.hashes.contains_key(&key.hash);
        if taken { NewRecord::Taken } else { NewRecord::Made }
    }

    fn put_key(&mut self, key: &ApiKey) {
        self.hashes.insert(key.hash, key.id);
        self.keys.insert(key.id, key.clone());
    }

    fn drop_keys(&mut self, gone: impl Fn(&ApiKey) -> bool) {
        let hashes = &mut self.hashes;
        self.keys.retain(|_, key| {
            let gone = gone(key);
            if gone {
                hashes.remove(&key.hash);
            }
            !gone
        });
    }
}

/// The newest `limit` of those that match, before the cursor.
fn newest<'a, I: Ord + Copy + 'a, T: Clone + 'a>(
    table: &'a BTreeMap<I, T>,
    before: Option<I>,
    limit: usize,
    wanted: impl Fn(&T) -> bool,
) -> Page<T> {
    let found = table.iter().rev().filter(|(id, item)| before.is_none_or(|before| **id < before) && wanted(item));
    Page::cut(found.take(limit.saturating_add(1)).map(|(_, item)| item.clone()).collect(), limit)
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create_organization(&self, organization: &Organization) -> Result<()> {
        self.with(|t| {
            t.accounts.organizations.entry(organization.id).or_insert_with(|| organization.clone());
        })
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        self.with(|t| t.accounts.organizations.get(&id).cloned())
    }

    async fn list_organizations(&self, query: &OrganizationQuery) -> Result<Page<Organization>> {
        self.with(|t| newest(&t.accounts.organizations, query.before, query.limit, |_| true))
    }

    async fn delete_organization(&self, id: OrganizationId) -> Result<bool> {
        self.with(|t| {
            let t = &mut t.accounts;
            t.users.retain(|_, user| user.organization != id);
            t.emails.retain(|(organization, _), _| *organization != id);
            t.credentials.retain(|(organization, _), _| *organization != id);
            t.drop_keys(|key| key.organization == id);
            t.organizations.remove(&id).is_some()
        })
    }

    async fn create_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord> {
        self.with(|t| {
            let t = &mut t.accounts;
            let outcomes = [t.judge_user(user), key.map_or(NewRecord::Made, |key| t.judge_key(key, Some(user.id)))];
            if let Some(refused) = outcomes.into_iter().find(|outcome| *outcome != NewRecord::Made) {
                return refused;
            }
            t.emails.insert((user.organization, user.email.clone()), user.id);
            t.users.insert(user.id, user.clone());
            if let Some(key) = key {
                t.put_key(key);
            }
            NewRecord::Made
        })
    }

    async fn user(&self, organization: OrganizationId, id: UserId) -> Result<Option<User>> {
        self.with(|t| t.accounts.users.get(&id).filter(|user| user.organization == organization).cloned())
    }

    async fn user_by_email(&self, organization: OrganizationId, email: &str) -> Result<Option<User>> {
        self.with(|t| {
            let id = t.accounts.emails.get(&(organization, email.to_owned()))?;
            t.accounts.users.get(id).cloned()
        })
    }

    async fn list_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>> {
        self.with(|t| newest(&t.accounts.users, query.before, query.limit, |user| user.organization == organization))
    }

    async fn delete_user(&self, organization: OrganizationId, id: UserId) -> Result<bool> {
        self.with(|t| {
            let t = &mut t.accounts;
            let Some(user) = t.users.get(&id).filter(|user| user.organization == organization) else { return false };
            t.emails.remove(&(organization, user.email.clone()));
            t.users.remove(&id);
            t.drop_keys(|key| key.user == Some(id));
            true
        })
    }

    async fn create_key(&self, key: &ApiKey) -> Result<NewRecord> {
        self.with(|t| {
            let outcome = t.accounts.judge_key(key, None);
            if outcome == NewRecord::Made {
                t.accounts.put_key(key);
            }
            outcome
        })
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<ApiKey>> {
        self.with(|t| t.accounts.keys.get(t.accounts.hashes.get(hash)?).cloned())
    }

    async fn key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        self.with(|t| t.accounts.keys.get(&id).filter(|key| key.organization == organization).cloned())
    }

    async fn list_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>> {
        self.with(|t| {
            newest(&t.accounts.keys, query.before, query.limit, |key| {
                key.organization == organization && (query.user.is_none() || key.user == query.user)
            })
        })
    }

    async fn revoke_key(&self, organization: OrganizationId, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        self.with(|t| match t.accounts.keys.get_mut(&id) {
            Some(key) if key.organization == organization && key.revoked_at.is_none() => {
                key.revoked_at = Some(at);
                true
            }
            _ => false,
        })
    }

    async fn rotate_key(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord> {
        self.with(|t| {
            let t = &mut t.accounts;
            let usable = |key: &&ApiKey| key.organization == new.organization && key.revoked_at.is_none();
            if t.keys.get(&old).filter(usable).is_none() {
                return NewRecord::NoOwner;
            }
            let outcome = t.judge_key(new, None);
            if outcome == NewRecord::Made {
                t.put_key(new);
                if let Some(key) = t.keys.get_mut(&old) {
                    key.revoked_at = Some(new.created_at);
                }
            }
            outcome
        })
    }

    async fn set_credential(&self, credential: &Credential) -> Result<bool> {
        self.with(|t| {
            let t = &mut t.accounts;
            let there = t.organizations.contains_key(&credential.organization);
            if there {
                t.credentials.insert((credential.organization, credential.provider.clone()), credential.clone());
            }
            there
        })
    }

    async fn credentials(&self, organization: OrganizationId) -> Result<Vec<Credential>> {
        self.with(|t| {
            let all = t.accounts.credentials.values();
            all.filter(|credential| credential.organization == organization).cloned().collect()
        })
    }

    async fn delete_credential(&self, organization: OrganizationId, provider: &str) -> Result<bool> {
        self.with(|t| t.accounts.credentials.remove(&(organization, provider.to_owned())).is_some())
    }
}
