//! Accounts to rows and back.

use std::num::NonZeroU32;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{
    SqliteStore,
    kept::{Kept, at_most},
};
use crate::{
    error::Result,
    id::{ApiKeyId, OrganizationId, UserId},
    store::{
        AccountStore, ApiKey, Credential, KeyHash, KeyQuery, KeyRateLimit, NewRecord, Organization, OrganizationQuery,
        Page, User, UserQuery,
    },
    time::Timestamp,
};

fn organization_of(row: &Row<'_>) -> rusqlite::Result<Organization> {
    Ok(Organization::new(row.get::<_, Kept<_>>(0)?.0, row.get::<_, String>(1)?, row.get::<_, Kept<_>>(2)?.0))
}

const USER: &str = "id, organization, email, created_at";

fn user_of(row: &Row<'_>) -> rusqlite::Result<User> {
    let (id, organization) = (row.get::<_, Kept<_>>(0)?.0, row.get::<_, Kept<_>>(1)?.0);
    Ok(User::new(id, organization, row.get::<_, String>(2)?, row.get::<_, Kept<_>>(3)?.0))
}

const KEY: &str = "id, organization, user, hash, created_at, name, hint, per_minute, burst, expires_at, revoked_at";

fn key_of(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let user = row.get::<_, Option<Kept<_>>>("user")?.map(|id| id.0);
    let (id, organization) = (row.get::<_, Kept<_>>("id")?.0, row.get::<_, Kept<_>>("organization")?.0);
    let hash = KeyHash(row.get("hash")?);
    let mut key = ApiKey::new(id, organization, user, hash, row.get::<_, Kept<_>>("created_at")?.0);
    key.name = row.get("name")?;
    key.hint = row.get("hint")?;
    let limit = row.get::<_, Option<u32>>("per_minute")?.zip(row.get::<_, Option<u32>>("burst")?);
    let limit = limit.and_then(|(rate, burst)| NonZeroU32::new(rate).zip(NonZeroU32::new(burst)));
    key.rate_limit = limit.map(|(per_minute, burst)| KeyRateLimit { per_minute, burst });
    key.expires_at = row.get::<_, Option<Kept<_>>>("expires_at")?.map(|at| at.0);
    key.revoked_at = row.get::<_, Option<Kept<_>>>("revoked_at")?.map(|at| at.0);
    Ok(key)
}

fn has_organization(connection: &Connection, id: OrganizationId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM organizations WHERE id = ?1")?.exists([Kept(id)])
}

/// What making this key would come to. The writer's transactions stand alone, so it still holds when the key is inserted.
fn judge_key(connection: &Connection, key: &ApiKey, new_user: Option<UserId>) -> rusqlite::Result<NewRecord> {
    let of_the_organization = match key.user {
        Some(user) if new_user != Some(user) => connection
            .prepare_cached("SELECT 1 FROM users WHERE organization = ?1 AND id = ?2")?
            .exists(params![Kept(key.organization), Kept(user)])?,
        _ => true,
    };
    if !of_the_organization || !has_organization(connection, key.organization)? {
        return Ok(NewRecord::NoOwner);
    }
    let taken = connection
        .prepare_cached("SELECT 1 FROM api_keys WHERE id = ?1 OR hash = ?2")?
        .exists(params![Kept(key.id), key.hash.0])?;
    Ok(if taken { NewRecord::Taken } else { NewRecord::Made })
}

fn judge_user(connection: &Connection, user: &User) -> rusqlite::Result<NewRecord> {
    if !has_organization(connection, user.organization)? {
        return Ok(NewRecord::NoOwner);
    }
    let taken = connection
        .prepare_cached("SELECT 1 FROM users WHERE id = ?1 OR (organization = ?2 AND email = ?3)")?
        .exists(params![Kept(user.id), Kept(user.organization), user.email])?;
    Ok(if taken { NewRecord::Taken } else { NewRecord::Made })
}

fn insert_key(connection: &Connection, key: &ApiKey) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO api_keys ({KEY}) VALUES (:id, :organization, :user, :hash, :created_at, :name, :hint, :per_minute,
         :burst, :expires_at, :revoked_at)"
    );
    connection.prepare_cached(&sql)?.execute(named_params! {
        ":id": Kept(key.id),
        ":organization": Kept(key.organization),
        ":user": key.user.map(Kept),
        ":hash": key.hash.0,
        ":created_at": Kept(key.created_at),
        ":name": key.name,
        ":hint": key.hint,
        ":per_minute": key.rate_limit.map(|limit| limit.per_minute.get()),
        ":burst": key.rate_limit.map(|limit| limit.burst.get()),
        ":expires_at": key.expires_at.map(Kept),
        ":revoked_at": key.revoked_at.map(Kept),
    })?;
    Ok(())
}

fn create_user(connection: &Connection, user: &User, key: Option<&ApiKey>) -> rusqlite::Result<NewRecord> {
    let key_outcome = key.map_or(Ok(NewRecord::Made), |key| judge_key(connection, key, Some(user.id)))?;
    for outcome in [judge_user(connection, user)?, key_outcome] {
        if outcome != NewRecord::Made {
            return Ok(outcome);
        }
    }
    let sql = format!("INSERT INTO users ({USER}) VALUES (?1, ?2, ?3, ?4)");
    let values = params![Kept(user.id), Kept(user.organization), user.email, Kept(user.created_at)];
    connection.prepare_cached(&sql)?.execute(values)?;
    key.map_or(Ok(()), |key| insert_key(connection, key))?;
    Ok(NewRecord::Made)
}

fn create_key(connection: &Connection, key: &ApiKey) -> rusqlite::Result<NewRecord> {
    let outcome = judge_key(connection, key, None)?;
    if outcome == NewRecord::Made {
        insert_key(connection, key)?;
    }
    Ok(outcome)
}

fn revoke(
    connection: &Connection,
    organization: OrganizationId,
    id: ApiKeyId,
    at: Timestamp,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "UPDATE api_keys SET revoked_at = ?3 WHERE organization = ?1 AND id = ?2 AND revoked_at IS NULL",
    )?;
    Ok(statement.execute(params![Kept(organization), Kept(id), Kept(at)])? > 0)
}

fn rotate(connection: &Connection, old: ApiKeyId, new: &ApiKey) -> rusqlite::Result<NewRecord> {
    let there = connection
        .prepare_cached("SELECT 1 FROM api_keys WHERE organization = ?1 AND id = ?2 AND revoked_at IS NULL")?
        .exists(params![Kept(new.organization), Kept(old)])?;
    if !there {
        return Ok(NewRecord::NoOwner);
    }
    let outcome = create_key(connection, new)?;
    if outcome == NewRecord::Made {
        revoke(connection, new.organization, old, new.created_at)?;
    }
    Ok(outcome)
}

fn list_keys(
    connection: &Connection,
    organization: OrganizationId,
    query: &KeyQuery,
) -> rusqlite::Result<Page<ApiKey>> {
    let user = if query.user.is_some() { "user = ?2" } else { "?2 IS NULL" };
    let before = if query.before.is_some() { "id < ?3" } else { "?3 IS NULL" };
    let sql =
        format!("SELECT {KEY} FROM api_keys WHERE organization = ?1 AND {user} AND {before} ORDER BY id DESC LIMIT ?4");
    let values = params![Kept(organization), query.user.map(Kept), query.before.map(Kept), at_most(query.limit) + 1];
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, key_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn set_credential(connection: &Connection, credential: &Credential) -> rusqlite::Result<bool> {
    if !has_organization(connection, credential.organization)? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO credentials (organization, provider, sealed, updated_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
        )?
        .execute(params![
            Kept(credential.organization),
            credential.provider,
            credential.sealed,
            Kept(credential.updated_at)
        ])?;
    Ok(true)
}

fn credentials(connection: &Connection, organization: OrganizationId) -> rusqlite::Result<Vec<Credential>> {
    let mut statement = connection.prepare_cached(
        "SELECT provider, sealed, updated_at FROM credentials WHERE organization = ?1 ORDER BY provider",
    )?;
    let rows = statement.query_map([Kept(organization)], |row| {
        let sealed = row.get(1)?;
        Ok(Credential::new(organization, row.get::<_, String>(0)?, sealed, row.get::<_, Kept<_>>(2)?.0))
    })?;
    rows.collect()
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create_organization(&self, organization: &Organization) -> Result<()> {
        let organization = organization.clone();
        let insert = move |c: &Connection| {
            let sql = "INSERT INTO organizations (id, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let values = params![Kept(organization.id), organization.name, Kept(organization.created_at)];
            c.prepare_cached(sql)?.execute(values).map(|_| ())
        };
        self.workers.write(insert).await
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>> {
        let sql = "SELECT id, name, created_at FROM organizations WHERE id = ?1";
        self.workers.read(move |c| c.prepare_cached(sql)?.query_row([Kept(id)], organization_of).optional()).await
    }

    async fn list_organizations(&self, query: &OrganizationQuery) -> Result<Page<Organization>> {
        let query = *query;
        let list = move |c: &Connection| {
            let before = if query.before.is_some() { "id < ?1" } else { "?1 IS NULL" };
            let sql =
                format!("SELECT id, name, created_at FROM organizations WHERE {before} ORDER BY id DESC LIMIT ?2");
            let mut statement = c.prepare_cached(&sql)?;
            let rows =
                statement.query_map(params![query.before.map(Kept), at_most(query.limit) + 1], organization_of)?;
            Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
        };
        self.workers.read(list).await
    }

    async fn delete_organization(&self, id: OrganizationId) -> Result<bool> {
        let sql = "DELETE FROM organizations WHERE id = ?1";
        self.workers.write_gone(move |c| Ok(c.prepare_cached(sql)?.execute([Kept(id)])? > 0)).await
    }

    async fn create_user(&self, user: &User, key: Option<&ApiKey>) -> Result<NewRecord> {
        let (user, key) = (user.clone(), key.cloned());
        self.workers.write(move |c| create_user(c, &user, key.as_ref())).await
    }

    async fn user(&self, organization: OrganizationId, id: UserId) -> Result<Option<User>> {
        let find = move |c: &Connection| {
            let sql = format!("SELECT {USER} FROM users WHERE organization = ?1 AND id = ?2");
            c.prepare_cached(&sql)?.query_row(params![Kept(organization), Kept(id)], user_of).optional()
        };
        self.workers.read(find).await
    }

    async fn user_by_email(&self, organization: OrganizationId, email: &str) -> Result<Option<User>> {
        let email = email.to_owned();
        let find = move |c: &Connection| {
            let sql = format!("SELECT {USER} FROM users WHERE organization = ?1 AND email = ?2");
            c.prepare_cached(&sql)?.query_row(params![Kept(organization), email], user_of).optional()
        };
        self.workers.read(find).await
    }

    async fn list_users(&self, organization: OrganizationId, query: &UserQuery) -> Result<Page<User>> {
        let query = *query;
        let list = move |c: &Connection| {
            let before = if query.before.is_some() { "id < ?2" } else { "?2 IS NULL" };
            let sql =
                format!("SELECT {USER} FROM users WHERE organization = ?1 AND {before} ORDER BY id DESC LIMIT ?3");
            let mut statement = c.prepare_cached(&sql)?;
            let values = params![Kept(organization), query.before.map(Kept), at_most(query.limit) + 1];
            let rows = statement.query_map(values, user_of)?;
            Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
        };
        self.workers.read(list).await
    }

    async fn delete_user(&self, organization: OrganizationId, id: UserId) -> Result<bool> {
        let sql = "DELETE FROM users WHERE organization = ?1 AND id = ?2";
        let delete =
            move |c: &Connection| Ok(c.prepare_cached(sql)?.execute(params![Kept(organization), Kept(id)])? > 0);
        self.workers.write_gone(delete).await
    }

    async fn create_key(&self, key: &ApiKey) -> Result<NewRecord> {
        let key = key.clone();
        self.workers.write(move |c| create_key(c, &key)).await
    }

    async fn key_by_hash(&self, hash: &KeyHash) -> Result<Option<ApiKey>> {
        let hash = *hash;
        let find = move |c: &Connection| {
            let sql = format!("SELECT {KEY} FROM api_keys WHERE hash = ?1");
            c.prepare_cached(&sql)?.query_row([hash.0], key_of).optional()
        };
        self.workers.read(find).await
    }

    async fn key(&self, organization: OrganizationId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        let find = move |c: &Connection| {
            let sql = format!("SELECT {KEY} FROM api_keys WHERE organization = ?1 AND id = ?2");
            c.prepare_cached(&sql)?.query_row(params![Kept(organization), Kept(id)], key_of).optional()
        };
        self.workers.read(find).await
    }

    async fn list_keys(&self, organization: OrganizationId, query: &KeyQuery) -> Result<Page<ApiKey>> {
        let query = *query;
        self.workers.read(move |c| list_keys(c, organization, &query)).await
    }

    async fn revoke_key(&self, organization: OrganizationId, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        self.workers.write(move |c| revoke(c, organization, id, at)).await
    }

    async fn rotate_key(&self, old: ApiKeyId, new: &ApiKey) -> Result<NewRecord> {
        let new = new.clone();
        self.workers.write(move |c| rotate(c, old, &new)).await
    }

    async fn set_credential(&self, credential: &Credential) -> Result<bool> {
        let credential = credential.clone();
        self.workers.write(move |c| set_credential(c, &credential)).await
    }

    async fn credentials(&self, organization: OrganizationId) -> Result<Vec<Credential>> {
        self.workers.read(move |c| credentials(c, organization)).await
    }

    async fn delete_credential(&self, organization: OrganizationId, provider: &str) -> Result<bool> {
        let provider = provider.to_owned();
        let sql = "DELETE FROM credentials WHERE organization = ?1 AND provider = ?2";
        let delete =
            move |c: &Connection| Ok(c.prepare_cached(sql)?.execute(params![Kept(organization), provider])? > 0);
        self.workers.write_gone(delete).await
    }
}
