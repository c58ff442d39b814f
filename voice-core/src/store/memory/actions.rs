//! Actions and summaries in memory.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::{ActionId, SessionId},
    message::Action,
    store::{ActionQuery, ActionStore, Page, Summary},
    time::Timestamp,
};

#[derive(Default)]
pub(super) struct Tables {
    actions: HashMap<SessionId, BTreeMap<ActionId, Action>>,
    known: HashSet<(SessionId, String)>,
    summaries: HashMap<SessionId, Summary>,
}

impl Tables {
    pub(super) fn forget(&mut self, session: SessionId) {
        for action in self.actions.remove(&session).into_iter().flat_map(BTreeMap::into_values) {
            self.known.remove(&(session, action.fingerprint()));
        }
        self.summaries.remove(&session);
    }
}

#[async_trait]
impl ActionStore for MemoryStore {
    async fn add_action(&self, action: &Action) -> Result<bool> {
        self.with(|t| {
            let session = action.session_id;
            let is_new = t.sessions.contains_key(&session) && t.actions.known.insert((session, action.fingerprint()));
            if is_new {
                t.actions.actions.entry(session).or_default().insert(action.id, action.clone());
            }
            is_new
        })
    }

    async fn actions(&self, session: SessionId, query: &ActionQuery) -> Result<Page<Action>> {
        self.with(|t| {
            let all = t.actions.actions.get(&session).into_iter().flat_map(|all| all.values().rev());
            let wanted = all.filter(|action| {
                query.before.is_none_or(|before| action.id < before)
                    && query.kind.as_ref().is_none_or(|kind| action.kind == *kind)
            });
            Page::cut(wanted.take(query.limit.saturating_add(1)).cloned().collect(), query.limit)
        })
    }

    async fn save_summary(&self, summary: &Summary) -> Result<bool> {
        self.with(|t| {
            let is_there = t.sessions.contains_key(&summary.session_id);
            if is_there {
                t.actions.summaries.insert(summary.session_id, summary.clone());
            }
            is_there
        })
    }

    async fn summary(&self, session: SessionId) -> Result<Option<Summary>> {
        self.with(|t| t.actions.summaries.get(&session).cloned())
    }

    async fn delete_actions_before(&self, before: Timestamp) -> Result<()> {
        self.with(|t| {
            let Tables { actions, known, summaries } = &mut t.actions;
            for (session, actions) in actions {
                actions.retain(|_, action| {
                    let stays = action.created_at >= before;
                    if !stays {
                        known.remove(&(*session, action.fingerprint()));
                    }
                    stays
                });
            }
            summaries.retain(|_, summary| summary.created_at >= before);
        })
    }
}
