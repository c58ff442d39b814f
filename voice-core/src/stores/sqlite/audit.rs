//! The audit log to rows and back.

use async_trait::async_trait;
use rusqlite::{Connection, Row, ToSql, params};

use super::{
    SqliteStore,
    kept::{Kept, at_most},
};
use crate::{
    error::Result,
    id::AuditId,
    store::{AuditEntry, AuditLog, AuditQuery, Page},
    time::Timestamp,
};

/// How many entries are deleted in one transaction.
const DELETE_AT_ONCE: u32 = 1_000;

fn entry_of(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let organization = row.get::<_, Option<Kept<_>>>("organization")?.map(|id| id.0);
    let (at, actor) = (row.get::<_, Kept<_>>("at")?.0, row.get::<_, Kept<_>>("actor")?.0);
    let (action, target): (String, String) = (row.get("action")?, row.get("target")?);
    let mut entry = AuditEntry::new(at, organization, actor, action, target);
    entry.id = row.get::<_, Kept<_>>("id")?.0;
    entry.confirmed = row.get("confirmed")?;
    Ok(entry)
}

fn append(connection: &Connection, entry: &AuditEntry) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (id, at, organization, actor, action, target, confirmed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            Kept(entry.id),
            Kept(entry.at),
            entry.organization.map(Kept),
            entry.actor.to_string(),
            entry.action,
            entry.target,
            entry.confirmed,
        ])
        .map(|_| ())
}

fn settle(connection: &Connection, entry: AuditId, made: bool) -> rusqlite::Result<()> {
    let sql = if made {
        "UPDATE audit SET confirmed = 1 WHERE id = ?1"
    } else {
        "DELETE FROM audit WHERE id = ?1 AND confirmed = 0"
    };
    connection.prepare_cached(sql)?.execute([Kept(entry)]).map(|_| ())
}

fn entries(connection: &Connection, query: &AuditQuery) -> rusqlite::Result<Page<AuditEntry>> {
    let (organization, before) = (query.organization.map(Kept), query.before.map(Kept));
    let (actor, limit) = (query.actor.map(|actor| actor.to_string()), at_most(query.limit) + 1);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    let mut conditions = vec!["1"];
    if let Some(organization) = &organization {
        conditions.push("organization = :organization");
        values.push((":organization", organization));
    }
    if let Some(actor) = &actor {
        conditions.push("actor = :actor");
        values.push((":actor", actor));
    }
    if let Some(action) = &query.action {
        conditions.push("action = :action");
        values.push((":action", action));
    }
    if let Some(target) = &query.target {
        conditions.push("target = :target");
        values.push((":target", target));
    }
    if let Some(before) = &before {
        conditions.push("id < :before");
        values.push((":before", before));
    }
    let sql = format!("SELECT * FROM audit WHERE {} ORDER BY id DESC LIMIT :limit", conditions.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), entry_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn delete_before(connection: &Connection, before: Timestamp) -> rusqlite::Result<usize> {
    let sql = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
    connection.prepare_cached(sql)?.execute(params![Kept(before), DELETE_AT_ONCE])
}

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let entries = entries.to_vec();
        self.workers.write(move |c| entries.iter().try_for_each(|entry| append(c, entry))).await
    }

    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()> {
        let entries = entries.to_vec();
        self.workers.write(move |c| entries.iter().try_for_each(|entry| settle(c, *entry, made))).await
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        let query = query.clone();
        self.workers.read(move |c| entries(c, &query)).await
    }

    async fn delete_entries_before(&self, before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let some = self.workers.write(move |c| delete_before(c, before)).await?;
            deleted += some as u64;
            if some < DELETE_AT_ONCE as usize {
                return Ok(deleted);
            }
        }
    }
}
