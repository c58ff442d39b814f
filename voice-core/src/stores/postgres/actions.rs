//! Actions and summaries to rows and back.

use std::borrow::Cow;

use async_trait::async_trait;
use deadpool_postgres::Object;
use serde_json::{Map, Value};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{
    PostgresStore,
    kept::{at_most, moment},
    rows::{Result as SqlResult, changed},
};
use crate::{
    error::Result,
    id::{ActionId, MessageId, SessionId, TurnId},
    message::Action,
    store::{ActionQuery, ActionStore, Page, Summary},
    stores::text,
    time::Timestamp,
};

const ACTION: &str = "actions.id, turn, message, type, details, confidence, actions.created_at";

fn action_of(session: SessionId, row: &Row) -> SqlResult<Action> {
    let (turn, message) = (TurnId::from_uuid(row.try_get(1)?), MessageId::from_uuid(row.try_get(2)?));
    let mut action = Action::new(session, turn, message, text::read(row.try_get(3)?), row.try_get(6)?);
    action.id = ActionId::from_uuid(row.try_get(0)?);
    action.details = row.try_get::<_, Json<Map<String, Value>>>(4)?.0;
    action.confidence = row.try_get(5)?;
    Ok(action)
}

/// Waits for whoever is deleting the session: what is gone takes nothing.
async fn add(client: &Object, action: &Action) -> SqlResult<bool> {
    let sql = "INSERT INTO actions (session, fingerprint, id, turn, message, type, details, confidence, created_at)
         SELECT key, $2, $3, $4, $5, $6, $7, $8, $9 FROM sessions WHERE id = $1 FOR KEY SHARE
         ON CONFLICT DO NOTHING";
    let (session, fingerprint) = (action.session_id.as_uuid(), action.fingerprint());
    let (id, turn, message) = (action.id.as_uuid(), action.turn_id.as_uuid(), action.message_id.as_uuid());
    let (kind, details, at) = (text::kept(&action.kind), Json(&action.details), moment(action.created_at));
    let values: [&(dyn ToSql + Sync); 9] =
        [&session, &fingerprint, &id, &turn, &message, &kind, &details, &action.confidence, &at];
    Ok(changed(client, sql, &values).await? > 0)
}

async fn actions(client: &Object, session: SessionId, query: &ActionQuery) -> SqlResult<Page<Action>> {
    let (id, limit) = (session.as_uuid(), at_most(query.limit) + 1);
    let (kind, before) = (query.kind.as_deref().map(text::kept), query.before.map(|id| id.as_uuid()));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&id, &limit];
    let mut conditions = vec!["sessions.id = $1".to_owned()];
    let asked: [(bool, &str, &(dyn ToSql + Sync)); 2] =
        [(kind.is_some(), "type =", &kind), (before.is_some(), "actions.id <", &before)];
    for (_, condition, value) in asked.into_iter().filter(|(asked, ..)| *asked) {
        values.push(value);
        conditions.push(format!("{condition} ${}", values.len()));
    }
    let sql = format!(
        "SELECT {ACTION} FROM actions JOIN sessions ON sessions.key = actions.session
         WHERE {} ORDER BY actions.id DESC LIMIT $2",
        conditions.join(" AND ")
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    Ok(Page::cut(rows.iter().map(|row| action_of(session, row)).collect::<SqlResult<_>>()?, query.limit))
}

/// Waits like [`add`].
async fn save_summary(client: &Object, summary: &Summary) -> SqlResult<bool> {
    let sql = "INSERT INTO summaries (session, text, points, until, created_at)
         SELECT key, $2, $3, $4, $5 FROM sessions WHERE id = $1 FOR KEY SHARE
         ON CONFLICT (session) DO UPDATE SET text = excluded.text, points = excluded.points, until = excluded.until,
             created_at = excluded.created_at";
    let (session, words, until) = (summary.session_id.as_uuid(), text::kept(&summary.text), summary.until.as_uuid());
    let points: Vec<Cow<'_, str>> = summary.points.iter().map(|point| text::kept(point)).collect();
    let values: [&(dyn ToSql + Sync); 5] = [&session, &words, &points, &until, &moment(summary.created_at)];
    Ok(changed(client, sql, &values).await? > 0)
}

async fn summary(client: &Object, session: SessionId) -> SqlResult<Option<Summary>> {
    let sql = "SELECT text, points, until, summaries.created_at FROM summaries
         JOIN sessions ON sessions.key = summaries.session WHERE sessions.id = $1";
    let statement = client.prepare_cached(sql).await?;
    let Some(row) = client.query_opt(&statement, &[&session.as_uuid()]).await? else { return Ok(None) };
    let until = MessageId::from_uuid(row.try_get(2)?);
    let mut summary = Summary::new(session, text::read(row.try_get(0)?), until, row.try_get(3)?);
    summary.points = row.try_get::<_, Vec<String>>(1)?.into_iter().map(text::read).collect();
    Ok(Some(summary))
}

#[async_trait]
impl ActionStore for PostgresStore {
    async fn add_action(&self, action: &Action) -> Result<bool> {
        self.database.run(async |c| add(c, action).await).await
    }

    async fn actions(&self, session: SessionId, query: &ActionQuery) -> Result<Page<Action>> {
        self.database.read(async |c| actions(c, session, query).await).await
    }

    async fn save_summary(&self, summary: &Summary) -> Result<bool> {
        self.database.run(async |c| save_summary(c, summary).await).await
    }

    async fn summary(&self, session: SessionId) -> Result<Option<Summary>> {
        self.database.read(async |c| summary(c, session).await).await
    }

    async fn delete_actions_before(&self, before: Timestamp) -> Result<()> {
        for sql in ["DELETE FROM actions WHERE created_at < $1", "DELETE FROM summaries WHERE created_at < $1"] {
            self.database.run(async |c| changed(c, sql, &[&moment(before)]).await).await?;
        }
        Ok(())
    }
}
