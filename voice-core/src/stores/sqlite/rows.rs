//! Sessions and messages to rows and back.

use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, named_params, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    store::{MessageQuery, Page, Saved, Session, SessionQuery, SessionStatus, TurnRecord},
    time::Timestamp,
};

/// A value of the library as SQLite keeps it.
struct Kept<T>(T);

macro_rules! kept_ids {
    ($($id:ty)*) => {$(
        impl ToSql for Kept<$id> {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.0.as_uuid().into_bytes().to_vec().into())
            }
        }

        impl FromSql for Kept<$id> {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let id = Uuid::from_slice(value.as_blob()?).map_err(|_| FromSqlError::InvalidType)?;
                Ok(Self(<$id>::from_uuid(id)))
            }
        }
    )*};
}

kept_ids!(SessionId MessageId TurnId);

impl ToSql for Kept<Timestamp> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for Kept<Timestamp> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let micros = value.as_i64()?;
        Timestamp::from_microsecond(micros).map(Self).map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

impl FromSql for Kept<SessionStatus> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        SessionStatus::from_name(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl FromSql for Kept<Role> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Role::from_name(value.as_str()?).map(Self).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Kept<&Map<String, Value>> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(self.0);
        json.map(Into::into).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl FromSql for Kept<Map<String, Value>> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Self).map_err(|_| FromSqlError::InvalidType)
    }
}

fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX - 1)
}

/// Cuts a list that was read one longer than asked for.
fn page<T>(mut items: Vec<T>, limit: usize) -> Page<T> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    Page::new(items, has_more)
}

const SESSION: &str = "id, user, status, metadata, created_at, last_activity_at, ended_at";

fn session_of(row: &Row<'_>) -> rusqlite::Result<Session> {
    let mut session =
        Session::new(row.get::<_, Kept<_>>("id")?.0, row.get("user")?, row.get::<_, Kept<_>>("created_at")?.0);
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
         VALUES (:id, :user, :status, :metadata, :created_at, :last_activity_at, :ended_at)
         ON CONFLICT (id) DO {on_conflict} RETURNING key"
    );
    connection
        .prepare_cached(&sql)?
        .query_row(
            named_params! {
                ":id": Kept(session.id),
                ":user": session.user,
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

pub(super) fn create_session(connection: &Connection, session: &Session) -> rusqlite::Result<()> {
    insert_session(connection, session, "NOTHING").map(|_| ())
}

pub(super) fn session(connection: &Connection, id: SessionId) -> rusqlite::Result<Option<Session>> {
    let sql = format!("SELECT {SESSION} FROM sessions WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row([Kept(id)], session_of).optional()
}

pub(super) fn list_sessions(connection: &Connection, query: &SessionQuery) -> rusqlite::Result<Page<Session>> {
    let (before, status) = (query.before.map(Kept), query.status.map(SessionStatus::as_str));
    let mut values: Vec<(&str, &dyn ToSql)> = Vec::new();
    let mut conditions = vec!["1"];
    if let Some(user) = &query.user {
        conditions.push("user = :user");
        values.push((":user", user));
    }
    if let Some(status) = &status {
        // A user has few sessions: the plus sign keeps the planner from walking through everybody's of that status.
        conditions.push(if query.user.is_some() { "+status = :status" } else { "status = :status" });
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
    Ok(page(items, query.limit))
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

/// Expires at most `most` sessions.
pub(super) fn expire_idle(
    connection: &Connection,
    idle_since: Timestamp,
    at: Timestamp,
    most: u32,
) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "UPDATE sessions SET status = 'expired', ended_at = ?2 WHERE key IN (
             SELECT key FROM sessions WHERE status = 'active' AND last_activity_at < ?1
             ORDER BY last_activity_at LIMIT ?3)",
    )?;
    statement.execute(params![Kept(idle_since), Kept(at), most])
}

/// Deletes at most `most` sessions that are over, with all that belongs to them.
pub(super) fn delete_over(connection: &Connection, ended_before: Timestamp, most: u32) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM sessions WHERE key IN (
             SELECT key FROM sessions WHERE ended_at < ?1 ORDER BY ended_at LIMIT ?2)",
    )?;
    statement.execute(params![Kept(ended_before), most])
}

pub(super) fn save_turn(connection: &Connection, turn: &TurnRecord) -> rusqlite::Result<Saved> {
    if connection.prepare_cached("SELECT 1 FROM turns WHERE id = ?1")?.exists([Kept(turn.turn_id)])? {
        return Ok(Saved::AlreadyThere);
    }
    let session = insert_session(
        connection,
        &turn.session,
        "UPDATE SET last_activity_at = max(last_activity_at, excluded.last_activity_at)",
    )?
    .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    connection
        .prepare_cached("INSERT INTO turns (id, session) VALUES (?1, ?2)")?
        .execute(params![Kept(turn.turn_id), session])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (id, session, turn, role, content, audio_ref, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
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
        ])?;
    }
    Ok(Saved::New)
}

/// Walks back from the newest, or from the cursor, so that the cost does not grow with the session.
pub(super) fn messages(
    connection: &Connection,
    session: SessionId,
    query: MessageQuery,
) -> rusqlite::Result<Page<Message>> {
    let none = || Page::new(Vec::new(), false);
    let key = connection
        .prepare_cached("SELECT key FROM sessions WHERE id = ?1")?
        .query_row([Kept(session)], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(key) = key else { return Ok(none()) };
    let before = match query.before {
        None => i64::MAX,
        Some(cursor) => {
            let found = connection
                .prepare_cached("SELECT key FROM messages WHERE id = ?1 AND session = ?2")?
                .query_row(params![Kept(cursor), key], |row| row.get(0))
                .optional()?;
            // An unknown cursor has nothing before it.
            let Some(found) = found else { return Ok(none()) };
            found
        }
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, turn, role, content, audio_ref, created_at FROM messages
         WHERE session = ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![key, before, at_most(query.limit) + 1], |row| {
        let role = row.get::<_, Kept<Role>>(2)?.0;
        let at = row.get::<_, Kept<Timestamp>>(5)?.0;
        let mut message = Message::new(session, row.get::<_, Kept<TurnId>>(1)?.0, role, row.get::<_, String>(3)?, at);
        message.id = row.get::<_, Kept<MessageId>>(0)?.0;
        message.audio_ref = row.get(4)?;
        Ok(message)
    })?;
    let mut page = page(rows.collect::<rusqlite::Result<_>>()?, query.limit);
    page.items.reverse();
    Ok(page)
}
