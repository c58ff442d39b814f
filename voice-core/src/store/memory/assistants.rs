//! Assistants in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::{AssistantId, OrganizationId},
    store::{AssistantQuery, AssistantRecord, AssistantStore, AssistantVersion, Page},
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Tables(BTreeMap<AssistantId, Kept>);

struct Kept {
    organization: Option<OrganizationId>,
    /// Version 1 first; never empty.
    versions: Vec<AssistantRecord>,
    deleted_at: Option<Timestamp>,
}

impl Kept {
    fn current(&self) -> Option<&AssistantRecord> {
        self.versions.last().filter(|_| self.deleted_at.is_none())
    }
}

#[async_trait]
impl AssistantStore for MemoryStore {
    async fn create_assistant(&self, assistant: &AssistantRecord) -> Result<()> {
        self.with(|t| {
            t.assistants.0.entry(assistant.id).or_insert_with(|| Kept {
                organization: assistant.organization,
                versions: vec![assistant.clone()],
                deleted_at: None,
            });
        })
    }

    async fn update_assistant(&self, assistant: &AssistantRecord) -> Result<bool> {
        self.with(|t| {
            let kept = t.assistants.0.get_mut(&assistant.id).filter(|kept| kept.organization == assistant.organization);
            let Some(kept) = kept else { return false };
            if kept.current().is_none_or(|current| current.version + 1 != assistant.version) {
                return false;
            }
            kept.versions.push(assistant.clone());
            true
        })
    }

    async fn assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
    ) -> Result<Option<AssistantRecord>> {
        self.with(|t| {
            let kept = t.assistants.0.get(&id).filter(|kept| kept.organization == organization)?;
            kept.current().cloned()
        })
    }

    async fn assistant_version(
        &self,
        organization: Option<OrganizationId>,
        version: AssistantVersion,
    ) -> Result<Option<AssistantRecord>> {
        self.with(|t| {
            let kept = t.assistants.0.get(&version.id).filter(|kept| kept.organization == organization)?;
            kept.versions.iter().find(|record| record.version == version.version).cloned()
        })
    }

    async fn list_assistants(
        &self,
        organization: Option<OrganizationId>,
        query: &AssistantQuery,
    ) -> Result<Page<AssistantRecord>> {
        self.with(|t| {
            let theirs = t.assistants.0.iter().rev().filter(|(id, kept)| {
                kept.organization == organization && query.before.is_none_or(|before| **id < before)
            });
            let current = theirs.filter_map(|(_, kept)| kept.current()).take(query.limit.saturating_add(1));
            Page::cut(current.cloned().collect(), query.limit)
        })
    }

    async fn delete_assistant(
        &self,
        organization: Option<OrganizationId>,
        id: AssistantId,
        at: Timestamp,
    ) -> Result<bool> {
        self.with(|t| {
            let kept = t.assistants.0.get_mut(&id).filter(|kept| kept.organization == organization);
            let there = kept.filter(|kept| kept.deleted_at.is_none());
            there.map(|kept| kept.deleted_at = Some(at)).is_some()
        })
    }

    async fn erase_assistants(&self, organization: OrganizationId) -> Result<u64> {
        self.with(|t| {
            let before = t.assistants.0.len();
            t.assistants.0.retain(|_, kept| kept.organization != Some(organization));
            (before - t.assistants.0.len()) as u64
        })
    }
}
