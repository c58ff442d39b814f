//! Writing: each function is one change, run inside the writer's transaction.

use rusqlite::Connection;

use super::rows::from_time;
use crate::{
    id::SessionId,
    store::{Saved, Session, TurnRecord},
    time::Timestamp,
};

/// Creates a session unless it is there. `true`: it was created.
pub(super) fn session(db: &Connection, session: &Session) -> rusqlite::Result<bool> {
    let made = db
        .prepare_cached(
            "INSERT INTO sessions (id, user, status, metadata, created_at, last_activity_at, ended_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
        )?
        .execute((
            session.id.as_uuid(),
            &session.user,
            session.status.as_str(),
            metadata_text(session),
            from_time(session.created_at),
            from_time(session.last_activity_at),
            session.ended_at.map(from_time),
        ))?;
    Ok(made == 1)
}

fn metadata_text(session: &Session) -> std::borrow::Cow<'_, str> {
    match session.metadata.is_empty() {
        true => "{}".into(),
        // A map of JSON values is always writable as JSON.
        false => serde_json::to_string(&session.metadata).unwrap_or_default().into(),
    }
}

pub(super) fn turn(db: &Connection, turn: &TurnRecord) -> rusqlite::Result<Saved> {
    let id = turn.session.id.as_uuid();
    let fresh = db
        .prepare_cached("INSERT INTO turns (id, session_id) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
        .execute((turn.turn_id.as_uuid(), id))?;
    if fresh == 0 {
        return Ok(Saved::AlreadyThere);
    }
    let known = db
        .prepare_cached("UPDATE sessions SET last_activity_at = max(last_activity_at, ?2) WHERE id = ?1")?
        .execute((id, from_time(turn.session.last_activity_at)))?;
    if known == 0 {
        session(db, &turn.session)?;
    }
    let mut next: i64 = db
        .prepare_cached("SELECT coalesce(max(seq), 0) + 1 FROM messages WHERE session_id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let mut insert = db.prepare_cached(
        "INSERT INTO messages (session_id, seq, id, turn_id, role, content, audio_ref, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for message in &turn.messages {
        insert.execute((
            id,
            next,
            message.id.as_uuid(),
            turn.turn_id.as_uuid(),
            message.role.as_str(),
            &message.content,
            &message.audio_ref,
            from_time(message.created_at),
        ))?;
        next += 1;
    }
    Ok(Saved::New)
}

pub(super) fn metadata(db: &Connection, id: SessionId, metadata: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("UPDATE sessions SET metadata = ?2 WHERE id = ?1")?
        .execute((id.as_uuid(), metadata))
        .map(|n| n > 0)
}

pub(super) fn end(db: &Connection, id: SessionId, at: Timestamp) -> rusqlite::Result<bool> {
    db.prepare_cached("UPDATE sessions SET status = 'ended', ended_at = ?2 WHERE id = ?1 AND status = 'active'")?
        .execute((id.as_uuid(), from_time(at)))
        .map(|n| n > 0)
}

pub(super) fn delete(db: &Connection, id: SessionId) -> rusqlite::Result<bool> {
    let id = id.as_uuid();
    db.prepare_cached("DELETE FROM turns WHERE id IN (SELECT turn_id FROM messages WHERE session_id = ?1)")?
        .execute([id])?;
    db.prepare_cached("DELETE FROM messages WHERE session_id = ?1")?.execute([id])?;
    db.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id]).map(|n| n > 0)
}

pub(super) fn expire_idle(db: &Connection, idle_since: Timestamp, at: Timestamp) -> rusqlite::Result<u64> {
    db.prepare_cached(
        "UPDATE sessions SET status = 'expired', ended_at = ?2 WHERE status = 'active' AND last_activity_at < ?1",
    )?
    .execute((from_time(idle_since), from_time(at)))
    .map(|n| n as u64)
}

pub(super) fn delete_over(db: &Connection, ended_before: Timestamp) -> rusqlite::Result<u64> {
    let before = [from_time(ended_before)];
    db.prepare_cached(
        "DELETE FROM turns WHERE id IN (SELECT turn_id FROM messages WHERE session_id IN
         (SELECT id FROM sessions WHERE ended_at < ?1))",
    )?
    .execute(before)?;
    db.prepare_cached("DELETE FROM messages WHERE session_id IN (SELECT id FROM sessions WHERE ended_at < ?1)")?
        .execute(before)?;
    db.prepare_cached("DELETE FROM sessions WHERE ended_at < ?1")?.execute(before).map(|n| n as u64)
}
