//! Everything in memory: gone with the process. For tests, and for hosts that keep nothing on purpose.

mod accounts;
mod actions;
mod assistants;
mod audit;
mod knowledge;
mod webhooks;

use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use uuid::Uuid;

use super::{
    ConversationStore, Erased, Lease, MessageQuery, Owner, Page, Saved, SearchQuery, Session, SessionQuery,
    SessionStatus, StoreCapabilities, TurnRecord, conversations::words,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{MessageId, SessionId, TurnId},
    message::Message,
    time::Timestamp,
};

/// A store for every subject that forgets when it is dropped.
pub struct MemoryStore(Mutex<Option<Tables>>);

#[derive(Default)]
struct Tables {
    /// By id: newer ids sort later.
    sessions: BTreeMap<SessionId, Session>,
    messages: HashMap<SessionId, Vec<Message>>,
    /// The order in which messages were saved, over all sessions.
    order: HashMap<MessageId, u64>,
    saved: u64,
    turns: HashSet<TurnId>,
    /// The turns of each session, kept even when a turn's messages are gone.
    turns_of: HashMap<SessionId, Vec<TurnId>>,
    leases: HashMap<SessionId, (Uuid, Timestamp)>,
    accounts: accounts::Tables,
    assistants: assistants::Tables,
    audit: audit::Tables,
    actions: actions::Tables,
    knowledge: knowledge::Tables,
    webhooks: webhooks::Tables,
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
        Self(Mutex::new(Some(Tables::default())))
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
        self.webhooks.forget(id);
        for message in self.messages.remove(&id).unwrap_or_default() {
            self.order.remove(&message.id);
        }
        for turn in self.turns_of.remove(&id).unwrap_or_default() {
            self.turns.remove(&turn);
        }
        self.actions.forget(id);
        self.sessions.remove(&id).is_some()
    }
}

#[async_trait]
impl ConversationStore for MemoryStore {
    fn name(&self) -> &str {
        "memory"
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { durable: false, full_text_search: true, ..StoreCapabilities::default() }
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.with(|t| {
            if let Entry::Vacant(place) = t.sessions.entry(session.id) {
                let session = place.insert(session.clone());
                t.webhooks.happened("session.started", session, None, session.created_at);
            }
        })
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.with(|t| t.sessions.get(&id).cloned())
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        self.with(|t| {
            let end = query.before.map_or(Bound::Unbounded, Bound::Excluded);
            let wanted = |s: &&Session| {
                query.organization.is_none_or(|organization| s.organization == Some(organization))
                    && query.assistant.is_none_or(|assistant| s.assistant.is_some_and(|a| a.id == assistant))
                    && query.user.as_ref().is_none_or(|user| s.user.as_ref() == Some(user))
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
                t.webhooks.happened("session.ended", session, None, at);
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
            if t.turns.contains(&turn.turn_id) {
                return Saved::AlreadyThere;
            }
            if turn.continues && !t.sessions.contains_key(&turn.session.id) {
                return Saved::SessionGone;
            }
            t.turns.insert(turn.turn_id);
            t.turns_of.entry(turn.session.id).or_default().push(turn.turn_id);
            let session = match t.sessions.entry(turn.session.id) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(place) => {
                    let session = place.insert(turn.session.clone());
                    t.webhooks.happened("session.started", session, None, session.created_at);
                    session
                }
            };
            session.last_activity_at = session.last_activity_at.max(turn.session.last_activity_at);
            t.webhooks.happened("turn.completed", session, Some(turn.turn_id), session.last_activity_at);
            t.messages.entry(turn.session.id).or_default().extend_from_slice(&turn.messages);
            for message in &turn.messages {
                t.saved += 1;
                t.order.insert(message.id, t.saved);
            }
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

    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        self.with(|t| {
            let all = t.messages.get(&session).map_or(&[][..], Vec::as_slice);
            let start = match after {
                None => 0,
                Some(after) => all.iter().position(|m| m.id == after).map_or(all.len(), |at| at + 1),
            };
            let end = all.len().min(start.saturating_add(limit));
            Page::new(all[start..end].to_vec(), end < all.len())
        })
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        let wanted: Vec<String> = query.words().collect();
        self.with(|t| {
            let before = match query.before {
                None => u64::MAX,
                Some(before) => t.order.get(&before).copied().unwrap_or(0),
            };
            let reachable = t.sessions.values().filter(|s| {
                query.session.is_none_or(|id| s.id == id)
                    && query.organization.is_none_or(|organization| s.organization == Some(organization))
                    && query.user.as_ref().is_none_or(|user| s.user.as_ref() == Some(user))
            });
            let said = reachable.flat_map(|s| t.messages.get(&s.id)).flatten();
            let placed = said.map(|m| (t.order.get(&m.id).copied().unwrap_or(0), m)).filter(|(at, _)| *at < before);
            let mut found: Vec<(u64, &Message)> = placed
                .filter(|(_, m)| {
                    let there: HashSet<String> = words(&m.content).collect();
                    !wanted.is_empty() && wanted.iter().all(|word| there.contains(word))
                })
                .collect();
            found.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
            let items = found.into_iter().take(query.limit.saturating_add(1)).map(|(_, m)| m.clone());
            Page::cut(items.collect(), query.limit)
        })
    }

    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        self.with(|t| {
            let theirs = |s: &&Session| match owner {
                Owner::User { organization, user } => s.organization == *organization && s.user.as_ref() == Some(user),
                Owner::Organization(organization) => s.organization == Some(*organization),
            };
            let ids: Vec<SessionId> = t.sessions.values().filter(theirs).map(|s| s.id).collect();
            let messages = ids.iter().map(|id| t.messages.get(id).map_or(0, Vec::len) as u64).sum();
            let sessions = ids.iter().filter(|id| t.delete(**id)).count() as u64;
            Erased::new(sessions, messages)
        })
    }

    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        self.with(|t| {
            let mut deleted = 0;
            for messages in t.messages.values_mut() {
                messages.retain(|message| {
                    let keep = message.created_at >= before;
                    if !keep {
                        t.order.remove(&message.id);
                        deleted += 1;
                    }
                    keep
                });
            }
            deleted
        })
    }

    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        self.with(|t| match t.leases.get(&lease.session) {
            Some((holder, until)) if *holder != lease.holder && lease.now < *until => false,
            _ => {
                t.leases.insert(lease.session, (lease.holder, lease.until));
                true
            }
        })
    }

    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        self.with(|t| {
            if t.leases.get(&session).is_some_and(|(held_by, _)| *held_by == holder) {
                t.leases.remove(&session);
            }
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
                t.webhooks.happened("session.ended", session, None, at);
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
