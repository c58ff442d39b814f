//! Documents that answers are drawn from.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::page::{Page, PageQuery, listed};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{DocumentId, OrganizationId},
    time::Timestamp,
};

listed! {
    KnowledgeDocument, DocumentQuery, DocumentId, "documents";
}

/// How the text of a document was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DocumentFormat {
    /// Plain text.
    #[default]
    Text,
    /// Markdown: its headings say what stands under them.
    Markdown,
    /// A page. It is kept as the Markdown that is made of it.
    Html,
}

impl std::str::FromStr for DocumentFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "text" => Ok(Self::Text),
            "markdown" => Ok(Self::Markdown),
            "html" => Ok(Self::Html),
            _ => Err(Error::new(ErrorKind::InvalidField, "expected text, markdown or html")),
        }
    }
}

/// A document that answers are drawn from, but for its text. `Debug` leaves out what its owner wrote.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct KnowledgeDocument {
    /// Its id.
    pub id: DocumentId,
    /// Its organization; `None` in a host without organizations.
    pub organization: Option<OrganizationId>,
    /// Which version this is, from 1: every change makes the next.
    pub version: u32,
    /// Its title, which the model is told with every passage.
    pub title: String,
    /// How its text was given: `text`, `markdown` or `html`.
    #[schemars(with = "String")]
    pub format: DocumentFormat,
    /// Where it is from, in the owner's words: an address, the name of a file.
    pub source: Option<String>,
    /// The owner's own data.
    pub metadata: Map<String, Value>,
    /// How many bytes its text has.
    pub bytes: u64,
    /// Tells its content from any other: a SHA-256 in hexadecimal.
    pub hash: String,
    /// When it was added.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When this version was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: Timestamp,
}

impl KnowledgeDocument {
    /// The first version of a plain text with this hash.
    #[must_use]
    pub fn new(
        id: DocumentId,
        organization: Option<OrganizationId>,
        title: impl Into<String>,
        hash: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            organization,
            version: 1,
            title: title.into(),
            format: DocumentFormat::Text,
            source: None,
            metadata: Map::new(),
            bytes: 0,
            hash: hash.into(),
            created_at: at,
            updated_at: at,
        }
    }
}

impl std::fmt::Debug for KnowledgeDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnowledgeDocument")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("version", &self.version)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Which documents to list: newest first.
pub type DocumentQuery = PageQuery<DocumentId>;

/// What a store says of a document at every turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentVersion {
    /// The document.
    pub id: DocumentId,
    /// Its version.
    pub version: u32,
    /// How many bytes its text has.
    pub bytes: u64,
}

impl DocumentVersion {
    /// This version of this document.
    #[must_use]
    pub fn new(id: DocumentId, version: u32, bytes: u64) -> Self {
        Self { id, version, bytes }
    }
}

/// What became of a document that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentSaved {
    /// It is kept.
    Saved,
    /// Nothing was changed: this document of the same owner has this content.
    SameContent(DocumentId),
    /// Nothing was changed: there is no such document, or somebody else was faster.
    Outdated,
}

/// Keeps documents with their texts. Of one owner, no two have the same hash.
///
/// Everything is asked for within an organization, or within none: what belongs elsewhere is answered exactly like what does not exist.
/// All errors are of code `STORAGE_ERROR`. Searching is not a store's work: the library does it, alike for all.
#[async_trait]
pub trait KnowledgeStore: Send + Sync {
    /// Keeps a new document. One whose id or content is there already is left as it is: [`DocumentSaved::SameContent`].
    async fn add_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved>;

    /// Keeps the next version: one above the current one, and with its organization and `created_at`.
    async fn update_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved>;

    /// A document in its current version.
    async fn document(&self, organization: Option<OrganizationId>, id: DocumentId)
    -> Result<Option<KnowledgeDocument>>;

    /// A document with the text of the same version.
    async fn read_document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<(KnowledgeDocument, String)>>;

    /// Documents, newest first.
    async fn list_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>>;

    /// The versions of those of `documents` that are there, of all of the owner's when it is `None`; in any order. Asked at every turn.
    async fn document_versions(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>>;

    /// Deletes a document. `false`: no such document.
    async fn delete_document(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<bool>;

    /// Erases every document of an organization; says how many.
    async fn erase_documents(&self, organization: OrganizationId) -> Result<u64>;
}
