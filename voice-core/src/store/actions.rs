//! What was found in conversations that has to be acted on, and what they came to.

use std::fmt;

use async_trait::async_trait;

use super::page::{Page, listed};
use crate::{
    error::Result,
    id::{ActionId, MessageId, SessionId},
    message::Action,
    time::Timestamp,
};

listed! {
    Action, ActionQuery, ActionId, "actions";
}

/// Which actions of a session to read: newest first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActionQuery {
    /// Only of this type.
    pub kind: Option<String>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only actions older than this one: the last of the page before.
    pub before: Option<ActionId>,
}

impl Default for ActionQuery {
    fn default() -> Self {
        Self { kind: None, limit: 20, before: None }
    }
}

impl ActionQuery {
    /// The newest `limit` actions.
    #[must_use]
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// What a conversation came to, in words. `Debug` leaves them out.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The session.
    pub session_id: SessionId,
    /// A few sentences.
    pub text: String,
    /// What matters, a line each.
    pub points: Vec<String>,
    /// The last message that it takes account of.
    pub until: MessageId,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Summary {
    /// A summary of everything up to a message.
    #[must_use]
    pub fn new(session_id: SessionId, text: impl Into<String>, until: MessageId, at: Timestamp) -> Self {
        Self { session_id, text: text.into(), points: Vec::new(), until, created_at: at }
    }
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Summary")
            .field("session_id", &self.session_id)
            .field("characters", &self.text.chars().count())
            .field("points", &self.points.len())
            .finish_non_exhaustive()
    }
}

/// Keeps actions and summaries, beside the sessions that they belong to: they go when their session does. All errors are of code
/// `STORAGE_ERROR`.
#[async_trait]
pub trait ActionStore: Send + Sync {
    /// Adds an action, unless one of its session has its [`fingerprint`](Action::fingerprint) already or there is no such
    /// session (any more). Whether it was added.
    async fn add_action(&self, action: &Action) -> Result<bool>;

    /// Actions of a session, newest first by their ids. An unknown session has none.
    async fn actions(&self, session: SessionId, query: &ActionQuery) -> Result<Page<Action>>;

    /// Keeps the summary of a session in place of the one before. `false`: there is no such session.
    async fn save_summary(&self, summary: &Summary) -> Result<bool>;

    /// The summary of a session, if there is one.
    async fn summary(&self, session: SessionId) -> Result<Option<Summary>>;

    /// Deletes the actions that were found and the summaries that were written before a moment, whatever becomes of their sessions.
    async fn delete_actions_before(&self, before: Timestamp) -> Result<()>;
}
