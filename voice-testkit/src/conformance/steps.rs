//! What the cases are made of. Times are whole milliseconds: a store may keep no finer ones.

use std::{fmt::Debug, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use voice_core::{
    ConversationStore, Message, Role, Session, SessionId, TurnId,
    store::{MessageQuery, Saved, SessionQuery, TurnRecord},
};

use super::{Outcome, told};

pub(super) type Store = Arc<dyn ConversationStore>;

pub(super) fn start() -> Timestamp {
    Timestamp::from_millisecond(1_750_000_000_123).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment, in seconds after the start.
pub(super) fn at(seconds: i64) -> Timestamp {
    start().checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}")) }
}

pub(super) fn holds(what: &str, condition: bool) -> Outcome {
    if condition { Ok(()) } else { Err(format!("not so: {what}")) }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(super) fn session_at(seconds: i64) -> Session {
    Session::new(SessionId::new(), None, at(seconds))
}

/// A question and an answer.
pub(super) fn turn(session: &Session, seconds: i64, words: &str) -> TurnRecord {
    let id = TurnId::new();
    let mut session = session.clone();
    session.last_activity_at = at(seconds);
    let question = Message::new(session.id, id, Role::User, format!("{words}?"), at(seconds));
    let answer = Message::new(session.id, id, Role::Assistant, format!("{words}."), at(seconds + 1));
    TurnRecord::new(id, session, vec![question, answer])
}

pub(super) fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.content.as_str()).collect()
}

pub(super) async fn save(store: &Store, turn: &TurnRecord) -> Result<Saved, String> {
    store.save_turn(turn).await.map_err(|e| told(&e))
}

pub(super) async fn create(store: &Store, session: &Session) -> Outcome {
    store.create_session(session).await.map_err(|e| told(&e))
}

pub(super) async fn found(store: &Store, id: SessionId) -> Result<Option<Session>, String> {
    store.session(id).await.map_err(|e| told(&e))
}

pub(super) async fn there(store: &Store, id: SessionId) -> Result<Session, String> {
    found(store, id).await?.ok_or_else(|| "the session is not there".into())
}

pub(super) async fn latest(store: &Store, session: SessionId, limit: usize) -> Result<Vec<Message>, String> {
    Ok(store.messages(session, MessageQuery::latest(limit)).await.map_err(|e| told(&e))?.items)
}

pub(super) async fn listed(store: &Store, query: &SessionQuery) -> Result<(Vec<SessionId>, bool), String> {
    let page = store.list_sessions(query).await.map_err(|e| told(&e))?;
    Ok((page.items.iter().map(|s| s.id).collect(), page.has_more))
}
