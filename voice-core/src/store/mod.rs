//! What is kept: small traits by subject. Every implementation passes the suite in `voice_testkit::conformance`.

pub mod blobs;
mod memory;

pub use blobs::{BlobKey, BlobRef, BlobStore, MemoryBlobs};
pub use memory::MemoryStore;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    id::{MessageId, SessionId, TurnId},
    message::Message,
    time::Timestamp,
};

/// Whether a session can take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionStatus {
    /// It can.
    Active,
    /// It was ended by the host.
    Ended,
    /// It was idle for too long.
    Expired,
}

impl SessionStatus {
    /// The status as it is stored and written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }

    /// The status that is stored under this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Ended, Self::Expired].into_iter().find(|s| s.as_str() == name)
    }
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is: the host's own name for a user. A turn by another user never reaches it.
    pub user: Option<String>,
    /// Whether it can take turns.
    pub status: SessionStatus,
    /// The host's own data: a JSON object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it last took a turn.
    pub last_activity_at: Timestamp,
    /// When it ended or expired.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// A fresh, active session without metadata.
    #[must_use]
    pub fn new(id: SessionId, user: Option<String>, now: Timestamp) -> Self {
        Self {
            id,
            user,
            status: SessionStatus::Active,
            metadata: serde_json::Map::new(),
            created_at: now,
            last_activity_at: now,
            ended_at: None,
        }
    }
}

/// Which sessions to list: newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionQuery {
    /// Only this user's. `None`: everybody's.
    pub user: Option<String>,
    /// Only these. `None`: of every status.
    pub status: Option<SessionStatus>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only sessions older than this one: the last of the page before.
    pub before: Option<SessionId>,
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self { user: None, status: None, limit: 20, before: None }
    }
}

/// Which messages to read: the latest, in the order they were said.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessageQuery {
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only messages older than this one: the first of the page before.
    pub before: Option<MessageId>,
}

impl Default for MessageQuery {
    fn default() -> Self {
        Self { limit: 20, before: None }
    }
}

impl MessageQuery {
    /// The latest `limit` messages.
    #[must_use]
    pub fn latest(limit: usize) -> Self {
        Self { limit, before: None }
    }
}

/// Part of a longer list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more beyond this page.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page.
    #[must_use]
    pub fn new(items: Vec<T>, has_more: bool) -> Self {
        Self { items, has_more }
    }
}

/// Everything that one turn saves, in one piece.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnRecord {
    /// The turn; saving the same turn again changes nothing.
    pub turn_id: TurnId,
    /// The session as it should exist: created when `session.id` is unknown, otherwise only its `last_activity_at` moves
    /// (never backwards).
    pub session: Session,
    /// The messages in the order they were said; all of `session.id` and `turn_id`.
    pub messages: Vec<Message>,
}

impl TurnRecord {
    /// What a turn saves.
    #[must_use]
    pub fn new(turn_id: TurnId, session: Session, messages: Vec<Message>) -> Self {
        Self { turn_id, session, messages }
    }
}

/// What became of a turn that was to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Saved {
    /// It was saved now.
    New,
    /// It had been saved before; nothing was changed.
    AlreadyThere,
}

/// Keeps sessions and messages.
///
/// All errors are of code `STORAGE_ERROR`. A call that returned `Ok` is durable as far as the store is durable at all.
/// Dropping a call's future may or may not undo it, but never leaves half of it.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// The kind of store, for logs: `sqlite`, `memory`, …
    fn name(&self) -> &str;

    /// Creates a session. An id that exists already is left as it is.
    async fn create_session(&self, session: &Session) -> Result<()>;

    /// A session by its id.
    async fn session(&self, id: SessionId) -> Result<Option<Session>>;

    /// Sessions, newest first.
    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>>;

    /// Replaces a session's metadata. `false`: no such session.
    async fn set_metadata(&self, id: SessionId, metadata: &serde_json::Map<String, serde_json::Value>) -> Result<bool>;

    /// Ends an active session. `false`: there is no such session, or it was over already.
    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool>;

    /// Deletes a session with its messages. `false`: no such session.
    async fn delete_session(&self, id: SessionId) -> Result<bool>;

    /// Saves a turn: all of it or nothing, once per turn id.
    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved>;

    /// A session's latest messages, oldest of them first. An unknown session has none.
    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>>;

    /// Marks active sessions whose last activity is before `idle_since` as expired at `at`; says how many.
    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64>;

    /// Deletes sessions that ended or expired before `ended_before`, with their messages; says how many.
    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64>;

    /// Finishes what is under way and closes. Later calls fail; closing again is fine.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
