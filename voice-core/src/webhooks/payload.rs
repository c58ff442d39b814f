//! What is told of an event: pure. Ids, times and the host's own metadata; what was said is never told by the library itself.

use serde_json::{Map, Value, json};

use crate::{
    error::{Error, Result},
    message::Message,
    store::{Event, Session},
};

/// A session has begun.
pub const SESSION_STARTED: &str = "session.started";
/// A session was ended, or has expired.
pub const SESSION_ENDED: &str = "session.ended";
/// A turn is stored.
pub const TURN_COMPLETED: &str = "turn.completed";
/// Nothing happened: somebody wants to see whether a webhook works.
pub const TEST: &str = "webhook.test";

/// What there is to tell of a session.
pub(super) fn of_session(name: &str, session: &Session) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("session_id".into(), json!(session.id));
    data.insert("organization".into(), json!(session.organization));
    data.insert("user".into(), json!(session.user));
    data.insert("assistant".into(), json!(session.assistant));
    if name != TURN_COMPLETED {
        data.insert("status".into(), json!(session.status));
        data.insert("metadata".into(), json!(session.metadata));
        data.insert("started_at".into(), json!(session.created_at));
        data.insert("ended_at".into(), json!(session.ended_at));
    }
    data
}

/// What there is to tell of a turn besides.
pub(super) fn of_turn(data: &mut Map<String, Value>, event: &Event, said: &[Message]) {
    let message = |m: &Message| json!({ "id": m.id, "role": m.role, "created_at": m.created_at });
    data.insert("turn_id".into(), json!(event.turn));
    data.insert("messages".into(), said.iter().map(message).collect());
}

/// The body of every attempt.
///
/// # Errors
/// `INTERNAL_ERROR` when it cannot be written as JSON.
pub(crate) fn body(event: &Event, data: &Map<String, Value>) -> Result<String> {
    serde_json::to_string(&json!({ "type": event.name, "timestamp": event.at, "data": data }))
        .map_err(|e| Error::internal("an event could not be written as JSON").with_source(e))
}
