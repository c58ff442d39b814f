//! Actions and summaries to rows and back.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{
    SqliteStore,
    kept::{Kept, at_most},
};
use crate::{
    error::Result,
    id::SessionId,
    message::Action,
    store::{ActionQuery, ActionStore, Page, Summary},
    time::Timestamp,
};

const ACTION: &str = "actions.id, turn, message, type, details, confidence, actions.created_at";

fn action_of(row: &Row<'_>, session: SessionId) -> rusqlite::Result<Action> {
    let (turn, message) = (row.get::<_, Kept<_>>(1)?.0, row.get::<_, Kept<_>>(2)?.0);
    let mut action = Action::new(session, turn, message, row.get::<_, String>(3)?, row.get::<_, Kept<_>>(6)?.0);
    action.id = row.get::<_, Kept<_>>(0)?.0;
    action.details = row.get::<_, Kept<_>>(4)?.0;
    action.confidence = row.get(5)?;
    Ok(action)
}

fn add(connection: &Connection, action: &Action) -> rusqlite::Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO actions (session, fingerprint, id, turn, message, type, details, confidence, created_at)
         SELECT key, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM sessions WHERE id = ?1
         ON CONFLICT DO NOTHING",
    )?;
    let added = insert.execute(params![
        Kept(action.session_id),
        action.fingerprint(),
        Kept(action.id),
        Kept(action.turn_id),
        Kept(action.message_id),
        action.kind,
        Kept(&action.details),
        action.confidence,
        Kept(action.created_at),
    ])?;
    Ok(added > 0)
}

fn actions(connection: &Connection, session: SessionId, query: &ActionQuery) -> rusqlite::Result<Page<Action>> {
    let (id, before, limit) = (Kept(session), query.before.map(Kept), at_most(query.limit) + 1);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":session", &id), (":limit", &limit)];
    let mut conditions = vec!["sessions.id = :session"];
    if let Some(kind) = &query.kind {
        conditions.push("type = :type");
        values.push((":type", kind));
    }
    if let Some(before) = &before {
        conditions.push("actions.id < :before");
        values.push((":before", before));
    }
    let sql = format!(
        "SELECT {ACTION} FROM actions JOIN sessions ON sessions.key = actions.session
         WHERE {} ORDER BY actions.id DESC LIMIT :limit",
        conditions.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values.as_slice(), |row| action_of(row, session))?;
    Ok(Page::cut(rows.collect::<rusqlite::Result<_>>()?, query.limit))
}

fn save_summary(connection: &Connection, summary: &Summary) -> rusqlite::Result<bool> {
    let points = serde_json::to_string(&summary.points);
    let points = points.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let mut save = connection.prepare_cached(
        "INSERT INTO summaries (session, text, points, until, created_at)
         SELECT key, ?2, ?3, ?4, ?5 FROM sessions WHERE id = ?1
         ON CONFLICT (session) DO UPDATE SET text = excluded.text, points = excluded.points, until = excluded.until,
             created_at = excluded.created_at",
    )?;
    let (session, until, at) = (Kept(summary.session_id), Kept(summary.until), Kept(summary.created_at));
    Ok(save.execute(params![session, summary.text, points, until, at])? > 0)
}

fn summary(connection: &Connection, session: SessionId) -> rusqlite::Result<Option<Summary>> {
    let mut statement = connection.prepare_cached(
        "SELECT text, points, until, summaries.created_at FROM summaries
         JOIN sessions ON sessions.key = summaries.session WHERE sessions.id = ?1",
    )?;
    let read = |row: &Row<'_>| {
        let (until, at) = (row.get::<_, Kept<_>>(2)?.0, row.get::<_, Kept<_>>(3)?.0);
        let mut summary = Summary::new(session, row.get::<_, String>(0)?, until, at);
        summary.points = row.get::<_, Kept<Vec<String>>>(1)?.0;
        Ok(summary)
    };
    statement.query_row([Kept(session)], read).optional()
}

#[async_trait]
impl ActionStore for SqliteStore {
    async fn add_action(&self, action: &Action) -> Result<bool> {
        let action = action.clone();
        self.workers.write(move |c| add(c, &action)).await
    }

    async fn actions(&self, session: SessionId, query: &ActionQuery) -> Result<Page<Action>> {
        let query = query.clone();
        self.workers.read(move |c| actions(c, session, &query)).await
    }

    async fn save_summary(&self, summary: &Summary) -> Result<bool> {
        let summary = summary.clone();
        self.workers.write(move |c| save_summary(c, &summary)).await
    }

    async fn summary(&self, session: SessionId) -> Result<Option<Summary>> {
        self.workers.read(move |c| summary(c, session)).await
    }

    async fn delete_actions_before(&self, before: Timestamp) -> Result<()> {
        let delete = move |c: &Connection| {
            for sql in ["DELETE FROM actions WHERE created_at < ?1", "DELETE FROM summaries WHERE created_at < ?1"] {
                c.prepare_cached(sql)?.execute([Kept(before)])?;
            }
            Ok(())
        };
        self.workers.write_gone(delete).await
    }
}
