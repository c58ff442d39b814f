//! Sessions and messages to rows and back. Each call is one statement, so each is whole by itself.

use std::sync::LazyLock;

use deadpool_postgres::Object;
use serde_json::{Map, Value};
use tokio_postgres::{
    Row,
    types::{FromSql, Json, ToSql, Type, accepts},
};
use uuid::Uuid;

use crate::{
    id::{MessageId, SessionId, TurnId},
    message::{Message, Role},
    store::{MessageQuery, Page, Saved, Session, SessionQuery, SessionStatus, TurnRecord},
    stores::text,
    time::Timestamp,
};

type Result<T> = std::result::Result<T, tokio_postgres::Error>;

/// The name of a role or a status, as a column holds it.
struct Named<T>(T);

macro_rules! named {
    ($($named:ty)*) => {$(
        impl<'a> FromSql<'a> for Named<$named> {
            fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                let name = <&str>::from_sql(ty, raw)?;
                <$named>::from_name(name).map(Self).ok_or_else(|| "a name that this library does not know".into())
            }

            accepts!(TEXT);
        }
    )*};
}

named!(Role SessionStatus);

/// The oldest moment that PostgreSQL and this library both know.
static OLDEST: LazyLock<Timestamp> =
    LazyLock::new(|| "-004000-01-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH));

fn moment(at: Timestamp) -> Timestamp {
    at.max(*OLDEST)
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

const SESSION: &str = r#"id, "user", status, metadata, created_at, last_activity_at, ended_at"#;

fn session_of(row: &Row) -> Result<Session> {
    let id = SessionId::from_uuid(row.try_get(0)?);
    let mut session = Session::new(id, row.try_get::<_, Option<String>>(1)?.map(text::read), row.try_get(4)?);
    session.status = row.try_get::<_, Named<_>>(2)?.0;
    session.metadata = row.try_get::<_, Json<_>>(3)?.0;
    session.last_activity_at = row.try_get(5)?;
    session.ended_at = row.try_get(6)?;
    Ok(session)
}

async fn changed(client: &Object, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, values).await
}

pub(super) async fn create_session(client: &Object, session: &Session) -> Result<()> {
    let sql =
        format!("INSERT INTO sessions ({SESSION}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING");
    let (id, user) = (session.id.as_uuid(), session.user.as_deref().map(text::kept));
    let over = session.ended_at.map(moment);
    let values: [&(dyn ToSql + Sync); 7] = [
        &id,
        &user,
        &session.status.as_str(),
        &Json(&session.metadata),
        &moment(session.created_at),
        &moment(session.last_activity_at),
        &over,
    ];
    changed(client, &sql, &values).await.map(|_| ())
}

pub(super) async fn session(client: &Object, id: SessionId) -> Result<Option<Session>> {
    let statement = client.prepare_cached(&format!("SELECT {SESSION} FROM sessions WHERE id = $1")).await?;
    client.query_opt(&statement, &[&id.as_uuid()]).await?.as_ref().map(session_of).transpose()
}

pub(super) async fn list_sessions(client: &Object, query: &SessionQuery) -> Result<Page<Session>> {
    let (user, status) = (query.user.as_deref().map(text::kept), query.status.map(SessionStatus::as_str));
    let (before, limit) = (query.before.map(|id| id.as_uuid()), at_most(query.limit) + 1);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    let mut conditions = Vec::new();
    if user.is_some() {
        values.push(&user);
        conditions.push(format!(r#""user" = ${}"#, values.len()));
    }
    if status.is_some() {
        values.push(&status);
        conditions.push(format!("status = ${}", values.len()));
    }
    if before.is_some() {
        values.push(&before);
        conditions.push(format!("id < ${}", values.len()));
    }
    let conditions = if conditions.is_empty() { "true".into() } else { conditions.join(" AND ") };
    let sql = format!("SELECT {SESSION} FROM sessions WHERE {conditions} ORDER BY id DESC LIMIT $1");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    Ok(page(rows.iter().map(session_of).collect::<Result<_>>()?, query.limit))
}

pub(super) async fn set_metadata(client: &Object, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
    let sql = "UPDATE sessions SET metadata = $2 WHERE id = $1";
    Ok(changed(client, sql, &[&id.as_uuid(), &Json(metadata)]).await? > 0)
}

pub(super) async fn end_session(client: &Object, id: SessionId, at: Timestamp) -> Result<bool> {
    let sql = "UPDATE sessions SET status = 'ended', ended_at = $2 WHERE id = $1 AND status = 'active'";
    Ok(changed(client, sql, &[&id.as_uuid(), &moment(at)]).await? > 0)
}

pub(super) async fn delete_session(client: &Object, id: SessionId) -> Result<bool> {
    Ok(changed(client, "DELETE FROM sessions WHERE id = $1", &[&id.as_uuid()]).await? > 0)
}

/// Expires at most `most` sessions. One that is being written to just now is not idle.
pub(super) async fn expire_idle(client: &Object, idle_since: Timestamp, at: Timestamp, most: i64) -> Result<u64> {
    let sql = "UPDATE sessions SET status = 'expired', ended_at = $2 WHERE key IN (
                   SELECT key FROM sessions WHERE status = 'active' AND last_activity_at < $1
                   ORDER BY last_activity_at LIMIT $3 FOR UPDATE SKIP LOCKED)";
    changed(client, sql, &[&moment(idle_since), &moment(at), &most]).await
}

/// Deletes at most `most` sessions that are over, with all that belongs to them.
pub(super) async fn delete_over(client: &Object, ended_before: Timestamp, most: i64) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE key IN (
                   SELECT key FROM sessions WHERE ended_at < $1 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    changed(client, sql, &[&moment(ended_before), &most]).await
}

/// The turn's id is taken first, and everything else hangs on that: a turn that is there already changes nothing. The session's
/// row is locked from then on, so that turns of one session get their messages' keys one after the other.
const SAVE_TURN: &str = r#"
    WITH turn AS (
        INSERT INTO turns (id, session) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id
    ), session AS (
        INSERT INTO sessions (id, "user", status, metadata, created_at, last_activity_at, ended_at)
        SELECT $2, $3, $4, $5, $6, $7, $8 FROM turn
        ON CONFLICT (id) DO UPDATE
            SET last_activity_at = greatest(sessions.last_activity_at, excluded.last_activity_at)
        RETURNING key
    ), message AS (
        INSERT INTO messages (id, session, turn, role, content, audio_ref, created_at)
        SELECT m.id, session.key, $1, m.role, m.content, m.audio_ref, m.created_at
        FROM session, unnest($9::uuid[], $10::text[], $11::text[], $12::text[], $13::timestamptz[])
            WITH ORDINALITY AS m (id, role, content, audio_ref, created_at, place)
        ORDER BY m.place
    )
    SELECT FROM turn"#;

pub(super) async fn save_turn(client: &Object, turn: &TurnRecord) -> Result<Saved> {
    let session = &turn.session;
    let messages = turn.messages.iter();
    let ids: Vec<Uuid> = messages.clone().map(|m| m.id.as_uuid()).collect();
    let roles: Vec<&str> = messages.clone().map(|m| m.role.as_str()).collect();
    let contents: Vec<_> = messages.clone().map(|m| text::kept(&m.content)).collect();
    let audio: Vec<_> = messages.clone().map(|m| m.audio_ref.as_deref().map(text::kept)).collect();
    let times: Vec<Timestamp> = messages.map(|m| moment(m.created_at)).collect();
    let (id, session_id, user) =
        (turn.turn_id.as_uuid(), session.id.as_uuid(), session.user.as_deref().map(text::kept));
    let over = session.ended_at.map(moment);
    let values: [&(dyn ToSql + Sync); 13] = [
        &id,
        &session_id,
        &user,
        &session.status.as_str(),
        &Json(&session.metadata),
        &moment(session.created_at),
        &moment(session.last_activity_at),
        &over,
        &ids,
        &roles,
        &contents,
        &audio,
        &times,
    ];
    let statement = client.prepare_cached(SAVE_TURN).await?;
    Ok(match client.query_opt(&statement, &values).await? {
        Some(_) => Saved::New,
        None => Saved::AlreadyThere,
    })
}

/// Walks back from the newest, or from the cursor, so that the cost does not grow with the session. A cursor that is not of
/// the session has nothing before it.
pub(super) async fn messages(client: &Object, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
    const OF_SESSION: &str = "session = (SELECT key FROM sessions WHERE id = $1)";
    let (id, limit) = (session.as_uuid(), at_most(query.limit) + 1);
    let before = query.before.map(|id| id.as_uuid());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &limit];
    let mut older = String::new();
    if before.is_some() {
        values.push(&before);
        older = format!("AND key < (SELECT key FROM messages WHERE id = $3 AND {OF_SESSION})");
    }
    let sql = format!(
        "SELECT id, turn, role, content, audio_ref, created_at FROM messages
         WHERE {OF_SESSION} {older} ORDER BY key DESC LIMIT $2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    let mut page = page(rows.iter().map(|row| message_of(session, row)).collect::<Result<_>>()?, query.limit);
    page.items.reverse();
    Ok(page)
}

fn message_of(session: SessionId, row: &Row) -> Result<Message> {
    let turn = TurnId::from_uuid(row.try_get(1)?);
    let content = text::read(row.try_get(3)?);
    let mut message = Message::new(session, turn, row.try_get::<_, Named<_>>(2)?.0, content, row.try_get(5)?);
    message.id = MessageId::from_uuid(row.try_get(0)?);
    message.audio_ref = row.try_get::<_, Option<String>>(4)?.map(text::read);
    Ok(message)
}
