//! Documents in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::{DocumentId, OrganizationId},
    store::{DocumentQuery, DocumentSaved, DocumentVersion, KnowledgeDocument, KnowledgeStore, Page},
};

#[derive(Default)]
pub(super) struct Tables(BTreeMap<DocumentId, (KnowledgeDocument, String)>);

impl Tables {
    fn of(
        &self,
        organization: Option<OrganizationId>,
    ) -> impl DoubleEndedIterator<Item = &(KnowledgeDocument, String)> {
        self.0.values().filter(move |(document, _)| document.organization == organization)
    }

    fn get(&self, organization: Option<OrganizationId>, id: DocumentId) -> Option<&(KnowledgeDocument, String)> {
        self.0.get(&id).filter(|(document, _)| document.organization == organization)
    }

    /// Another document with this content.
    fn same(&self, document: &KnowledgeDocument) -> Option<DocumentId> {
        let same = |(other, _): &&(KnowledgeDocument, String)| other.hash == document.hash && other.id != document.id;
        self.of(document.organization).find(same).map(|(other, _)| other.id)
    }
}

#[async_trait]
impl KnowledgeStore for MemoryStore {
    async fn add_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.with(|t| {
            let there = t.knowledge.0.contains_key(&document.id).then_some(document.id);
            if let Some(id) = there.or_else(|| t.knowledge.same(document)) {
                return DocumentSaved::SameContent(id);
            }
            t.knowledge.0.insert(document.id, (document.clone(), text.to_owned()));
            DocumentSaved::Saved
        })
    }

    async fn update_document(&self, document: &KnowledgeDocument, text: &str) -> Result<DocumentSaved> {
        self.with(|t| {
            let current = t.knowledge.get(document.organization, document.id);
            if current.is_none_or(|(current, _)| current.version + 1 != document.version) {
                return DocumentSaved::Outdated;
            }
            if let Some(id) = t.knowledge.same(document) {
                return DocumentSaved::SameContent(id);
            }
            t.knowledge.0.insert(document.id, (document.clone(), text.to_owned()));
            DocumentSaved::Saved
        })
    }

    async fn document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<KnowledgeDocument>> {
        self.with(|t| t.knowledge.get(organization, id).map(|(document, _)| document.clone()))
    }

    async fn read_document(
        &self,
        organization: Option<OrganizationId>,
        id: DocumentId,
    ) -> Result<Option<(KnowledgeDocument, String)>> {
        self.with(|t| t.knowledge.get(organization, id).cloned())
    }

    async fn list_documents(
        &self,
        organization: Option<OrganizationId>,
        query: &DocumentQuery,
    ) -> Result<Page<KnowledgeDocument>> {
        self.with(|t| {
            let theirs = t.knowledge.of(organization).rev().map(|(document, _)| document);
            let wanted = theirs.filter(|document| query.before.is_none_or(|before| document.id < before));
            Page::cut(wanted.take(query.limit.saturating_add(1)).cloned().collect(), query.limit)
        })
    }

    async fn document_versions(
        &self,
        organization: Option<OrganizationId>,
        documents: Option<&[DocumentId]>,
    ) -> Result<Vec<DocumentVersion>> {
        let version = |(document, _): &(KnowledgeDocument, String)| {
            DocumentVersion::new(document.id, document.version, document.bytes)
        };
        self.with(|t| match documents {
            None => t.knowledge.of(organization).map(version).collect(),
            Some(ids) => ids.iter().filter_map(|id| t.knowledge.get(organization, *id)).map(version).collect(),
        })
    }

    async fn delete_document(&self, organization: Option<OrganizationId>, id: DocumentId) -> Result<bool> {
        self.with(|t| {
            let there = t.knowledge.get(organization, id).is_some();
            there.then(|| t.knowledge.0.remove(&id)).is_some()
        })
    }

    async fn erase_documents(&self, organization: OrganizationId) -> Result<u64> {
        self.with(|t| {
            let before = t.knowledge.0.len();
            t.knowledge.0.retain(|_, (document, _)| document.organization != Some(organization));
            (before - t.knowledge.0.len()) as u64
        })
    }
}
