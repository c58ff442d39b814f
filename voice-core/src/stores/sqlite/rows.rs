//! Reading.

use rusqlite::{Connection, OptionalExtension, Row, types::Type};
use uuid::Uuid;

use crate::{
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    store::{MessageQuery, Page, Session, SessionQuery, SessionStatus},
    time::Timestamp,
};

const SESSION: &str = "id, user, status, metadata, created_at, last_activity_at, ended_at";

pub(super) fn session(db: &Connection, id: SessionId) -> rusqlite::Result<Option<Session>> {
    let mut found = db.prepare_cached(&format!("SELECT {SESSION} FROM sessions WHERE id = ?1"))?;
    found.query_row([id.as_uuid()], to_session).optional()
}

pub(super) fn sessions(db: &Connection, query: &SessionQuery) -> rusqlite::Result<Page<Session>> {
    // One statement for each shape of query, so that each is answered from its index.
    let mut wanted = vec!["id < :before"];
    wanted.extend(query.user.is_some().then_some("user = :user"));
    wanted.extend(query.status.is_some().then_some("status = :status"));
    let sql = format!("SELECT {SESSION} FROM sessions WHERE {} ORDER BY id DESC LIMIT :limit", wanted.join(" AND "));
    let mut found = db.prepare_cached(&sql)?;

    let before = query.before.map_or(Uuid::max(), |id| id.as_uuid());
    let (status, limit) = (query.status.map(SessionStatus::as_str), limit_and_one(query.limit));
    let mut values: Vec<(&str, &dyn rusqlite::ToSql)> = vec![(":before", &before), (":limit", &limit)];
    if let Some(user) = &query.user {
        values.push((":user", user));
    }
    if status.is_some() {
        values.push((":status", &status));
    }
    let items = found.query_map(values.as_slice(), to_session)?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(page(items, query.limit))
}

/// The latest messages: read backwards from the end of the session, however long it is.
pub(super) fn messages(db: &Connection, session: SessionId, query: MessageQuery) -> rusqlite::Result<Page<Message>> {
    let before = match query.before {
        None => i64::MAX,
        // An unknown cursor has nothing before it.
        Some(id) => db
            .prepare_cached("SELECT seq FROM messages WHERE id = ?1 AND session_id = ?2")?
            .query_row((id.as_uuid(), session.as_uuid()), |row| row.get(0))
            .optional()?
            .unwrap_or(i64::MIN),
    };
    let mut found = db.prepare_cached(
        "SELECT id, session_id, turn_id, role, content, audio_ref, created_at FROM messages
         WHERE session_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )?;
    let rows = found.query_map((session.as_uuid(), before, limit_and_one(query.limit)), to_message)?;
    let mut page = page(rows.collect::<rusqlite::Result<Vec<_>>>()?, query.limit);
    page.items.reverse();
    Ok(page)
}

/// One more than is wanted tells whether there are more.
fn limit_and_one(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)
}

fn page<T>(mut items: Vec<T>, limit: usize) -> Page<T> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    Page::new(items, has_more)
}

fn to_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    let mut session = Session::new(SessionId::from_uuid(row.get(0)?), row.get(1)?, to_time(row, 4)?);
    session.status = named(row, 2, SessionStatus::from_name)?;
    session.metadata = serde_json::from_str(row.get_ref(3)?.as_str()?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(e)))?;
    session.last_activity_at = to_time(row, 5)?;
    session.ended_at = row.get::<_, Option<i64>>(6)?.map(|_| to_time(row, 6)).transpose()?;
    Ok(session)
}

fn to_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let (session, turn) = (SessionId::from_uuid(row.get(1)?), TurnId::from_uuid(row.get(2)?));
    let role = named(row, 3, Role::from_name)?;
    let mut message = Message::new(session, turn, role, row.get::<_, String>(4)?, to_time(row, 6)?);
    message.id = MessageId::from_uuid(row.get(0)?);
    message.audio_ref = row.get(5)?;
    Ok(message)
}

fn named<T>(row: &Row<'_>, column: usize, from_name: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let unknown = || rusqlite::Error::FromSqlConversionFailure(column, Type::Text, "an unknown name".into());
    from_name(row.get_ref(column)?.as_str()?).ok_or_else(unknown)
}

/// Moments are kept as nanoseconds since 1970, which reach from 1677 to 2262.
pub(super) fn from_time(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(if at < Timestamp::UNIX_EPOCH { i64::MIN } else { i64::MAX })
}

fn to_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_nanosecond(row.get::<_, i64>(column)?.into())
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, Box::new(e)))
}
