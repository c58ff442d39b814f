//! Assistants to rows and back: what they are, and what each of their versions says.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    PostgresStore,
    kept::{at_most, moment},
    rows::{Result as SqlResult, changed},
};
use crate::{
    error::Result,
    id::{AssistantId, OrganizationId},
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion, Page},
    stores::text,
    time::Timestamp,
};

const RECORD: &str = "SELECT a.id, a.organization, v.version, v.name, v.document, a.created_at, v.updated_at
     FROM assistants a JOIN assistant_versions v ON v.assistant = a.id";

fn record_of(row: &Row) -> SqlResult<AssistantRecord> {
    let organization = row.try_get::<_, Option<Uuid>>(1)?.map(OrganizationId::from_uuid);
    let (id, document) = (AssistantId::from_uuid(row.try_get(0)?), row.try_get::<_, Json<_>>(4)?.0);
    let mut record = AssistantRecord::new(id, organization, text::read(row.try_get(3)?), document, row.try_get(5)?);
    record.version = u32::try_from(row.try_get::<_, i64>(2)?).unwrap_or(u32::MAX);
    record.updated_at = row.try_get(6)?;
    Ok(record)
}

/// The condition that an assistant belongs to `$1`, in a form that an index serves.
fn belongs(organization: Option<OrganizationId>) -> &'static str {
    if organization.is_some() { "organization = $1" } else { "organization IS NULL AND $1::uuid IS NULL" }
}

async fn create(client: &Object, record: &AssistantRecord) -> SqlResult<()> {
    let sql = "WITH made AS (
                   INSERT INTO assistants (id, organization, version, created_at) VALUES ($2, $1, $3, $4)
                   ON CONFLICT DO NOTHING RETURNING id
               )
               INSERT INTO assistant_versions (assistant, version, name, document, updated_at)
               SELECT id, $3, $5, $6, $7 FROM made";
    let organization = record.organization.map(|id| id.as_uuid());
    let (id, version, name) = (record.id.as_uuid(), i64::from(record.version), text::kept(&record.name));
    let (created, updated) = (moment(record.created_at), moment(record.updated_at));
    let values: [&(dyn ToSql + Sync); 7] =
        [&organization, &id, &version, &created, &name, &Json(&record.document), &updated];
    changed(client, sql, &values).await.map(|_| ())
}

async fn update(client: &Object, record: &AssistantRecord) -> SqlResult<bool> {
    let sql = format!(
        "WITH next AS (
             UPDATE assistants SET version = $3::bigint
             WHERE id = $2 AND {} AND version = $3::bigint - 1 AND deleted_at IS NULL RETURNING id
         )
         INSERT INTO assistant_versions (assistant, version, name, document, updated_at)
         SELECT id, $3, $4, $5, $6 FROM next",
        belongs(record.organization)
    );
    let organization = record.organization.map(|id| id.as_uuid());
    let (id, version, name) = (record.id.as_uuid(), i64::from(record.version), text::kept(&record.name));
    let updated = moment(record.updated_at);
    let values: [&(dyn ToSql + Sync); 6] = [&organization, &id, &version, &name, &Json(&record.document), &updated];
    Ok(changed(client, &sql, &values).await? > 0)
}

async fn found(client: &Object, conditions: &str, values: &[&(dyn ToSql + Sync)]) -> SqlResult<Vec<AssistantRecord>> {
    let statement = client.prepare_cached(&format!("{RECORD} {conditions}")).await?;
    client.query(&statement, values).await?.iter().map(record_of).collect()
}

#[async_trait]
impl AssistantStore for PostgresStore {
    async fn create_assistant(&self, assistant: &AssistantRecord) -> Result<()> {
        self.database.run(async |c| create(c, assistant).await).await
    }

    async fn update_assistant(&self, assistant: &AssistantRecord) -> Result<bool> {
        self.database.run(async |c| update(c, assistant).await).await
    }

    async fn assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
    ) -> Result<Option<AssistantRecord>> {
        let conditions =
            format!("AND v.version = a.version WHERE a.id = $2 AND {} AND a.deleted_at IS NULL", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        let found = self.database.read(async |c| found(c, &conditions, &[&organization, &id]).await).await?;
        Ok(found.into_iter().next())
    }

    async fn assistant_version(
        &self,
        organization: Option<OrganizationId>,
        version: AssistantVersion,
    ) -> Result<Option<AssistantRecord>> {
        let conditions = format!("WHERE a.id = $2 AND {} AND v.version = $3", belongs(organization));
        let organization = organization.map(|id| id.as_uuid());
        let (id, number) = (version.id.as_uuid(), i64::from(version.version));
        let found = self.database.read(async |c| found(c, &conditions, &[&organization, &id, &number]).await).await?;
        Ok(found.into_iter().next())
    }

    async fn list_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>> {
        let before = query.before.map(|id| id.as_uuid());
        let conditions = format!(
            "AND v.version = a.version WHERE {} AND a.deleted_at IS NULL AND {} ORDER BY a.id DESC LIMIT $3",
            belongs(organization),
            if before.is_some() { "a.id < $2" } else { "$2::uuid IS NULL" },
        );
        let (organization, limit) = (organization.map(|id| id.as_uuid()), at_most(query.limit) + 1);
        let found =
            self.database.read(async |c| found(c, &conditions, &[&organization, &before, &limit]).await).await?;
        Ok(Page::cut(found, query.limit))
    }

    async fn delete_assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
        at: Timestamp,
    ) -> Result<bool> {
        let sql = format!(
            "UPDATE assistants SET deleted_at = $3 WHERE id = $2 AND {} AND deleted_at IS NULL",
            belongs(organization)
        );
        let (organization, id, at) = (organization.map(|id| id.as_uuid()), id.as_uuid(), moment(at));
        Ok(self.database.run(async |c| changed(c, &sql, &[&organization, &id, &at]).await).await? > 0)
    }

    async fn erase_assistants(&self, organization: OrganizationId) -> Result<u64> {
        let sql = "DELETE FROM assistants WHERE organization = $1";
        self.database.run(async |c| changed(c, sql, &[&organization.as_uuid()]).await).await
    }
}
