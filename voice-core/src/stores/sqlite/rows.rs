//! Sessions and messages to rows and back.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, named_params, params};
use serde_json::{Map, Value};

use super::kept::{Kept, at_most};
use crate::{
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    store::{
        AssistantVersion, MessageQuery, Page, Saved, SearchQuery, Session, SessionQuery, SessionStatus, TurnRecord,
    },
    time::Timestamp,
};

const SESSION: &str = "id, organization, user, assistant, assistant_version, status, metadata, created_at, \
    last_activity_at, ended_at";

fn session_of(row: &Row<'_>) -> rusqlite::Result<Session> {
    let mut session =
        Session::new(row.get::<_, Kept<_>>("id")?.0, row.get("user")?, row.get::<_, Kept<_>>("created_at")?.0);
    session.organization = row.get::<_, Option<Kept<_>>>("organization")?.map(|id| id.0);
    let assistant = row.get::<_, Option<Kept<_>>>("assistant")?.zip(row.get("assistant_version")?);
    session.assistant = assistant.map(|(id, version)| AssistantVersion { id: id.0, version });
    session.status = row.get::<_, Kept<_>>("status")?.0;
    session.metadata = row.get::<_, Kept<_>>("metadata")?.0;
    session.last_activity_at = row.get::<_, Kept<_>>("last_activity_at")?.0;
    session.ended_at = row.get::<_, Option<Kept<_>>>("ended_at")?.map(|at| at.0);
    Ok(session)
}

/// Inserts a session; one that is there is touched as `on_conflict` says. Gives its key when a row was written.
fn insert_session(connection: &Connection, session: &Session, on_conflict: &str) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "INSERT INTO sessions ({SESSION})
         VALUES (:id, :organization, :user, :assistant, :assistant_version, :status, :metadata, :created_at, :last_activity_at, :ended_at)
         ON CONFLICT (id) DO {on_conflict} RETURNING key"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(
            named_params! {
                ":id": Kept(session.id),
                ":organization": session.organization.map(Kept),
                ":user": session.user,
                ":assistant": session.assistant.map(|a| Kept(a.id)),
                ":assistant_version": session.assistant.map(|a| a.version),
                ":status": session.status.as_str(),
                ":metadata": Kept(&session.metadata),
                ":created_at": Kept(session.created_at),
                ":last_activity_at": Kept(session.last_activity_at),
                ":ended_at": session.ended_at.map(Kept),
            },
            |row| row.get(0),
        )
        .optional()
}

/// Moves a session's activity. `None`: it is not there.
fn touch_session(connection: &Connection, session: &Session) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(
        "UPDATE sessions SET last_activity_at = max(last_activity_at, ?2) WHERE id = ?1 RETURNING key",
    )?;
    statement.query_row(params![Kept(session.id), Kept(session.last_activity_at)], |row| row.get(0)).optional()
}

pub(super) fn create_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    insert_session(connection, session, "NOTHING").map(|_| ())
}

pub(super) fn session(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Session>> {
    let sql = format!("SELECT {SESSION} FROM sessions WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([Kept(id)], session_of).optional()
}

pub(super) fn list_sessions(connection: &Connection, query: &SessionQuery) -> rusqlite::Result<Page<Session>> {
    let (before, status) = (query.before.map(Kept), query.status.map(SessionStatus::as_str));
    let (organization, assistant) = (query.organization.map(Kept), query.assistant.map(Kept));
    let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
    let mut conditions = vec!["1"];
    // The plus signs keep the planner from walking through everybody's of a kind where something narrower is asked for.
    let narrow = query.user.is_some() || organization.is_some() || assistant.is_some();
    if let Some(user) = &query.user {
        conditions.push("user = :user");
        values.push((":user", user));
    }
    if let Some(organization) = &organization {
        conditions.push("organization = :organization");
        values.push((":organization", organization));
    }
    if let Some(assistant) = &assistant {
        conditions.push(if query.user.is_some() { "+assistant = :assistant" } else { "assistant = :assistant" });
        values.push((":assistant", assistant));
    }
    if let Some(status) = &status {
        conditions.push(if narrow { "+status = :status" } else { "status = :status" });
        values.push((":status", status));
    }
    if let Some(before) = &before {
        conditions.push("id < :before");
        values.push((":before", before));
    }
    let limit = at_most(query.limit) + 1;
    values.push((":limit", &limit));
    let sql =
        format!("SELECT {SESSION} FROM sessions WHERE {} ORDER BY id DESC LIMIT :limit", conditions.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    let items = statement.query_map(values.as_slice(), session_of)?.collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(items, query.limit))
}

pub(super) fn set_metadata(
    connection: &Connection,
    id: SessionId,
    metadata: &Map<String, Value>,
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached("UPDATE sessions SET metadata = ?2 WHERE id = ?1")?;
    Ok(statement.execute(params![Kept(id), Kept(metadata)])? > 0)
}

pub(super) fn end_session(connection: &Connection, id: SessionId, at: Timestamp) -> rusqlite::Result<bool> {
    let mut statement = connection
        .prepare_cached("UPDATE sessions SET status = 'ended', ended_at = ?2 WHERE id = ?1 AND status = 'active'")?;
    Ok(statement.execute(params![Kept(id), Kept(at)])? > 0)
}

pub(super) fn delete_session(connection: &Connection, id: SessionId) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([Kept(id)])? > 0)
}

pub(super) fn save_turn(connection: &Connection, turn: &TurnRecord) -> rusqlite::Result<Saved> {
    if connection.prepare_cached("SELECT 1 FROM turns WHERE id = ?1")?.exists([Kept(turn.turn_id)])? {
        return Ok(Saved::AlreadyThere);
    }
    let active = "UPDATE SET last_activity_at = max(last_activity_at, excluded.last_activity_at)";
    let session = match turn.continues {
        false => insert_session(connection, &turn.session, active)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        true => match touch_session(connection, &turn.session)? {
            Some(session) => session,
            None => return Ok(Saved::SessionGone),
        },
    };
    connection
        .prepare_cached("INSERT INTO turns (id, session) VALUES (?1, ?2)")?
        .execute(params![Kept(turn.turn_id), session])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (id, session, turn, role, content, audio_ref, created_at, language)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for message in &turn.messages {
        insert.execute(params![
            Kept(message.id),
            session,
            Kept(message.turn_id),
            message.role.as_str(),
            message.content,
            message.audio_ref,
            Kept(message.created_at),
            message.language,
        ])?;
    }
    Ok(Saved::New)
}

const MESSAGE: &str = "messages.id, turn, role, messages.content, audio_ref, messages.created_at, language";

fn message_of(row: &Row<'_>, session: SessionId) -> rusqlite::Result<Message> {
    let role = row.get::<_, Kept<Role>>(2)?.0;
    let at = row.get::<_, Kept<Timestamp>>(5)?.0;
    let mut message = Message::new(session, row.get::<_, Kept<TurnId>>(1)?.0, role, row.get::<_, String>(3)?, at);
    message.id = row.get::<_, Kept<MessageId>>(0)?.0;
    message.audio_ref = row.get(4)?;
    message.language = row.get(6)?;
    Ok(message)
}

fn session_key(connection: &Connection, session: SessionId) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT key FROM sessions WHERE id = ?1")?;
    statement.query_row([Kept(session)], |row| row.get(0)).optional()
}

/// The place of a message in the order in which all were saved; of any session when none is named.
fn message_key(connection: &Connection, message: MessageId, session: Option<i64>) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT key FROM messages WHERE id = ?1 AND (?2 IS NULL OR session = ?2)")?;
    statement.query_row(params![Kept(message), session], |row| row.get(0)).optional()
}

fn none<T>() -> Page<T> {
    Page::new(Vec::new(), false)
}

/// Walks back from the newest, or from the cursor, so that the cost does not grow with the session.
pub(super) fn messages(
    connection: &Connection,
    session: SessionId,
    query: MessageQuery,
) -> rusqlite::Result<Page<Message>> {
    let Some(key) = session_key(connection, session)? else { return Ok(none()) };
    let before = match query.before {
        None => i64::MAX,
        // An unknown cursor has nothing before it.
        Some(cursor) => match message_key(connection, cursor, Some(key))? {
            Some(found) => found,
            None => return Ok(none()),
        },
    };
    let sql = format!("SELECT {MESSAGE} FROM messages WHERE session = ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![key, before, at_most(query.limit) + 1], |row| message_of(row, session))?;
    let mut page = Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit);
    page.items.reverse();
    Ok(page)
}

/// Walks on from the oldest, or from the cursor.
pub(super) fn messages_from(
    connection: &Connection,
    session: SessionId,
    after: Option<MessageId>,
    limit: usize,
) -> rusqlite::Result<Page<Message>> {
    let Some(key) = session_key(connection, session)? else { return Ok(none()) };
    let after = match after {
        None => i64::MIN,
        Some(cursor) => match message_key(connection, cursor, Some(key))? {
            Some(found) => found,
            None => return Ok(none()),
        },
    };
    let sql = format!("SELECT {MESSAGE} FROM messages WHERE session = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![key, after, at_most(limit) + 1], |row| message_of(row, session))?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, limit))
}

/// Walks back through the messages that the index names.
pub(super) fn search(connection: &Connection, query: &SearchQuery) -> rusqlite::Result<Page<Message>> {
    // Quoted, a word is a word whatever it looks like to the index's query language.
    let wanted = query.words().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ");
    if wanted.is_empty() {
        return Ok(none());
    }
    let before = match query.before {
        None => i64::MAX,
        Some(cursor) => match message_key(connection, cursor, None)? {
            Some(found) => found,
            None => return Ok(none()),
        },
    };
    let (session, organization) = (query.session.map(Kept), query.organization.map(Kept));
    let limit = at_most(query.limit) + 1;
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":wanted", &wanted), (":before", &before), (":limit", &limit)];
    let mut conditions = vec!["words MATCH :wanted", "words.rowid < :before"];
    if let Some(session) = &session {
        conditions.push("sessions.id = :session");
        values.push((":session", session));
    }
    if let Some(organization) = &organization {
        conditions.push("+organization = :organization");
        values.push((":organization", organization));
    }
    if let Some(user) = &query.user {
        conditions.push("+user = :user");
        values.push((":user", user));
    }
    // The order of the joins is fixed: the index walks back from the newest and stops when the page is full.
    let sql = format!(
        "SELECT {MESSAGE}, sessions.id FROM words CROSS JOIN messages ON messages.key = words.rowid
         CROSS JOIN sessions ON sessions.key = messages.session
         WHERE {} ORDER BY words.rowid DESC LIMIT :limit",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), |row| {
        let session = row.get::<_, Kept<SessionId>>(7)?.0;
        message_of(row, session)
    })?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}
