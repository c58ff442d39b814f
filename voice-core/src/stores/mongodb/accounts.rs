//! Accounts as documents.
//!
//! What belongs to an organization or a user is there only while they are: so making a user with a key, or deleting either with
//! all that is theirs, happens at the one moment at which the owner's document comes or goes.

use std::num::NonZeroU32;

use async_trait::async_trait;
use mongodb::bson::{Binary, DateTime, Document, Uuid, doc, spec::BinarySubtype};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    database::Database,
    documents::{foreign, moment, plain, timestamp, uuid},
    error::is_duplicate,
};
use crate::{
    error::Result,
    id::{ApiKeyId, OrganizationId, UserId},
    store::{
        AccountStore, ApiKey, Credential, KeyHash, KeyQuery, KeyRateLimit, NewRecord, Organization, OrganizationQuery,
        Page, User, UserQuery,
    },
    stores::text,
    time::Timestamp,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OrganizationDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    name: String,
    created_at: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UserDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    organization: Uuid,
    email: String,
    created_at: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    organization: Uuid,
    user: Option<Uuid>,
    name: String,
    hint: String,
    hash: Binary,
    per_minute: Option<i64>,
    burst: Option<i64>,
    created_at: DateTime,
    expires_at: Option<DateTime>,
    revoked_at: Option<DateTime>,
    /// The key that this one takes the place of. Without a rotation that says so too, this one is not there.
    replaces: Option<Uuid>,
}

/// One key has taken the place of another: from the moment at which this is inserted the one counts, and the other does not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RotationDocument {
    #[serde(rename = "_id")]
    old: Uuid,
    new: Uuid,
    organization: Uuid,
    at: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CredentialDocument {
    organization: Uuid,
    provider: String,
    sealed: Binary,
    updated_at: DateTime,
}

fn bytes(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

impl OrganizationDocument {
    fn read(self) -> Result<Organization> {
        let id = OrganizationId::from_uuid(plain(self.id));
        Ok(Organization::new(id, text::read(self.name), timestamp(self.created_at)?))
    }
}

impl UserDocument {
    fn read(self) -> Result<User> {
        let organization = OrganizationId::from_uuid(plain(self.organization));
        let id = UserId::from_uuid(plain(self.id));
        Ok(User::new(id, organization, text::read(self.email), timestamp(self.created_at)?))
    }
}

impl KeyDocument {
    fn new(key: &ApiKey, replaces: Option<ApiKeyId>) -> Self {
        Self {
            id: uuid(key.id.as_uuid()),
            organization: uuid(key.organization.as_uuid()),
            user: key.user.map(|id| uuid(id.as_uuid())),
            name: text::kept(&key.name).into_owned(),
            hint: text::kept(&key.hint).into_owned(),
            hash: bytes(&key.hash.0),
            per_minute: key.rate_limit.map(|limit| limit.per_minute.get().into()),
            burst: key.rate_limit.map(|limit| limit.burst.get().into()),
            created_at: moment(key.created_at),
            expires_at: key.expires_at.map(moment),
            revoked_at: key.revoked_at.map(moment),
            replaces: replaces.map(|id| uuid(id.as_uuid())),
        }
    }

    fn read(self) -> Result<ApiKey> {
        let (id, organization) =
            (ApiKeyId::from_uuid(plain(self.id)), OrganizationId::from_uuid(plain(self.organization)));
        let user = self.user.map(|id| UserId::from_uuid(plain(id)));
        let hash = KeyHash(self.hash.bytes.try_into().map_err(|_| foreign())?);
        let mut key = ApiKey::new(id, organization, user, hash, timestamp(self.created_at)?);
        (key.name, key.hint) = (text::read(self.name), text::read(self.hint));
        let count = |count: Option<i64>| count.and_then(|count| u32::try_from(count).ok()).and_then(NonZeroU32::new);
        let limit = count(self.per_minute).zip(count(self.burst));
        key.rate_limit = limit.map(|(per_minute, burst)| KeyRateLimit { per_minute, burst });
        key.expires_at = self.expires_at.map(timestamp).transpose()?;
        key.revoked_at = self.revoked_at.map(timestamp).transpose()?;
        Ok(key)
    }
}

impl Database {
    async fn has_organization(&self, organization: Uuid) -> Result<bool> {
        Ok(self.told(self.organizations.find_one(doc! { "_id": organization }).await)?.is_some())
    }

    async fn has_user(&self, organization: Uuid, user: Option<Uuid>) -> Result<bool> {
        let Some(user) = user else { return Ok(true) };
        Ok(self.told(self.users.find_one(doc! { "_id": user, "organization": organization }).await)?.is_some())
    }

    /// Inserts unless something unique in it is there already.
    async fn inserted(&self, result: mongodb::error::Result<mongodb::results::InsertOneResult>) -> Result<bool> {
        match result {
            Err(error) if is_duplicate(&error) => Ok(false),
            done => self.told(done).map(|_| true),
        }
    }

    async fn make_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord> {
        let (id, organization) = (uuid(user.id.as_uuid()), uuid(user.organization.as_uuid()));
        if !self.has_organization(organization).await? {
            return Ok(NewRecord::NoOwner);
        }
        if let Some(key) = key {
            // Nobody sees it before its user is there.
            let key = KeyDocument::new(key, None);
            let theirs = key.user == Some(id) || self.has_user(organization, key.user).await?;
            if key.organization != organization || !theirs {
                return Ok(NewRecord::NoOwner);
            }
            if !self.inserted(self.keys.insert_one(&key).await).await? {
                return Ok(NewRecord::Taken);
            }
        }
        let email = text::kept(&user.email).into_owned();
        let document = UserDocument { id, organization, email, created_at: moment(user.created_at) };
        if self.inserted(self.users.insert_one(&document).await).await? {
            return Ok(NewRecord::Made);
        }
        if let Some(key) = key {
            self.told(self.keys.delete_one(doc! { "_id": uuid(key.id.as_uuid()) }).await)?;
        }
        Ok(NewRecord::Taken)
    }

    async fn make_key(&self, key: &ApiKey, replaces: Option<ApiKeyId>) -> Result<NewRecord> {
        let key = KeyDocument::new(key, replaces);
        if !self.has_organization(key.organization).await? || !self.has_user(key.organization, key.user).await? {
            return Ok(NewRecord::NoOwner);
        }
        let made = self.inserted(self.keys.insert_one(&key).await).await?;
        Ok(if made { NewRecord::Made } else { NewRecord::Taken })
    }

    /// Makes the new key, unseen; then the rotation is inserted, which only one can be for a key. The old key is marked at last.
    async fn rotate(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord> {
        let (old_id, new_id) = (uuid(old.as_uuid()), uuid(new.id.as_uuid()));
        let organization = uuid(new.organization.as_uuid());
        let usable = doc! { "_id": old_id, "organization": organization };
        let found = self.one_key(usable.clone()).await?;
        if found.is_none_or(|found| found.revoked_at.is_some()) {
            return Ok(NewRecord::NoOwner);
        }
        let made = self.make_key(new, Some(old)).await?;
        if made != NewRecord::Made {
            return Ok(made);
        }
        let at = moment(new.created_at);
        let rotation = RotationDocument { old: old_id, new: new_id, organization, at };
        if !self.inserted(self.rotations.insert_one(&rotation).await).await? {
            self.told(self.keys.delete_one(doc! { "_id": new_id }).await)?;
            return Ok(NewRecord::NoOwner);
        }
        let revoke = doc! { "$set": { "revoked_at": at } };
        self.told(self.keys.update_one(usable, revoke).await)?;
        Ok(NewRecord::Made)
    }

    /// A key as it counts: `None` when its owners are not there, or the end of the rotation that made it; revoked when another
    /// has taken its place.
    async fn counting(&self, mut key: KeyDocument) -> Result<Option<KeyDocument>> {
        if let Some(old) = key.replaces {
            let rotation = doc! { "_id": old, "new": key.id };
            if self.told(self.rotations.find_one(rotation).await)?.is_none() {
                return Ok(None);
            }
        }
        if key.revoked_at.is_none() {
            let rotated = self.told(self.rotations.find_one(doc! { "_id": key.id }).await)?;
            key.revoked_at = rotated.map(|rotation| rotation.at);
        }
        let owned = self.has_organization(key.organization).await? && self.has_user(key.organization, key.user).await?;
        Ok(owned.then_some(key))
    }

    async fn one_key(&self, wanted: Document) -> Result<Option<ApiKey>> {
        match self.told(self.keys.find_one(wanted).await)? {
            Some(found) => self.counting(found).await?.map(KeyDocument::read).transpose(),
            None => Ok(None),
        }
    }

    async fn one_user(&self, organization: OrganizationId, mut wanted: Document) -> Result<Option<User>> {
        let organization = uuid(organization.as_uuid());
        wanted.insert("organization", organization);
        if !self.has_organization(organization).await? {
            return Ok(None);
        }
        self.told(self.users.find_one(wanted).await)?.map(UserDocument::read).transpose()
    }

    async fn page_of_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>> {
        let organization = uuid(organization.as_uuid());
        if !self.has_organization(organization).await? {
            return Ok(Page::new(Vec::new(), false));
        }
        let mut wanted = doc! { "organization": organization };
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let found = self.all(&self.users, wanted, doc! { "_id": -1 }, Some(query.limit.saturating_add(1))).await?;
        Page::cut(found, query.limit).try_map(UserDocument::read)
    }

    async fn page_of_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>> {
        let mut wanted = doc! { "organization": uuid(organization.as_uuid()) };
        if let Some(user) = query.user {
            wanted.insert("user", uuid(user.as_uuid()));
        }
        let (mut before, mut items) = (query.before.map(|id| uuid(id.as_uuid())), Vec::new());
        // What does not count is rare: it is what a process left that died.
        while items.len() <= query.limit {
            if let Some(before) = before {
                wanted.insert("_id", doc! { "$lt": before });
            }
            let most = query.limit.saturating_add(1);
            let found = self.all(&self.keys, wanted.clone(), doc! { "_id": -1 }, Some(most)).await?;
            let Some(last) = found.last() else { break };
            before = Some(last.id);
            for key in found {
                items.extend(self.counting(key).await?.map(KeyDocument::read).transpose()?);
            }
        }
        Ok(Page::cut(items, query.limit))
    }

    async fn drop_organization(&self, id: OrganizationId) -> Result<bool> {
        let id = uuid(id.as_uuid());
        let deleted = self.told(self.organizations.delete_one(doc! { "_id": id }).await)?.deleted_count > 0;
        // Nobody sees these any more; what an earlier call left goes too.
        let theirs = doc! { "organization": id };
        self.told(self.keys.delete_many(theirs.clone()).await)?;
        self.told(self.rotations.delete_many(theirs.clone()).await)?;
        self.told(self.credentials.delete_many(theirs.clone()).await)?;
        self.told(self.users.delete_many(theirs).await)?;
        Ok(deleted)
    }

    async fn drop_user(&self, organization: OrganizationId, id: UserId) -> Result<bool> {
        let (organization, id) = (uuid(organization.as_uuid()), uuid(id.as_uuid()));
        if !self.has_organization(organization).await? {
            return Ok(false);
        }
        let user = doc! { "_id": id, "organization": organization };
        let deleted = self.told(self.users.delete_one(user).await)?.deleted_count > 0;
        self.told(self.keys.delete_many(doc! { "organization": organization, "user": id }).await)?;
        Ok(deleted)
    }

    async fn put_credential(&self, credential: &Credential) -> Result<bool> {
        let organization = uuid(credential.organization.as_uuid());
        if !self.has_organization(organization).await? {
            return Ok(false);
        }
        let wanted = doc! { "organization": organization, "provider": text::kept(&credential.provider).as_ref() };
        let set = doc! { "$set": { "sealed": bytes(&credential.sealed), "updated_at": moment(credential.updated_at) } };
        // Two that make it at the same moment: the second finds it made.
        match self.credentials.update_one(wanted.clone(), set.clone()).upsert(true).await {
            Err(error) if is_duplicate(&error) => self.told(self.credentials.update_one(wanted, set).await),
            done => self.told(done),
        }?;
        Ok(true)
    }

    async fn credentials_of(&self, organization: OrganizationId) -> Result<Vec<Credential>> {
        let wanted = uuid(organization.as_uuid());
        if !self.has_organization(wanted).await? {
            return Ok(Vec::new());
        }
        let found = self.all(&self.credentials, doc! { "organization": wanted }, doc! { "provider": 1 }, None).await?;
        let read = |found: CredentialDocument| {
            let provider = text::read(found.provider);
            Ok(Credential::new(organization, provider, found.sealed.bytes, timestamp(found.updated_at)?))
        };
        found.into_iter().map(read).collect()
    }
}

#[async_trait]
impl AccountStore for MongoStore {
    async fn create_organization(&self, organization: &Organization) -> Result<()> {
        let database = &self.database;
        let document = OrganizationDocument {
            id: uuid(organization.id.as_uuid()),
            name: text::kept(&organization.name).into_owned(),
            created_at: moment(organization.created_at),
        };
        let insert = async { database.inserted(database.organizations.insert_one(&document).await).await };
        database.run(insert).await.map(|_| ())
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let database = &self.database;
        let wanted = doc! { "_id": uuid(id.as_uuid()) };
        let found = database.run(async { database.told(database.organizations.find_one(wanted).await) }).await?;
        found.map(OrganizationDocument::read).transpose()
    }

    async fn list_organizations(&self, query: &OrganizationQuery) -> Result<Page<Organization>> {
        let database = &self.database;
        let before = query.before.map(|id| doc! { "_id": { "$lt": uuid(id.as_uuid()) } }).unwrap_or_default();
        let most = Some(query.limit.saturating_add(1));
        let found = database.run(database.all(&database.organizations, before, doc! { "_id": -1 }, most)).await?;
        Page::cut(found, query.limit).try_map(OrganizationDocument::read)
    }

    async fn delete_organization(&self, id: OrganizationId) -> Result<bool> {
        self.database.run(self.database.drop_organization(id)).await
    }

    async fn create_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord> {
        self.database.run(self.database.make_user(user, key)).await
    }

    async fn user(&self, organization: OrganizationId, id: UserId) -> Result<Option<User>> {
        self.database.run(self.database.one_user(organization, doc! { "_id": uuid(id.as_uuid()) })).await
    }

    async fn user_by_email(&self, organization: OrganizationId, email: &str) -> Result<Option<User>> {
        let wanted = doc! { "email": text::kept(email).as_ref() };
        self.database.run(self.database.one_user(organization, wanted)).await
    }

    async fn list_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>> {
        self.database.run(self.database.page_of_users(organization, query)).await
    }

    async fn delete_user(&self, organization: OrganizationId, id: UserId) -> Result<bool> {
        self.database.run(self.database.drop_user(organization, id)).await
    }

    async fn create_key(&self, key: &ApiKey) -> Result<NewRecord> {
        self.database.run(self.database.make_key(key, None)).await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<ApiKey>> {
        self.database.run(self.database.one_key(doc! { "hash": bytes(&hash.0) })).await
    }

    async fn key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        let wanted = doc! { "_id": uuid(id.as_uuid()), "organization": uuid(organization.as_uuid()) };
        self.database.run(self.database.one_key(wanted)).await
    }

    async fn list_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>> {
        self.database.run(self.database.page_of_keys(organization, query)).await
    }

    async fn revoke_key(&self, organization: OrganizationId, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        let database = &self.database;
        let (id, organization) = (uuid(id.as_uuid()), uuid(organization.as_uuid()));
        let usable = doc! { "_id": id, "organization": organization, "revoked_at": null };
        let revoke = doc! { "$set": { "revoked_at": moment(at) } };
        let revoke = async {
            let found = database.one_key(usable.clone()).await?;
            if found.is_none_or(|found| found.revoked_at.is_some()) {
                return Ok(false);
            }
            Ok(database.told(database.keys.update_one(usable, revoke).await)?.matched_count > 0)
        };
        database.run(revoke).await
    }

    async fn rotate_key(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord> {
        self.database.run(self.database.rotate(old, new)).await
    }

    async fn set_credential(&self, credential: &Credential) -> Result<bool> {
        self.database.run(self.database.put_credential(credential)).await
    }

    async fn credentials(&self, organization: OrganizationId) -> Result<Vec<Credential>> {
        self.database.run(self.database.credentials_of(organization)).await
    }

    async fn delete_credential(&self, organization: OrganizationId, provider: &str) -> Result<bool> {
        let database = &self.database;
        let wanted = doc! { "organization": uuid(organization.as_uuid()), "provider": text::kept(provider).as_ref() };
        let deleted = database.run(async { database.told(database.credentials.delete_one(wanted).await) }).await?;
        Ok(deleted.deleted_count > 0)
    }
}
