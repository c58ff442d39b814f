//! Conversations in memory: gone with the process. For tests, and for hosts that keep nothing on purpose.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{ConversationStore, MessageQuery, Page, Saved, Session, SessionQuery, SessionStatus, TurnRecord};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{SessionId, TurnId},
    message::Message,
    time::Timestamp,
};

/// A store that forgets when it is dropped.
pub struct MemoryStore(Mutex<Option<Tables>>);

struct Tables {
    /// By id: newer ids sort later.
    sessions: BTreeMap<SessionId, Session>,
    messages: HashMap<SessionId, Vec<Message>>,
    turns: HashSet<TurnId>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        let tables = Tables { sessions: BTreeMap::new(), messages: HashMap::new(), turns: HashSet::new() };
        Self(Mutex::new(Some(tables)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tables) -> T) -> Result<T> {
        let mut tables: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tables.as_mut() {
            Some(tables) => Ok(work(tables)),
            None => Err(Error::new(ErrorKind::Storage, "the store is closed")),
        }
    }
}

impl Tables {
    fn delete(&mut self, id: SessionId) -> bool {
        for message in self.messages.remove(&id).unwrap_or_default() {
            self.turns.remove(&message.turn_id);
        }
        self.sessions.remove(&id).is_some()
    }
}

#[async_trait]
impl ConversationStore for MemoryStore {
    fn name(&self) -> &str {
        "memory"
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.with(|t| {
            t.sessions.entry(session.id).or_insert_with(|| session.clone());
        })
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.with(|t| t.sessions.get(&id).cloned())
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        self.with(|t| {
            let end = query.before.map_or(Bound::Unbounded, Bound::Excluded);
            let wanted = |s: &&Session| {
                query.user.as_ref().is_none_or(|user| s.user.as_ref() == Some(user))
                    && query.status.is_none_or(|status| s.status == status)
            };
            let mut matching = t.sessions.range((Bound::Unbounded, end)).rev().map(|(_, s)| s).filter(wanted);
            let items = matching.by_ref().take(query.limit).cloned().collect();
            Page::new(items, matching.next().is_some())
        })
    }

    async fn set_metadata(&self, id: SessionId, metadata: &serde_json::Map<String, serde_json::Value>) -> Result<bool> {
        self.with(|t| t.sessions.get_mut(&id).map(|s| s.metadata.clone_from(metadata)).is_some())
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.with(|t| match t.sessions.get_mut(&id) {
            Some(session) if session.status == SessionStatus::Active => {
                session.status = SessionStatus::Ended;
                session.ended_at = Some(at);
                true
            }
            _ => false,
        })
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.with(|t| t.delete(id))
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        self.with(|t| {
            if !t.turns.insert(turn.turn_id) {
                return Saved::AlreadyThere;
            }
            let session = t.sessions.entry(turn.session.id).or_insert_with(|| turn.session.clone());
            session.last_activity_at = session.last_activity_at.max(turn.session.last_activity_at);
            t.messages.entry(turn.session.id).or_default().extend_from_slice(&turn.messages);
            Saved::New
        })
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.with(|t| {
            let all = t.messages.get(&session).map_or(&[][..], Vec::as_slice);
            let end = match query.before {
                None => all.len(),
                // An unknown cursor has nothing before it.
                Some(before) => all.iter().position(|m| m.id == before).unwrap_or(0),
            };
            let start = end.saturating_sub(query.limit);
            Page::new(all[start..end].to_vec(), start > 0)
        })
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.with(|t| {
            let idle = t
                .sessions
                .values_mut()
                .filter(|s| s.status == SessionStatus::Active && s.last_activity_at < idle_since);
            idle.map(|session| {
                session.status = SessionStatus::Expired;
                session.ended_at = Some(at);
            })
            .count() as u64
        })
    }

    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        self.with(|t| {
            let over = |s: &&Session| s.ended_at.is_some_and(|at| at < ended_before);
            let ids: Vec<SessionId> = t.sessions.values().filter(over).map(|s| s.id).collect();
            ids.iter().filter(|id| t.delete(**id)).count() as u64
        })
    }

    async fn close(&self) -> Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
