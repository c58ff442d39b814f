//! Assistants as documents, in all their versions.

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{
    conversations::AssistantVersion,
    page::{Page, PageQuery, listed},
};
use crate::{
    error::Result,
    id::{AssistantId, OrganizationId},
    time::Timestamp,
};

listed! {
    AssistantRecord, AssistantQuery, AssistantId, "assistants";
}

/// One version of an assistant. What it says is a document whose fields a store need not know. `Debug` leaves it out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct AssistantRecord {
    /// Its id.
    pub id: AssistantId,
    /// Its organization; `None` in a host without organizations.
    pub organization: Option<OrganizationId>,
    /// Which version this is, from 1.
    pub version: u32,
    /// Its name, to be listed by; the document has it too.
    pub name: String,
    /// Who it is and how it answers: a JSON object.
    pub document: Map<String, Value>,
    /// When the assistant was created.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
}

impl AssistantRecord {
    /// The first version of an assistant.
    #[must_use]
    pub fn new(
        id: AssistantId,
        organization: Option<OrganizationId>,
        name: impl Into<String>,
        document: Map<String, Value>,
        at: Timestamp,
    ) -> Self {
        Self { id, organization, version: 1, name: name.into(), document, created_at: at, updated_at: at }
    }

    /// Which assistant in which version this is.
    #[must_use]
    pub fn reference(&self) -> AssistantVersion {
        AssistantVersion { id: self.id, version: self.version }
    }
}

impl std::fmt::Debug for AssistantRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AssistantRecord")
            .field("id", &self.id)
            .field("organization", &self.organization)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Which assistants to list: newest first, each in its current version.
pub type AssistantQuery = PageQuery<AssistantId>;

/// Keeps assistants.
///
/// Everything is asked for within an organization, or within none: what belongs elsewhere is answered exactly like what does
/// not exist. All errors are of code `STORAGE_ERROR`.
#[async_trait]
pub trait AssistantStore: Send + Sync {
    /// Keeps a new assistant, in version 1. An id that exists already is left as it is.
    async fn create_assistant(&self, assistant: &AssistantRecord) -> Result<()>;

    /// Keeps the next version: one above the current one, and with its organization and `created_at`. `false`, and nothing changed: there
    /// is no such assistant, it was deleted, or somebody else was faster.
    async fn update_assistant(&self, assistant: &AssistantRecord) -> Result<bool>;

    /// The current version of an assistant that was not deleted.
    async fn assistant(&self, organization: Option<OrganizationId>, id: AssistantId)
    -> Result<Option<AssistantRecord>>;

    /// A version of an assistant, deleted or not: sessions that began with it go on with it.
    async fn assistant_version(
        &self,
        organization: Option<OrganizationId>,
        version: AssistantVersion,
    ) -> Result<Option<AssistantRecord>>;

    /// Assistants that were not deleted, newest first.
    async fn list_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>>;

    /// Marks an assistant as deleted. `false`: no such assistant, or it was deleted before.
    async fn delete_assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
        at: Timestamp,
    ) -> Result<bool>;

    /// Erases every assistant of an organization in every version; says how many assistants.
    async fn erase_assistants(&self, organization: OrganizationId) -> Result<u64>;
}
