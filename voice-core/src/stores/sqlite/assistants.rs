//! Assistants to rows and back: what they are, and what each of their versions says.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    SqliteStore,
    kept::{Kept, at_most},
};
use crate::{
    error::Result,
    id::{AssistantId, OrganizationId},
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion, Page},
    time::Timestamp,
};

const RECORD: &str = "SELECT a.id, a.organization, v.version, v.name, v.document, a.created_at, v.updated_at
     FROM assistants a JOIN assistant_versions v ON v.assistant = a.id";

fn record_of(row: &Row<'_>) -> rusqlite::Result<AssistantRecord> {
    let organization = row.get::<_, Option<Kept<_>>>(1)?.map(|id| id.0);
    let (id, created_at) = (row.get::<_, Kept<_>>(0)?.0, row.get::<_, Kept<_>>(5)?.0);
    let document = row.get::<_, Kept<_>>(4)?.0;
    let mut record = AssistantRecord::new(id, organization, row.get::<_, String>(3)?, document, created_at);
    record.version = row.get(2)?;
    record.updated_at = row.get::<_, Kept<_>>(6)?.0;
    Ok(record)
}

fn insert_version(connection: &Connection, record: &AssistantRecord) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO assistant_versions (assistant, version, name, document, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![Kept(record.id), record.version, record.name, Kept(&record.document), Kept(record.updated_at)])
        .map(|_| ())
}

fn create(connection: &Connection, record: &AssistantRecord) -> rusqlite::Result<()> {
    let made = connection
        .prepare_cached(
            "INSERT INTO assistants (id, organization, version, created_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![Kept(record.id), record.organization.map(Kept), record.version, Kept(record.created_at)])?;
    if made > 0 { insert_version(connection, record) } else { Ok(()) }
}

fn update(connection: &Connection, record: &AssistantRecord) -> rusqlite::Result<bool> {
    let next = connection
        .prepare_cached(
            "UPDATE assistants SET version = ?3
             WHERE id = ?2 AND organization IS ?1 AND version = ?3 - 1 AND deleted_at IS NULL",
        )?
        .execute(params![record.organization.map(Kept), Kept(record.id), record.version])?;
    if next > 0 {
        insert_version(connection, record)?;
    }
    Ok(next > 0)
}

fn list(
    connection: &Connection,
    organization: Option<OrganizationId>,
    query: &AssistantQuery,
) -> rusqlite::Result<Page<AssistantRecord>> {
    let before = if query.before.is_some() { "a.id < ?2" } else { "?2 IS NULL" };
    let sql = format!(
        "{RECORD} AND v.version = a.version
         WHERE a.organization IS ?1 AND a.deleted_at IS NULL AND {before} ORDER BY a.id DESC LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![organization.map(Kept), query.before.map(Kept), at_most(query.limit) + 1];
    let rows = statement.query_map(values, record_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

#[async_trait]
impl AssistantStore for SqliteStore {
    async fn create_assistant(&self, assistant: &AssistantRecord) -> Result<()> {
        let record = assistant.clone();
        self.workers.write(move |c| create(c, &record)).await
    }

    async fn update_assistant(&self, assistant: &AssistantRecord) -> Result<bool> {
        let record = assistant.clone();
        self.workers.write(move |c| update(c, &record)).await
    }

    async fn assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
    ) -> Result<Option<AssistantRecord>> {
        let find = move |c: &Connection| {
            let sql = format!(
                "{RECORD} AND v.version = a.version WHERE a.id = ?2 AND a.organization IS ?1 AND a.deleted_at IS NULL"
            );
            c.prepare_cached(&sql)?.query_row(params![organization.map(Kept), Kept(id)], record_of).optional()
        };
        self.workers.read(find).await
    }

    async fn assistant_version(
        &self,
        organization: Option<OrganizationId>,
        version: AssistantVersion,
    ) -> Result<Option<AssistantRecord>> {
        let find = move |c: &Connection| {
            let sql = format!("{RECORD} WHERE a.id = ?2 AND a.organization IS ?1 AND v.version = ?3");
            let values = params![organization.map(Kept), Kept(version.id), version.version];
            c.prepare_cached(&sql)?.query_row(values, record_of).optional()
        };
        self.workers.read(find).await
    }

    async fn list_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>> {
        let query = *query;
        self.workers.read(move |c| list(c, organization, &query)).await
    }

    async fn delete_assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
        at: Timestamp,
    ) -> Result<bool> {
        let delete = move |c: &Connection| {
            let sql = "UPDATE assistants SET deleted_at = ?3
                 WHERE id = ?2 AND organization IS ?1 AND deleted_at IS NULL";
            Ok(c.prepare_cached(sql)?.execute(params![organization.map(Kept), Kept(id), Kept(at)])? > 0)
        };
        self.workers.write_gone(delete).await
    }

    async fn erase_assistants(&self, organization: OrganizationId) -> Result<u64> {
        let sql = "DELETE FROM assistants WHERE organization = ?1";
        let erased = self.workers.write_gone(move |c| c.prepare_cached(sql)?.execute([Kept(organization)])).await?;
        Ok(erased as u64)
    }
}
