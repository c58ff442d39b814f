//! Documents with their texts, each one document.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{Document, Uuid, doc};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    database::Database,
    documents::{foreign, plain, uuid},
    error::is_duplicate,
};
use crate::{
    error::{Error, Result},
    id::{DocumentId, OrganizationId},
    store::{DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore, Page},
    stores::text,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KnowledgeRow {
    #[serde(rename = "_id")]
    id: Uuid,
    organization: Option<Uuid>,
    version: i64,
    bytes: i64,
    hash: String,
    /// JSON: its keys may be any text, and its numbers keep their kind.
    document: String,
    text: String,
}

/// What is read of one where its text is not wanted.
#[derive(Debug, Deserialize)]
struct Listed {
    document: String,
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(rename = "_id")]
    id: Uuid,
    version: i64,
    bytes: i64,
}

impl Version {
    fn read(self) -> DocumentVersion {
        let version = u32::try_from(self.version).unwrap_or(u32::MAX);
        let bytes = u64::try_from(self.bytes).unwrap_or_default();
        DocumentVersion::new(DocumentId::from_uuid(plain(self.id)), version, bytes)
    }
}

fn row(document: &KnowledgeDocument, content: &str) -> Result<KnowledgeRow> {
    let written = serde_json::to_string(document);
    Ok(KnowledgeRow {
        id: uuid(document.id.as_uuid()),
        organization: document.organization.map(|id| uuid(id.as_uuid())),
        version: document.version.into(),
        bytes: i64::try_from(document.bytes).unwrap_or(i64::MAX),
        hash: document.hash.clone(),
        document: written.map_err(|_| Error::internal("a document cannot be written as JSON"))?,
        text: text::kept(content).into_owned(),
    })
}

fn read(document: &str) -> Result<KnowledgeDocument> {
    serde_json::from_str(document).map_err(|_| foreign())
}

fn one(organization: Option<OrganizationId>, id: DocumentId) -> Document {
    let mut wanted = of_organization(organization);
    wanted.insert("_id", uuid(id.as_uuid()));
    wanted
}

fn of_organization(organization: Option<OrganizationId>) -> Document {
    doc! { "organization": organization.map(|id| uuid(id.as_uuid())) }
}

impl Database {
    /// Another document of the same owner with this content.
    async fn same_content(&self, document: &KnowledgeDocument) -> Result<Option<DocumentId>> {
        let mut wanted = of_organization(document.organization);
        wanted.extend(doc! { "hash": document.hash.as_str(), "_id": { "$ne": uuid(document.id.as_uuid()) } });
        let collection = self.knowledge.clone_with_type::<Version>();
        let found = collection.find_one(wanted).projection(doc! { "version": 1, "bytes": 1 }).await;
        Ok(self.told(found)?.map(|found| found.read().id))
    }

    async fn add(&self, document: &KnowledgeDocument, content: &str) -> Result<DocumentSaved> {
        match self.knowledge.insert_one(row(document, content)?).await {
            Err(error) if is_duplicate(&error) => {
                Ok(DocumentSaved::SameContent(self.same_content(document).await?.unwrap_or(document.id)))
            }
            done => self.told(done).map(|_| DocumentSaved::Saved),
        }
    }

    /// Under a lock: who does not get it was slower. What another document says is looked for first, for servers that cannot tell a
    /// duplicate when a document is changed.
    async fn next_document(&self, document: &KnowledgeDocument, content: &str) -> Result<DocumentSaved> {
        let mut current = one(document.organization, document.id);
        current.insert("version", i64::from(document.version) - 1);
        let KnowledgeRow { version, bytes, hash, document: written, text, .. } = row(document, content)?;
        let next = doc! { "version": version, "bytes": bytes, "hash": hash, "document": written, "text": text };
        let change = async {
            if let Some(same) = self.same_content(document).await? {
                return Ok(DocumentSaved::SameContent(same));
            }
            match self.knowledge.update_one(current, doc! { "$set": next }).await {
                // Added meanwhile: whoever asks tries once more.
                Err(error) if is_duplicate(&error) => Ok(DocumentSaved::Outdated),
                done => {
                    let is_made = self.told(done)?.matched_count > 0;
                    Ok(if is_made { DocumentSaved::Saved } else { DocumentSaved::Outdated })
                }
            }
        };
        Ok(self.locked(document.id.as_uuid(), change).await?.unwrap_or(DocumentSaved::Outdated))
    }

    async fn page_of_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>> {
        let mut wanted = of_organization(organization);
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let limit = i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX);
        let collection = self.knowledge.clone_with_type::<Listed>();
        let found = collection.find(wanted).projection(doc! { "document": 1 }).sort(doc! { "_id": -1 }).limit(limit);
        let found: Vec<Listed> = self.told(self.told(found.await)?.try_collect().await)?;
        Page::cut(found, query.limit).try_map(|listed| read(&listed.document))
    }

    async fn versions_of_documents(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>> {
        let mut wanted = of_organization(organization);
        if let Some(documents) = documents {
            let ids: Vec<Uuid> = documents.iter().map(|id| uuid(id.as_uuid())).collect();
            wanted.insert("_id", doc! { "$in": ids });
        }
        let collection = self.knowledge.clone_with_type::<Version>();
        let found = collection.find(wanted).projection(doc! { "version": 1, "bytes": 1 }).await;
        let found: Vec<Version> = self.told(self.told(found)?.try_collect().await)?;
        Ok(found.into_iter().map(Version::read).collect())
    }
}

#[async_trait]
impl KnowledgeStore for MongoStore {
    async fn add_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.database.run(self.database.add(document, text)).await
    }

    async fn update_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.database.run(self.database.next_document(document, text)).await
    }

    async fn document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<KnowledgeDocument>> {
        let database = &self.database;
        let find = async {
            let collection = database.knowledge.clone_with_type::<Listed>();
            let found = collection.find_one(one(organization, id)).projection(doc! { "document": 1 }).await;
            database.told(found)?.map(|listed| read(&listed.document)).transpose()
        };
        database.run(find).await
    }

    async fn read_document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<(KnowledgeDocument, String)>> {
        let database = &self.database;
        let find = async {
            let found = database.told(database.knowledge.find_one(one(organization, id)).await)?;
            found.map(|row| Ok((read(&row.document)?, text::read(row.text)))).transpose()
        };
        database.run(find).await
    }

    async fn list_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>> {
        self.database.run(self.database.page_of_documents(organization, query)).await
    }

    async fn document_versions(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>> {
        self.database.run(self.database.versions_of_documents(organization, documents)).await
    }

    async fn delete_document(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<bool> {
        let database = &self.database;
        let gone =
            database.run(async { database.told(database.knowledge.delete_one(one(organization, id)).await) }).await?;
        Ok(gone.deleted_count > 0)
    }

    async fn erase_documents(&self, organization: OrganizationId) -> Result<u64> {
        let (database, theirs) = (&self.database, of_organization(Some(organization)));
        let gone = database.run(async { database.told(database.knowledge.delete_many(theirs).await) }).await?;
        Ok(gone.deleted_count)
    }
}
