//! Documents to rows and back. A text has a table of its own, so that what is asked at every turn reads no texts.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    SqliteStore,
    kept::{Document, Kept, at_most},
};
use crate::{
    error::Result,
    id::{DocumentId, OrganizationId},
    store::{DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore, Page},
};

fn document_of(row: &Row<'_>) -> rusqlite::Result<KnowledgeDocument> {
    row.get::<_, Document<_>>("document").map(|document| document.0)
}

fn version_of(row: &Row<'_>) -> rusqlite::Result<DocumentVersion> {
    let bytes = u64::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
    Ok(DocumentVersion::new(row.get::<_, Kept<_>>(0)?.0, row.get(1)?, bytes))
}

/// Another document of the same owner with this content.
fn same(connection: &Connection, document: &KnowledgeDocument) -> rusqlite::Result<Option<DocumentId>> {
    let sql =
        "SELECT id FROM documents WHERE coalesce(organization, x'') = coalesce(?1, x'') AND hash = ?2 AND id <> ?3";
    let values = params![document.organization.map(Kept), document.hash, Kept(document.id)];
    connection.prepare_cached(sql)?.query_row(values, |row| Ok(row.get::<_, Kept<_>>(0)?.0)).optional()
}

fn bytes(document: &KnowledgeDocument) -> i64 {
    i64::try_from(document.bytes).unwrap_or(i64::MAX)
}

fn add(connection: &Connection, document: &KnowledgeDocument, text: &str) -> rusqlite::Result<DocumentSaved> {
    if let Some(id) = same(connection, document)? {
        return Ok(DocumentSaved::SameContent(id));
    }
    let sql = "INSERT INTO documents (id, organization, version, bytes, hash, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT DO NOTHING";
    let organization = document.organization.map(Kept);
    let values =
        params![Kept(document.id), organization, document.version, bytes(document), document.hash, Document(document)];
    if connection.prepare_cached(sql)?.execute(values)? == 0 {
        return Ok(DocumentSaved::SameContent(document.id));
    }
    let sql = "INSERT INTO document_texts (document, text) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![Kept(document.id), text])?;
    Ok(DocumentSaved::Saved)
}

fn update(connection: &Connection, document: &KnowledgeDocument, text: &str) -> rusqlite::Result<DocumentSaved> {
    let sql = "SELECT 1 FROM documents WHERE id = ?1 AND organization IS ?2 AND version = ?3 - 1";
    let values = params![Kept(document.id), document.organization.map(Kept), document.version];
    if !connection.prepare_cached(sql)?.exists(values)? {
        return Ok(DocumentSaved::Outdated);
    }
    if let Some(id) = same(connection, document)? {
        return Ok(DocumentSaved::SameContent(id));
    }
    let sql = "UPDATE documents SET version = ?2, bytes = ?3, hash = ?4, document = ?5 WHERE id = ?1";
    let values = params![Kept(document.id), document.version, bytes(document), document.hash, Document(document)];
    connection.prepare_cached(sql)?.execute(values)?;
    let sql = "UPDATE document_texts SET text = ?2 WHERE document = ?1";
    connection.prepare_cached(sql)?.execute(params![Kept(document.id), text])?;
    Ok(DocumentSaved::Saved)
}

fn list(
    connection: &Connection,
    organization: Option<OrganizationId>,
    query: &DocumentQuery,
) -> rusqlite::Result<Page<KnowledgeDocument>> {
    let before = if query.before.is_some() { "id < ?2" } else { "?2 IS NULL" };
    let sql = format!("SELECT document FROM documents WHERE organization IS ?1 AND {before} ORDER BY id DESC LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let values = params![organization.map(Kept), query.before.map(Kept), at_most(query.limit) + 1];
    let rows = statement.query_map(values, document_of)?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn versions(
    connection: &Connection,
    organization: Option<OrganizationId>,
    documents: Option<&[DocumentId]>,
) -> rusqlite::Result<Vec<DocumentVersion>> {
    let all = "SELECT id, version, bytes FROM documents WHERE organization IS ?1";
    let organization = organization.map(Kept);
    let Some(documents) = documents else {
        return connection.prepare_cached(all)?.query_map([organization], version_of)?.collect();
    };
    let mut one = connection.prepare_cached(&format!("{all} AND id = ?2"))?;
    let found = documents.iter().map(|id| one.query_row(params![organization, Kept(*id)], version_of).optional());
    found.filter_map(Result::transpose).collect()
}

#[async_trait]
impl KnowledgeStore for SqliteStore {
    async fn add_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        let (document, text) = (document.clone(), text.to_owned());
        self.workers.write(move |c| add(c, &document, &text)).await
    }

    async fn update_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        let (document, text) = (document.clone(), text.to_owned());
        self.workers.write_gone(move |c| update(c, &document, &text)).await
    }

    async fn document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<KnowledgeDocument>> {
        let find = move |c: &Connection| {
            let sql = "SELECT document FROM documents WHERE organization IS ?1 AND id = ?2";
            let values = params![organization.map(Kept), Kept(id)];
            c.prepare_cached(sql)?.query_row(values, document_of).optional()
        };
        self.workers.read(find).await
    }

    async fn read_document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<(KnowledgeDocument, String)>> {
        let find = move |c: &Connection| {
            let sql = "SELECT d.document, t.text FROM documents d JOIN document_texts t ON t.document = d.id
                       WHERE d.organization IS ?1 AND d.id = ?2";
            let read = |row: &Row<'_>| Ok((row.get::<_, Document<_>>(0)?.0, row.get(1)?));
            c.prepare_cached(sql)?.query_row(params![organization.map(Kept), Kept(id)], read).optional()
        };
        self.workers.read(find).await
    }

    async fn list_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>> {
        let query = *query;
        self.workers.read(move |c| list(c, organization, &query)).await
    }

    async fn document_versions(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>> {
        let documents = documents.map(<[_]>::to_vec);
        self.workers.read(move |c| versions(c, organization, documents.as_deref())).await
    }

    async fn delete_document(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<bool> {
        let delete = move |c: &Connection| {
            let sql = "DELETE FROM documents WHERE organization IS ?1 AND id = ?2";
            Ok(c.prepare_cached(sql)?.execute(params![organization.map(Kept), Kept(id)])? > 0)
        };
        self.workers.write_gone(delete).await
    }

    async fn erase_documents(&self, organization: OrganizationId) -> Result<u64> {
        let sql = "DELETE FROM documents WHERE organization = ?1";
        let erased = self.workers.write_gone(move |c| c.prepare_cached(sql)?.execute([Kept(organization)])).await?;
        Ok(erased as u64)
    }
}
