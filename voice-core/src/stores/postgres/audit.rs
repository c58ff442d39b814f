//! The audit log to rows and back.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{
    Row,
    types::{FromSql, ToSql, Type, accepts},
};
use uuid::Uuid;

use super::{
    PostgresStore,
    kept::{at_most, moment},
    rows::{Result as SqlResult, changed},
};
use crate::{
    error::Result,
    id::{AuditId, OrganizationId},
    store::{Actor, AuditEntry, AuditLog, AuditQuery, Page},
    stores::text,
    time::Timestamp,
};

/// How many entries are deleted by one statement.
const DELETE_AT_ONCE: i64 = 1_000;

const ENTRY: &str = "id, at, organization, actor, action, target, confirmed";

/// An actor, as a column holds it.
struct ByText(Actor);

impl<'a> FromSql<'a> for ByText {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(<&str>::from_sql(ty, raw)?.parse()?))
    }

    accepts!(TEXT);
}

fn entry_of(row: &Row) -> SqlResult<AuditEntry> {
    let organization = row.try_get::<_, Option<Uuid>>(2)?.map(OrganizationId::from_uuid);
    let (action, target) = (text::read(row.try_get(4)?), text::read(row.try_get(5)?));
    let mut entry = AuditEntry::new(row.try_get(1)?, organization, row.try_get::<_, ByText>(3)?.0, action, target);
    entry.id = AuditId::from_uuid(row.try_get(0)?);
    entry.confirmed = row.try_get(6)?;
    Ok(entry)
}

async fn append(client: &Object, entries: &[AuditEntry]) -> SqlResult<()> {
    let sql = format!(
        "INSERT INTO audit ({ENTRY})
         SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bool[])
         ON CONFLICT DO NOTHING"
    );
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id.as_uuid()).collect();
    let times: Vec<Timestamp> = entries.iter().map(|entry| moment(entry.at)).collect();
    let organizations: Vec<_> = entries.iter().map(|entry| entry.organization.map(|id| id.as_uuid())).collect();
    let actors: Vec<_> = entries.iter().map(|entry| entry.actor.to_string()).collect();
    let actions: Vec<_> = entries.iter().map(|entry| text::kept(&entry.action)).collect();
    let targets: Vec<_> = entries.iter().map(|entry| text::kept(&entry.target)).collect();
    let confirmed: Vec<_> = entries.iter().map(|entry| entry.confirmed).collect();
    let values: [&(dyn ToSql + Sync); 7] = [&ids, &times, &organizations, &actors, &actions, &targets, &confirmed];
    changed(client, &sql, &values).await.map(|_| ())
}

async fn settle(client: &Object, entries: &[AuditId], made: bool) -> SqlResult<()> {
    let sql = if made {
        "UPDATE audit SET confirmed = true WHERE id = ANY ($1)"
    } else {
        "DELETE FROM audit WHERE id = ANY ($1) AND NOT confirmed"
    };
    let ids: Vec<Uuid> = entries.iter().map(|id| id.as_uuid()).collect();
    changed(client, sql, &[&ids]).await.map(|_| ())
}

async fn entries(client: &Object, query: &AuditQuery) -> SqlResult<Page<AuditEntry>> {
    let (organization, before) = (query.organization.map(|id| id.as_uuid()), query.before.map(|id| id.as_uuid()));
    let (actor, limit) = (query.actor.map(|actor| actor.to_string()), at_most(query.limit) + 1);
    let (action, target) = (query.action.as_deref().map(text::kept), query.target.as_deref().map(text::kept));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    let mut conditions = vec!["true".to_owned()];
    let asked: [(bool, &str, &(dyn ToSql + Sync)); 5] = [
        (organization.is_some(), "organization =", &organization),
        (actor.is_some(), "actor =", &actor),
        (action.is_some(), "action =", &action),
        (target.is_some(), "target =", &target),
        (before.is_some(), "id <", &before),
    ];
    for (_, condition, value) in asked.into_iter().filter(|(asked, ..)| *asked) {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    }
    let sql = format!("SELECT {ENTRY} FROM audit WHERE {} ORDER BY id DESC LIMIT $1", conditions.join(" AND "));
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    Ok(Page::cut(rows.iter().map(entry_of).collect::<SqlResult<_>>()?, query.limit))
}

#[async_trait]
impl AuditLog for PostgresStore {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        self.database.run(async |c| append(c, entries).await).await
    }

    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()> {
        self.database.run(async |c| settle(c, entries, made).await).await
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        self.database.read(async |c| entries(c, query).await).await
    }

    async fn delete_entries_before(&self, before: Timestamp) -> Result<u64> {
        let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
        let (before, mut deleted) = (moment(before), 0);
        loop {
            let some = self.database.run(async |c| changed(c, sql, &[&before, &DELETE_AT_ONCE]).await).await?;
            deleted += some;
            if some < DELETE_AT_ONCE.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }
}
