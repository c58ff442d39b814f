//! Sessions and messages to rows and back. Each call is one statement, so each is whole by itself.

use deadpool_postgres::Object;
use serde_json::{Map, Value};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::kept::{Named, at_most, moment};
use crate::{
    id::{AssistantId, MessageId, OrganizationId, SessionId, TurnId},
    message::Message,
    store::{
        AssistantVersion, MessageQuery, Page, Saved, SearchQuery, Session, SessionQuery, SessionStatus, TurnRecord,
        index_words,
    },
    stores::text,
    time::Timestamp,
};

pub(super) type Result<T> = std::result::Result<T, tokio_postgres::Error>;

const SESSION: &str = r#"id, "user", status, metadata, created_at, last_activity_at, ended_at, organization, assistant,
    assistant_version"#;

fn session_of(row: &Row) -> Result<Session> {
    let id = SessionId::from_uuid(row.try_get(0)?);
    let mut session = Session::new(id, row.try_get::<_, Option<String>>(1)?.map(text::read), row.try_get(4)?);
    session.status = row.try_get::<_, Named<_>>(2)?.0;
    session.metadata = row.try_get::<_, Json<_>>(3)?.0;
    session.last_activity_at = row.try_get(5)?;
    session.ended_at = row.try_get(6)?;
    session.organization = row.try_get::<_, Option<Uuid>>(7)?.map(OrganizationId::from_uuid);
    let version = row.try_get::<_, Option<i64>>(9)?.and_then(|version| u32::try_from(version).ok());
    let assistant = row.try_get::<_, Option<Uuid>>(8)?.zip(version);
    session.assistant = assistant.map(|(id, version)| AssistantVersion { id: AssistantId::from_uuid(id), version });
    Ok(session)
}

pub(super) async fn changed(client: &Object, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64> {
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, values).await
}

/// A session's values, in the order of [`SESSION`].
struct SessionValues<'a> {
    id: Uuid,
    user: Option<std::borrow::Cow<'a, str>>,
    status: &'static str,
    metadata: Json<&'a Map<String, Value>>,
    times: [Timestamp; 2],
    ended_at: Option<Timestamp>,
    organization: Option<Uuid>,
    assistant: Option<Uuid>,
    assistant_version: Option<i64>,
}

impl<'a> SessionValues<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            id: session.id.as_uuid(),
            user: session.user.as_deref().map(text::kept),
            status: session.status.as_str(),
            metadata: Json(&session.metadata),
            times: [moment(session.created_at), moment(session.last_activity_at)],
            ended_at: session.ended_at.map(moment),
            organization: session.organization.map(|id| id.as_uuid()),
            assistant: session.assistant.map(|assistant| assistant.id.as_uuid()),
            assistant_version: session.assistant.map(|assistant| i64::from(assistant.version)),
        }
    }

    fn all(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.id,
            &self.user,
            &self.status,
            &self.metadata,
            &self.times[0],
            &self.times[1],
            &self.ended_at,
            &self.organization,
            &self.assistant,
            &self.assistant_version,
        ]
    }
}

pub(super) async fn create_session(client: &Object, session: &Session) -> Result<()> {
    let sql = format!(
        "INSERT INTO sessions ({SESSION}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING"
    );
    changed(client, &sql, &SessionValues::new(session).all()).await.map(|_| ())
}

pub(super) async fn session(client: &Object, id: SessionId) -> Result<Option<Session>> {
    let statement = client.prepare_cached(&format!("SELECT {SESSION} FROM sessions WHERE id = $1")).await?;
    client.query_opt(&statement, &[&id.as_uuid()]).await?.as_ref().map(session_of).transpose()
}

pub(super) async fn list_sessions(client: &Object, query: &SessionQuery) -> Result<Page<Session>> {
    let (user, status) = (query.user.as_deref().map(text::kept), query.status.map(SessionStatus::as_str));
    let (before, limit) = (query.before.map(|id| id.as_uuid()), at_most(query.limit) + 1);
    let organization = query.organization.map(|id| id.as_uuid());
    let assistant = query.assistant.map(|id| id.as_uuid());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit];
    let mut conditions = vec!["true".to_owned()];
    let asked: [(bool, &str, &(dyn ToSql + Sync)); 5] = [
        (user.is_some(), r#""user" ="#, &user),
        (organization.is_some(), "organization =", &organization),
        (assistant.is_some(), "assistant =", &assistant),
        (status.is_some(), "status =", &status),
        (before.is_some(), "id <", &before),
    ];
    for (_, condition, value) in asked.into_iter().filter(|(asked, ..)| *asked) {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    }
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT {SESSION} FROM sessions WHERE {conditions} ORDER BY id DESC LIMIT $1");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    Ok(Page::cut(rows.iter().map(session_of).collect::<Result<_>>()?, query.limit))
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

/// The turn's id is taken first, and everything else hangs on that: a turn that is there already changes nothing. The session's
/// row is locked from then on, so that turns of one session get their messages' keys one after the other.
const SAVE_TURN: &str = r#"
    WITH kept AS (
        SELECT FROM sessions WHERE id = $1 AND $19 FOR NO KEY UPDATE
    ), turn AS (
        INSERT INTO turns (id, session) SELECT $11::uuid, $1::uuid WHERE NOT $19 OR EXISTS (SELECT FROM kept)
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), session AS (
        INSERT INTO sessions (id, "user", status, metadata, created_at, last_activity_at, ended_at, organization, assistant,
            assistant_version)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM turn
        ON CONFLICT (id) DO UPDATE
            SET last_activity_at = greatest(sessions.last_activity_at, excluded.last_activity_at)
        RETURNING key
    ), message AS (
        INSERT INTO messages (id, session, turn, role, content, audio_ref, words, created_at, language)
        SELECT m.id, session.key, $11, m.role, m.content, m.audio_ref, string_to_array(m.words, ' '), m.created_at,
            m.language
        FROM session, unnest($12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[], $18::text[])
            WITH ORDINALITY AS m (id, role, content, audio_ref, words, created_at, language, place)
        ORDER BY m.place
    )
    SELECT EXISTS (SELECT FROM turn), NOT $19 OR EXISTS (SELECT FROM kept)"#;

pub(super) async fn save_turn(client: &Object, turn: &TurnRecord) -> Result<Saved> {
    let messages = turn.messages.iter();
    let id = turn.turn_id.as_uuid();
    let ids: Vec<Uuid> = messages.clone().map(|m| m.id.as_uuid()).collect();
    let roles: Vec<&str> = messages.clone().map(|m| m.role.as_str()).collect();
    let contents: Vec<_> = messages.clone().map(|m| text::kept(&m.content)).collect();
    let audio: Vec<_> = messages.clone().map(|m| m.audio_ref.as_deref().map(text::kept)).collect();
    // PostgreSQL's arrays of arrays must be even, and no word holds a space.
    let words: Vec<String> = messages.clone().map(|m| index_words(&m.content).join(" ")).collect();
    let times: Vec<Timestamp> = messages.clone().map(|m| moment(m.created_at)).collect();
    let languages: Vec<_> = messages.map(|m| m.language.as_deref().map(text::kept)).collect();
    let session = SessionValues::new(&turn.session);
    let rest: [&(dyn ToSql + Sync); 9] =
        [&id, &ids, &roles, &contents, &audio, &words, &times, &languages, &turn.continues];
    let values: Vec<_> = session.all().into_iter().chain(rest).collect();
    let statement = client.prepare_cached(SAVE_TURN).await?;
    let row = client.query_one(&statement, &values).await?;
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => Saved::New,
        (false, true) => Saved::AlreadyThere,
        (false, false) => Saved::SessionGone,
    })
}

const MESSAGE: &str = "messages.id, turn, role, content, audio_ref, messages.created_at, language";
const OF_SESSION: &str = "session = (SELECT key FROM sessions WHERE id = $1)";

/// Walks back from the newest, or from the cursor, so that the cost does not grow with the session. A cursor that is not of
/// the session has nothing before it.
pub(super) async fn messages(client: &Object, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
    let (id, limit) = (session.as_uuid(), at_most(query.limit) + 1);
    let before = query.before.map(|id| id.as_uuid());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &limit];
    let mut older = String::new();
    if before.is_some() {
        values.push(&before);
        older = format!("AND key < (SELECT key FROM messages WHERE id = $3 AND {OF_SESSION})");
    }
    let sql = format!(
        "SELECT {MESSAGE} FROM messages
         WHERE {OF_SESSION} {older} ORDER BY key DESC LIMIT $2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    let mut page = Page::cut(rows.iter().map(|row| message_of(session, row)).collect::<Result<_>>()?, query.limit);
    page.items.reverse();
    Ok(page)
}

/// Walks on from the oldest, or from the cursor. A cursor that is not of the session has nothing after it.
pub(super) async fn messages_from(
    client: &Object,
    session: SessionId,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Page<Message>> {
    let (id, most, after) = (session.as_uuid(), at_most(limit) + 1, after.map(|id| id.as_uuid()));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &most];
    let mut newer = String::new();
    if after.is_some() {
        values.push(&after);
        newer = format!("AND key > (SELECT key FROM messages WHERE id = $3 AND {OF_SESSION})");
    }
    let sql = format!("SELECT {MESSAGE} FROM messages WHERE {OF_SESSION} {newer} ORDER BY key LIMIT $2");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    Ok(Page::cut(rows.iter().map(|row| message_of(session, row)).collect::<Result<_>>()?, limit))
}

/// Finds the messages that have every word, the newest first.
pub(super) async fn search(client: &Object, query: &SearchQuery) -> Result<Page<Message>> {
    let words = index_words(&query.text);
    if words.is_empty() {
        return Ok(Page::new(Vec::new(), false));
    }
    let (user, limit) = (query.user.as_deref().map(text::kept), at_most(query.limit) + 1);
    let (organization, session) = (query.organization.map(|id| id.as_uuid()), query.session.map(|id| id.as_uuid()));
    let before = query.before.map(|id| id.as_uuid());
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&limit, &words];
    let mut conditions = vec!["words @> $2".to_owned()];
    let asked: [(bool, &str, &(dyn ToSql + Sync)); 4] = [
        (user.is_some(), r#""user" = $"#, &user),
        (organization.is_some(), "organization = $", &organization),
        (session.is_some(), "sessions.id = $", &session),
        (before.is_some(), "messages.key < (SELECT key FROM messages WHERE id = $", &before),
    ];
    for (_, condition, value) in asked.into_iter().filter(|(asked, ..)| *asked) {
        values.push(value);
        let closed = if condition.contains('(') { ")" } else { "" };
        conditions.push(format!("{condition}{}{closed}", values.len()));
    }
    let sql = format!(
        "SELECT {MESSAGE}, sessions.id FROM messages JOIN sessions ON sessions.key = messages.session
         WHERE {} ORDER BY messages.key DESC LIMIT $1",
        conditions.join(" AND ")
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    let found = rows.iter().map(|row| message_of(SessionId::from_uuid(row.try_get(7)?), row));
    Ok(Page::cut(found.collect::<Result<_>>()?, query.limit))
}

fn message_of(session: SessionId, row: &Row) -> Result<Message> {
    let turn = TurnId::from_uuid(row.try_get(1)?);
    let content = text::read(row.try_get(3)?);
    let mut message = Message::new(session, turn, row.try_get::<_, Named<_>>(2)?.0, content, row.try_get(5)?);
    message.id = MessageId::from_uuid(row.try_get(0)?);
    message.audio_ref = row.try_get::<_, Option<String>>(4)?.map(text::read);
    message.language = row.try_get::<_, Option<String>>(6)?.map(text::read);
    Ok(message)
}
