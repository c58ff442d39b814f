//! The audit log in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::AuditId,
    store::{AuditEntry, AuditLog, AuditQuery, Page},
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Tables(BTreeMap<AuditId, AuditEntry>);

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        self.with(|t| {
            for entry in entries {
                t.audit.0.entry(entry.id).or_insert_with(|| entry.clone());
            }
        })
    }

    async fn settle(&self, entries: &[AuditId], made: bool) -> Result<()> {
        self.with(|t| {
            for id in entries {
                match t.audit.0.get_mut(id) {
                    Some(entry) if made => entry.confirmed = true,
                    Some(entry) if !entry.confirmed => drop(t.audit.0.remove(id)),
                    _ => {}
                }
            }
        })
    }

    async fn entries(&self, query: &AuditQuery) -> Result<Page<AuditEntry>> {
        self.with(|t| {
            let wanted = t.audit.0.values().rev().filter(|entry| {
                query.before.is_none_or(|before| entry.id < before)
                    && query.organization.is_none_or(|organization| entry.organization == Some(organization))
                    && query.actor.is_none_or(|actor| entry.actor == actor)
                    && query.action.as_ref().is_none_or(|action| entry.action == *action)
                    && query.target.as_ref().is_none_or(|target| entry.target == *target)
            });
            Page::cut(wanted.take(query.limit.saturating_add(1)).cloned().collect(), query.limit)
        })
    }

    async fn delete_entries_before(&self, before: Timestamp) -> Result<u64> {
        self.with(|t| {
            let count = t.audit.0.len();
            t.audit.0.retain(|_, entry| entry.at >= before);
            (count - t.audit.0.len()) as u64
        })
    }
}
