//! Sessions and messages.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    page::{Page, listed},
    storage::StoreCapabilities,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{AssistantId, MessageId, OrganizationId, SessionId, TurnId},
    message::{Message, words::is_mark},
    time::Timestamp,
};

listed! {
    Session, SessionQuery, SessionId, "sessions";
    Message, MessageQuery, MessageId, "messages", true;
}

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

/// An assistant as it was at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AssistantVersion {
    /// The assistant.
    pub id: AssistantId,
    /// Which version of it, from 1.
    pub version: u32,
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The organization it belongs to; `None` in a host without organizations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Whose it is: the host's own name for a user. A turn by another user never reaches it.
    pub user: Option<String>,
    /// The assistant that talks in it, in the version with which it began; `None`: the agent's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assistant: Option<AssistantVersion>,
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
            organization: None,
            user,
            assistant: None,
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
    /// Only this organization's. `None`: of all, and of none.
    pub organization: Option<OrganizationId>,
    /// Only this user's. `None`: everybody's.
    pub user: Option<String>,
    /// Only those with this assistant, in any version. `None`: with any and with none.
    pub assistant: Option<AssistantId>,
    /// Only these. `None`: of every status.
    pub status: Option<SessionStatus>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only sessions older than this one: the last of the page before.
    pub before: Option<SessionId>,
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self { organization: None, user: None, assistant: None, status: None, limit: 20, before: None }
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

/// Which messages to find: newest first, by the order in which they were saved.
///
/// A message is found when every word of `text` is in it. Words are runs of letters, digits and combining marks; they are
/// compared whole, without regard to case.
#[derive(Clone)]
#[non_exhaustive]
pub struct SearchQuery {
    /// The words.
    pub text: String,
    /// Only in sessions of this organization. `None`: of all, and of none.
    pub organization: Option<OrganizationId>,
    /// Only in sessions of this user. `None`: everybody's.
    pub user: Option<String>,
    /// Only in this session. `None`: in all.
    pub session: Option<SessionId>,
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only messages saved before this one: the last of the page before.
    pub before: Option<MessageId>,
}

impl SearchQuery {
    /// The newest 20 messages with these words, everywhere.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), organization: None, user: None, session: None, limit: 20, before: None }
    }

    /// The words that a message must have, in lower case.
    pub fn words(&self) -> impl Iterator<Item = String> {
        words(&self.text)
    }
}

impl std::fmt::Debug for SearchQuery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = self.words().count();
        f.debug_struct("SearchQuery").field("words", &words).field("session", &self.session).finish_non_exhaustive()
    }
}

/// The words of a text, in lower case.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_alphanumeric() || is_mark(c))).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The words of a text for an index that takes no long ones: each once, cut where that is reached. Cut alike on both sides, a
/// word is still found.
#[cfg(any(feature = "mongodb", feature = "postgres"))]
pub(crate) fn index_words(text: &str) -> Vec<String> {
    const LONGEST: usize = 120;
    let cut = |word: String| match word.char_indices().nth(LONGEST) {
        Some((end, _)) => word[..end].to_owned(),
        None => word,
    };
    words(text).map(cut).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// Whose conversations are meant, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// One user's.
    User {
        /// The organization of the sessions; `None`: those that belong to none.
        organization: Option<OrganizationId>,
        /// The user.
        user: String,
    },
    /// All of an organization, whoever's.
    Organization(OrganizationId),
}

/// How much was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Erased {
    /// Sessions.
    pub sessions: u64,
    /// Messages in them.
    pub messages: u64,
}

impl Erased {
    /// So many sessions with so many messages.
    #[must_use]
    pub fn new(sessions: u64, messages: u64) -> Self {
        Self { sessions, messages }
    }
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.messages += more.messages;
    }
}

/// The leave of one process to run turns in a session, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The session; it need not be there.
    pub session: SessionId,
    /// Who asks: an id of one turn.
    pub holder: Uuid,
    /// The present moment, by the asker's clock.
    pub now: Timestamp,
    /// Until when, by the same clock.
    pub until: Timestamp,
}

impl Lease {
    /// A lease to ask for.
    #[must_use]
    pub fn new(session: SessionId, holder: Uuid, now: Timestamp, until: Timestamp) -> Self {
        Self { session, holder, now, until }
    }
}

/// Everything that one turn saves, in one piece.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TurnRecord {
    /// The turn; saving the same turn again changes nothing.
    pub turn_id: TurnId,
    /// The session as it should exist: created when `session.id` is unknown, unless the turn [`continues`](Self::continues) it;
    /// otherwise only its `last_activity_at` moves (never backwards).
    pub session: Session,
    /// The messages in the order they were said; all of `session.id` and `turn_id`.
    pub messages: Vec<Message>,
    /// Whether the session was kept before this turn. One that is not there any more was deleted meanwhile, and must not come back:
    /// nothing is saved, and the answer is [`Saved::SessionGone`]. Default false.
    pub continues: bool,
}

impl TurnRecord {
    /// What a turn saves.
    #[must_use]
    pub fn new(turn_id: TurnId, session: Session, messages: Vec<Message>) -> Self {
        Self { turn_id, session, messages, continues: false }
    }

    /// The same for a session that was kept before, or was not.
    #[must_use]
    pub fn continuing(mut self, continues: bool) -> Self {
        self.continues = continues;
        self
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
    /// It continues a session that is not there any more; nothing was saved.
    SessionGone,
}

/// Keeps sessions and messages.
///
/// All errors are of code `STORAGE_ERROR`. A call that returned `Ok` is durable as far as the store is durable at all.
/// Dropping a call's future may or may not undo it, but never leaves half of it.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// The kind of store, for logs: `sqlite`, `memory`, …
    fn name(&self) -> &str;

    /// What it can do beyond the required. Default: durable, nothing more.
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities::default()
    }

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

    /// A session's messages from its beginning, oldest first: those after `after`, or from the first. An unknown session, and
    /// a cursor that is not in the session, have none. Every message is reached, whatever is saved meanwhile.
    ///
    /// By default it walks back through [`messages`](Self::messages) in bounded memory, at a cost that grows with the session.
    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        let mut query = MessageQuery::latest(100);
        // The oldest messages seen so far that come after the cursor, oldest last.
        let mut first: std::collections::VecDeque<Message> = std::collections::VecDeque::new();
        loop {
            let page = self.messages(session, query).await?;
            query.before = page.items.first().map(|m| m.id);
            for message in page.items.into_iter().rev() {
                if Some(message.id) == after {
                    return Ok(Page::cut(first.into_iter().rev().collect(), limit));
                }
                first.push_back(message);
                if first.len() > limit + 1 {
                    first.pop_front();
                }
            }
            if !page.has_more {
                let found = if after.is_none() { first.into_iter().rev().collect() } else { Vec::new() };
                return Ok(Page::cut(found, limit));
            }
        }
    }

    /// Messages by the words in them. A query without a word finds nothing. A store whose
    /// [`capabilities`](Self::capabilities) do not name full-text search refuses with kind `Unsupported`, as by default.
    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        let _ = query;
        Err(unsupported(self.name(), "search messages"))
    }

    /// Deletes the sessions of an owner with everything said in them, and says how much. A session that is started meanwhile
    /// may stay; calling again goes on where a call that failed has stopped.
    ///
    /// By default it lists and deletes one session after the other.
    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        let mut query = SessionQuery { limit: 100, ..SessionQuery::default() };
        match owner {
            Owner::User { organization, user } => {
                (query.organization, query.user) = (*organization, Some(user.clone()))
            }
            Owner::Organization(organization) => query.organization = Some(*organization),
        }
        let mut erased = Erased::default();
        loop {
            let page = self.list_sessions(&query).await?;
            query.before = page.items.last().map(|s| s.id);
            for session in page.items {
                if matches!(owner, Owner::User { organization, .. } if session.organization != *organization) {
                    continue;
                }
                let (mut after, mut messages) = (MessageQuery::latest(100), 0);
                loop {
                    let page = self.messages(session.id, after).await?;
                    messages += page.items.len() as u64;
                    after.before = page.items.first().map(|m| m.id);
                    if !page.has_more {
                        break;
                    }
                }
                if self.delete_session(session.id).await? {
                    erased.sessions += 1;
                    erased.messages += messages;
                }
            }
            if !page.has_more {
                return Ok(erased);
            }
        }
    }

    /// Deletes messages said before a moment, whatever becomes of their sessions; says how many. Their turns stay saved: saving
    /// one again changes nothing. By default it is refused with kind `Unsupported`.
    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        let _ = before;
        Err(unsupported(self.name(), "delete messages by their age"))
    }

    /// Takes or extends a lease. `false`: somebody else holds the session, and their lease has not run out at `lease.now`.
    ///
    /// Called only when the [`capabilities`](Self::capabilities) say that processes share the store; by default everybody
    /// gets every lease. Need not survive a crash of the machine.
    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        let _ = lease;
        Ok(true)
    }

    /// Gives a lease back. One that the holder does not have (any more) is left as it is.
    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        let _ = (session, holder);
        Ok(())
    }

    /// Finishes what is under way and closes. Later calls fail; closing again is fine.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// How many messages are read at once to find a turn.
const AT_ONCE: usize = 50;

/// What was said in a session up to the end of a turn, oldest first: all of the turn, and as much before it as makes `most` messages.
/// Only those are given, and counted, of which `counts` holds. Empty: the turn is not there, or nothing up to its end counts.
pub(crate) async fn messages_up_to(
    store: &dyn ConversationStore,
    session: SessionId,
    turn: TurnId,
    most: usize,
    counts: fn(&Message) -> bool,
) -> Result<Vec<Message>> {
    let (mut query, mut found) = (MessageQuery::latest(AT_ONCE), Vec::<Message>::new());
    loop {
        let Page { mut items, has_more } = store.messages(session, query).await?;
        query.before = items.first().map(|message| message.id);
        if found.is_empty() {
            let end = items.iter().rposition(|message| message.turn_id == turn).map_or(0, |at| at + 1);
            items.truncate(end);
        }
        items.append(&mut found);
        found = items;
        let is_whole = found.first().is_some_and(|message| message.turn_id != turn);
        if !has_more || (is_whole && found.iter().filter(|message| counts(message)).count() >= most) {
            break;
        }
    }
    found.retain(counts);
    let begin = found.iter().position(|message| message.turn_id == turn).unwrap_or(found.len());
    found.drain(..begin.min(found.len().saturating_sub(most)));
    Ok(found)
}

fn unsupported(store: &str, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("the store {store:?} cannot {what}; use one whose capabilities say so"))
}
