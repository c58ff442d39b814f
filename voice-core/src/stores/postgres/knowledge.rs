//! Documents to rows and back. Texts are stored out of line by the server: what is asked at every turn reads none.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    PostgresStore,
    kept::at_most,
    rows::{Result as SqlResult, changed},
};
use crate::{
    error::Result,
    id::{DocumentId, OrganizationId},
    store::{DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore, Page},
    stores::text,
};

fn document_of(row: &Row) -> SqlResult<KnowledgeDocument> {
    row.try_get::<_, Json<_>>(0).map(|document| document.0)
}

fn version_of(row: &Row) -> SqlResult<DocumentVersion> {
    let version = u32::try_from(row.try_get::<_, i64>(1)?).unwrap_or(u32::MAX);
    let bytes = u64::try_from(row.try_get::<_, i64>(2)?).unwrap_or_default();
    Ok(DocumentVersion::new(DocumentId::from_uuid(row.try_get(0)?), version, bytes))
}

/// The condition that a document belongs to `$1`, in a form that an index serves.
fn belongs(organization: Option<OrganizationId>) -> &'static str {
    if organization.is_some() { "organization = $1" } else { "organization IS NULL AND $1::uuid IS NULL" }
}

/// Another document of the same owner with this content.
async fn same(client: &Object, document: &KnowledgeDocument) -> SqlResult<Option<DocumentId>> {
    let sql = format!("SELECT id FROM documents WHERE {} AND hash = $2 AND id <> $3", belongs(document.organization));
    let statement = client.prepare_cached(&sql).await?;
    let organization = document.organization.map(|id| id.as_uuid());
    let found = client.query_opt(&statement, &[&organization, &document.hash, &document.id.as_uuid()]).await?;
    found.map(|row| row.try_get(0).map(DocumentId::from_uuid)).transpose()
}

async fn add(client: &Object, document: &KnowledgeDocument, content: &str) -> SqlResult<DocumentSaved> {
    let sql = "INSERT INTO documents (organization, id, version, bytes, hash, document, text) VALUES ($1, $2, $3, $4, $5, $6, $7)
               ON CONFLICT DO NOTHING";
    if save(client, sql, document, content).await? > 0 {
        return Ok(DocumentSaved::Saved);
    }
    Ok(DocumentSaved::SameContent(same(client, document).await?.unwrap_or(document.id)))
}

async fn update(client: &Object, document: &KnowledgeDocument, content: &str) -> SqlResult<DocumentSaved> {
    let sql = format!(
        "UPDATE documents SET version = $3::bigint, bytes = $4, hash = $5, document = $6, text = $7
         WHERE {} AND id = $2 AND version = $3::bigint - 1",
        belongs(document.organization)
    );
    match save(client, &sql, document, content).await {
        Ok(0) => Ok(DocumentSaved::Outdated),
        Ok(_) => Ok(DocumentSaved::Saved),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            // It may be gone again by now: then whoever asks tries once more.
            Ok(same(client, document).await?.map_or(DocumentSaved::Outdated, DocumentSaved::SameContent))
        }
        Err(error) => Err(error),
    }
}

async fn save(client: &Object, sql: &str, document: &KnowledgeDocument, content: &str) -> SqlResult<u64> {
    let (organization, id) = (document.organization.map(|id| id.as_uuid()), document.id.as_uuid());
    let (version, bytes) = (i64::from(document.version), i64::try_from(document.bytes).unwrap_or(i64::MAX));
    let content = text::kept(content);
    let values: [&(dyn ToSql + Sync); 7] =
        [&organization, &id, &version, &bytes, &document.hash, &Json(document), &content];
    changed(client, sql, &values).await
}

async fn rows<T>(
    client: &Object,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
    read: fn(&Row) -> SqlResult<T>,
) -> SqlResult<Vec<T>> {
    let statement = client.prepare_cached(sql).await?;
    client.query(&statement, values).await?.iter().map(read).collect()
}

fn whole(row: &Row) -> SqlResult<(KnowledgeDocument, String)> {
    Ok((document_of(row)?, text::read(row.try_get(1)?)))
}

#[async_trait]
impl KnowledgeStore for PostgresStore {
    async fn add_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.database.run(async |c| add(c, document, text).await).await
    }

    async fn update_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.database.run(async |c| update(c, document, text).await).await
    }

    async fn document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<KnowledgeDocument>> {
        let sql = format!("SELECT document FROM documents WHERE {} AND id = $2", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        let found = self.database.read(async |c| rows(c, &sql, &[&organization, &id], document_of).await).await?;
        Ok(found.into_iter().next())
    }

    async fn read_document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<(KnowledgeDocument, String)>> {
        let sql = format!("SELECT document, text FROM documents WHERE {} AND id = $2", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        let found = self.database.read(async |c| rows(c, &sql, &[&organization, &id], whole).await).await?;
        Ok(found.into_iter().next())
    }

    async fn list_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>> {
        let before = query.before.map(|id| id.as_uuid());
        let sql = format!(
            "SELECT document FROM documents WHERE {} AND {} ORDER BY id DESC LIMIT $3",
            belongs(organization),
            if before.is_some() { "id < $2" } else { "$2::uuid IS NULL" },
        );
        let (organization, limit) = (organization.map(|id| id.as_uuid()), at_most(query.limit) + 1);
        let values: [&(dyn ToSql + Sync); 3] = [&organization, &before, &limit];
        let found = self.database.read(async |c| rows(c, &sql, &values, document_of).await).await?;
        Ok(Page::cut(found, query.limit))
    }

    async fn document_versions(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>> {
        let ids: Option<Vec<Uuid>> = documents.map(|ids| ids.iter().map(|id| id.as_uuid()).collect());
        let sql = format!(
            "SELECT id, version, bytes FROM documents WHERE {} AND {}",
            belongs(organization),
            if ids.is_some() { "id = ANY ($2)" } else { "$2::uuid[] IS NULL" },
        );
        let organization = organization.map(|id| id.as_uuid());
        self.database.read(async |c| rows(c, &sql, &[&organization, &ids], version_of).await).await
    }

    async fn delete_document(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<bool> {
        let sql = format!("DELETE FROM documents WHERE {} AND id = $2", belongs(organization));
        let (organization, id) = (organization.map(|id| id.as_uuid()), id.as_uuid());
        Ok(self.database.run(async |c| changed(c, &sql, &[&organization, &id]).await).await? > 0)
    }

    async fn erase_documents(&self, organization: OrganizationId) -> Result<u64> {
        let sql = "DELETE FROM documents WHERE organization = $1";
        self.database.run(async |c| changed(c, sql, &[&organization.as_uuid()]).await).await
    }
}
