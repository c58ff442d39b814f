//! Accounts to rows and back. Each call is one statement, and the constraints of the tables judge it.

use std::num::NonZeroU32;

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{Row, error::SqlState, types::ToSql};
use uuid::Uuid;

use super::{
    PostgresStore,
    kept::{at_most, moment},
    rows::{Result as SqlResult, changed},
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

const ORGANIZATION: &str = "id, name, created_at";
const USER: &str = "id, organization, email, created_at";
const KEY: &str =
    r#"id, organization, "user", hash, created_at, name, hint, per_minute, burst, expires_at, revoked_at"#;

fn organization_of(row: &Row) -> SqlResult<Organization> {
    let id = OrganizationId::from_uuid(row.try_get(0)?);
    Ok(Organization::new(id, text::read(row.try_get(1)?), row.try_get(2)?))
}

fn user_of(row: &Row) -> SqlResult<User> {
    let (id, organization) = (UserId::from_uuid(row.try_get(0)?), OrganizationId::from_uuid(row.try_get(1)?));
    Ok(User::new(id, organization, text::read(row.try_get(2)?), row.try_get(3)?))
}

fn key_of(row: &Row) -> SqlResult<ApiKey> {
    let (id, organization) = (ApiKeyId::from_uuid(row.try_get(0)?), OrganizationId::from_uuid(row.try_get(1)?));
    let user = row.try_get::<_, Option<Uuid>>(2)?.map(UserId::from_uuid);
    let mut hash = KeyHash([0; 32]);
    // The table takes no other length.
    hash.0.copy_from_slice(row.try_get::<_, &[u8]>(3)?.get(..32).unwrap_or(&[0; 32]));
    let mut key = ApiKey::new(id, organization, user, hash, row.try_get(4)?);
    key.name = text::read(row.try_get(5)?);
    key.hint = text::read(row.try_get(6)?);
    let count = |at| SqlResult::Ok(row.try_get::<_, Option<i64>>(at)?.and_then(|count| u32::try_from(count).ok()));
    let limit = count(7)?.and_then(NonZeroU32::new).zip(count(8)?.and_then(NonZeroU32::new));
    key.rate_limit = limit.map(|(per_minute, burst)| KeyRateLimit { per_minute, burst });
    key.expires_at = row.try_get(9)?;
    key.revoked_at = row.try_get(10)?;
    Ok(key)
}

/// A key's values, in the order of [`KEY`].
struct KeyValues<'a> {
    ids: (Uuid, Uuid, Option<Uuid>),
    hash: &'a [u8],
    created_at: Timestamp,
    name: std::borrow::Cow<'a, str>,
    hint: std::borrow::Cow<'a, str>,
    limit: (Option<i64>, Option<i64>),
    ends: (Option<Timestamp>, Option<Timestamp>),
}

impl<'a> KeyValues<'a> {
    fn new(key: &'a ApiKey) -> Self {
        Self {
            ids: (key.id.as_uuid(), key.organization.as_uuid(), key.user.map(|id| id.as_uuid())),
            hash: &key.hash.0,
            created_at: moment(key.created_at),
            name: text::kept(&key.name),
            hint: text::kept(&key.hint),
            limit: (
                key.rate_limit.map(|limit| limit.per_minute.get().into()),
                key.rate_limit.map(|limit| limit.burst.get().into()),
            ),
            ends: (key.expires_at.map(moment), key.revoked_at.map(moment)),
        }
    }

    fn all(&self) -> [&(dyn ToSql + Sync); 11] {
        [
            &self.ids.0,
            &self.ids.1,
            &self.ids.2,
            &self.hash,
            &self.created_at,
            &self.name,
            &self.hint,
            &self.limit.0,
            &self.limit.1,
            &self.ends.0,
            &self.ends.1,
        ]
    }
}

/// What an insertion came to, by what the tables say of it.
fn judged(inserted: SqlResult<u64>) -> SqlResult<NewRecord> {
    match inserted {
        Ok(0) => Ok(NewRecord::NoOwner),
        Ok(_) => Ok(NewRecord::Made),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(NewRecord::Taken),
        Err(error) if error.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION) => Ok(NewRecord::NoOwner),
        Err(error) => Err(error),
    }
}

async fn one<T>(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    read: fn(&Row) -> SqlResult<T>,
) -> SqlResult<Option<T>> {
    let statement = client.prepare_cached(sql).await?;
    client.query_opt(&statement, values).await?.as_ref().map(read).transpose()
}

async fn all<T>(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    read: fn(&Row) -> SqlResult<T>,
) -> SqlResult<Vec<T>> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, values).await?.iter().map(read).collect()
}

async fn create_user(client: &Object, user: &User, key: Option<&ApiKey>) -> SqlResult<NewRecord> {
    let email = text::kept(&user.email);
    let (id, organization, at) = (user.id.as_uuid(), user.organization.as_uuid(), moment(user.created_at));
    let insert = format!("INSERT INTO users ({USER}) VALUES ($1, $2, $3, $4)");
    let of_user: [&(dyn ToSql + Sync); 4] = [&id, &organization, &email, &at];
    let Some(key) = key else { return judged(changed(client, &insert, &of_user).await) };
    let sql = format!(
        "WITH made AS ({insert})
         INSERT INTO api_keys ({KEY}) VALUES ($5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
    );
    let key = KeyValues::new(key);
    let values: Vec<_> = of_user.into_iter().chain(key.all()).collect();
    judged(changed(client, &sql, &values).await)
}

async fn create_key(client: &Object, key: &ApiKey) -> SqlResult<NewRecord> {
    let sql = format!("INSERT INTO api_keys ({KEY}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    judged(changed(client, &sql, &KeyValues::new(key).all()).await)
}

async fn rotate_key(client: &Object, old: ApiKeyId, new: &ApiKey) -> SqlResult<NewRecord> {
    let sql = format!(
        "WITH old AS (
             UPDATE api_keys SET revoked_at = $5 WHERE organization = $2 AND id = $12 AND revoked_at IS NULL RETURNING 1
         )
         INSERT INTO api_keys ({KEY}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM old"
    );
    let (key, old) = (KeyValues::new(new), old.as_uuid());
    let values: Vec<_> = key.all().into_iter().chain([&old as &(dyn ToSql + Sync)]).collect();
    judged(changed(client, &sql, &values).await)
}

async fn list_keys(client: &Object, organization: OrganizationId, query: &KeyQuery) -> SqlResult<Page<ApiKey>> {
    let (user, before) = (query.user.map(|id| id.as_uuid()), query.before.map(|id| id.as_uuid()));
    let sql = format!(
        r#"SELECT {KEY} FROM api_keys WHERE organization = $1 AND {} AND {} ORDER BY id DESC LIMIT $4"#,
        if user.is_some() { r#""user" = $2"# } else { "$2::uuid IS NULL" },
        if before.is_some() { "id < $3" } else { "$3::uuid IS NULL" },
    );
    let values: [&(dyn ToSql + Sync); 4] = [&organization.as_uuid(), &user, &before, &(at_most(query.limit) + 1)];
    Ok(Page::cut(all(client, &sql, &values, key_of).await?, query.limit))
}

#[async_trait]
impl AccountStore for PostgresStore {
    async fn create_organization(&self, organization: &Organization) -> Result<()> {
        let sql = format!("INSERT INTO organizations ({ORGANIZATION}) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING");
        let (id, name) = (organization.id.as_uuid(), text::kept(&organization.name));
        let at = moment(organization.created_at);
        self.database.run(async |c| changed(c, &sql, &[&id, &name, &at]).await.map(|_| ())).await
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let sql = format!("SELECT {ORGANIZATION} FROM organizations WHERE id = $1");
        self.database.read(async |c| one(c, &sql, &[&id.as_uuid()], organization_of).await).await
    }

    async fn list_organizations(&self, query: &OrganizationQuery) -> Result<Page<Organization>> {
        let before = query.before.map(|id| id.as_uuid());
        let condition = if before.is_some() { "id < $1" } else { "$1::uuid IS NULL" };
        let sql = format!("SELECT {ORGANIZATION} FROM organizations WHERE {condition} ORDER BY id DESC LIMIT $2");
        let limit = at_most(query.limit) + 1;
        let found = self.database.read(async |c| all(c, &sql, &[&before, &limit], organization_of).await).await?;
        Ok(Page::cut(found, query.limit))
    }

    async fn delete_organization(&self, id: OrganizationId) -> Result<bool> {
        let sql = "DELETE FROM organizations WHERE id = $1";
        Ok(self.database.run(async |c| changed(c, sql, &[&id.as_uuid()]).await).await? > 0)
    }

    async fn create_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord> {
        self.database.run(async |c| create_user(c, user, key).await).await
    }

    async fn user(&self, organization: OrganizationId, id: UserId) -> Result<Option<User>> {
        let sql = format!("SELECT {USER} FROM users WHERE organization = $1 AND id = $2");
        let values = (organization.as_uuid(), id.as_uuid());
        self.database.read(async |c| one(c, &sql, &[&values.0, &values.1], user_of).await).await
    }

    async fn user_by_email(&self, organization: OrganizationId, email: &str) -> Result<Option<User>> {
        let sql = format!("SELECT {USER} FROM users WHERE organization = $1 AND email = $2");
        let (organization, email) = (organization.as_uuid(), text::kept(email));
        self.database.read(async |c| one(c, &sql, &[&organization, &email], user_of).await).await
    }

    async fn list_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>> {
        let before = query.before.map(|id| id.as_uuid());
        let condition = if before.is_some() { "id < $2" } else { "$2::uuid IS NULL" };
        let sql = format!("SELECT {USER} FROM users WHERE organization = $1 AND {condition} ORDER BY id DESC LIMIT $3");
        let (organization, limit) = (organization.as_uuid(), at_most(query.limit) + 1);
        let found =
            self.database.read(async |c| all(c, &sql, &[&organization, &before, &limit], user_of).await).await?;
        Ok(Page::cut(found, query.limit))
    }

    async fn delete_user(&self, organization: OrganizationId, id: UserId) -> Result<bool> {
        let sql = "DELETE FROM users WHERE organization = $1 AND id = $2";
        let values = (organization.as_uuid(), id.as_uuid());
        Ok(self.database.run(async |c| changed(c, sql, &[&values.0, &values.1]).await).await? > 0)
    }

    async fn create_key(&self, key: &ApiKey) -> Result<NewRecord> {
        self.database.run(async |c| create_key(c, key).await).await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<ApiKey>> {
        let sql = format!("SELECT {KEY} FROM api_keys WHERE hash = $1");
        self.database.read(async |c| one(c, &sql, &[&hash.0.as_slice()], key_of).await).await
    }

    async fn key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        let sql = format!("SELECT {KEY} FROM api_keys WHERE organization = $1 AND id = $2");
        let values = (organization.as_uuid(), id.as_uuid());
        self.database.read(async |c| one(c, &sql, &[&values.0, &values.1], key_of).await).await
    }

    async fn list_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>> {
        self.database.read(async |c| list_keys(c, organization, query).await).await
    }

    async fn revoke_key(&self, organization: OrganizationId, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        let sql = "UPDATE api_keys SET revoked_at = $3 WHERE organization = $1 AND id = $2 AND revoked_at IS NULL";
        let values = (organization.as_uuid(), id.as_uuid(), moment(at));
        Ok(self.database.run(async |c| changed(c, sql, &[&values.0, &values.1, &values.2]).await).await? > 0)
    }

    async fn rotate_key(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord> {
        self.database.run(async |c| rotate_key(c, old, new).await).await
    }

    async fn set_credential(&self, credential: &Credential) -> Result<bool> {
        let sql = "INSERT INTO credentials (organization, provider, sealed, updated_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (organization, provider)
                   DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at";
        let (organization, provider) = (credential.organization.as_uuid(), text::kept(&credential.provider));
        let at = moment(credential.updated_at);
        let set =
            async |c: &Object| judged(changed(c, sql, &[&organization, &provider, &credential.sealed, &at]).await);
        Ok(self.database.run(set).await? == NewRecord::Made)
    }

    async fn credentials(&self, organization: OrganizationId) -> Result<Vec<Credential>> {
        let sql = r#"SELECT organization, provider, sealed, updated_at FROM credentials WHERE organization = $1
                     ORDER BY provider COLLATE "C""#;
        let read = |row: &Row| {
            let organization = OrganizationId::from_uuid(row.try_get(0)?);
            Ok(Credential::new(organization, text::read(row.try_get(1)?), row.try_get(2)?, row.try_get(3)?))
        };
        self.database.read(async |c| all(c, sql, &[&organization.as_uuid()], read).await).await
    }

    async fn delete_credential(&self, organization: OrganizationId, provider: &str) -> Result<bool> {
        let sql = "DELETE FROM credentials WHERE organization = $1 AND provider = $2";
        let (organization, provider) = (organization.as_uuid(), text::kept(provider));
        Ok(self.database.run(async |c| changed(c, sql, &[&organization, &provider]).await).await? > 0)
    }
}
