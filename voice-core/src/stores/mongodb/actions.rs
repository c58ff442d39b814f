//! Actions and summaries as documents.
//!
//! They name their session's document by its key, as turns do: what is written when a session is being deleted goes with it, or
//! is taken back by whoever wrote it.

use async_trait::async_trait;
use mongodb::bson::{DateTime, Uuid, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{
    MongoStore,
    documents::{foreign, metadata, moment, plain, timestamp, uuid},
    error::is_duplicate,
};
use crate::{
    error::Result,
    id::{ActionId, MessageId, SessionId, TurnId},
    message::Action,
    store::{ActionQuery, ActionStore, Page, Summary},
    stores::text,
    time::Timestamp,
};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ActionDocument {
    #[serde(rename = "_id")]
    id: Uuid,
    /// The key of its session's document.
    session: ObjectId,
    fingerprint: String,
    turn: Uuid,
    message: Uuid,
    #[serde(rename = "type")]
    kind: String,
    /// JSON: its keys may be any text, and its numbers keep their kind.
    details: String,
    confidence: f64,
    created_at: DateTime,
}

impl ActionDocument {
    fn new(action: &Action, session: ObjectId) -> Result<Self> {
        Ok(Self {
            id: uuid(action.id.as_uuid()),
            session,
            fingerprint: action.fingerprint(),
            turn: uuid(action.turn_id.as_uuid()),
            message: uuid(action.message_id.as_uuid()),
            kind: text::kept(&action.kind).into_owned(),
            details: metadata(&action.details)?,
            confidence: action.confidence,
            created_at: moment(action.created_at),
        })
    }

    fn read(self, session: SessionId) -> Result<Action> {
        let (turn, message) = (TurnId::from_uuid(plain(self.turn)), MessageId::from_uuid(plain(self.message)));
        let mut action = Action::new(session, turn, message, text::read(self.kind), timestamp(self.created_at)?);
        action.id = ActionId::from_uuid(plain(self.id));
        action.details = serde_json::from_str(&self.details).map_err(|_| foreign())?;
        action.confidence = self.confidence;
        Ok(action)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SummaryDocument {
    /// The key of its session's document.
    #[serde(rename = "_id")]
    session: ObjectId,
    text: String,
    points: Vec<String>,
    until: Uuid,
    created_at: DateTime,
}

impl SummaryDocument {
    fn new(summary: &Summary, session: ObjectId) -> Self {
        Self {
            session,
            text: text::kept(&summary.text).into_owned(),
            points: summary.points.iter().map(|point| text::kept(point).into_owned()).collect(),
            until: uuid(summary.until.as_uuid()),
            created_at: moment(summary.created_at),
        }
    }

    fn read(self, session: SessionId) -> Result<Summary> {
        let until = MessageId::from_uuid(plain(self.until));
        let mut summary = Summary::new(session, text::read(self.text), until, timestamp(self.created_at)?);
        summary.points = self.points.into_iter().map(text::read).collect();
        Ok(summary)
    }
}

#[async_trait]
impl ActionStore for MongoStore {
    async fn add_action(&self, action: &Action) -> Result<bool> {
        let database = &self.database;
        let add = async {
            let Some(session) = database.live(action.session_id).await? else { return Ok(false) };
            let document = ActionDocument::new(action, session.key)?;
            match database.actions.insert_one(&document).await {
                Err(error) if is_duplicate(&error) => return Ok(false),
                done => database.told(done).map(|_| ())?,
            }
            // Looked at afterwards: whatever was deleted meanwhile has not seen this action.
            let is_there = database.is_live(session.key).await?;
            if !is_there {
                database.told(database.actions.delete_one(doc! { "_id": document.id }).await)?;
            }
            Ok(is_there)
        };
        database.run(add).await
    }

    async fn actions(&self, session: SessionId, query: &ActionQuery) -> Result<Page<Action>> {
        let database = &self.database;
        let find = async {
            let Some(found) = database.live(session).await? else { return Ok(Vec::new()) };
            let mut wanted = doc! { "session": found.key };
            if let Some(kind) = &query.kind {
                wanted.insert("type", text::kept(kind).as_ref());
            }
            if let Some(before) = query.before {
                wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
            }
            let most = Some(query.limit.saturating_add(1));
            database.all(&database.actions, wanted, doc! { "_id": -1 }, most).await
        };
        Page::cut(database.run(find).await?, query.limit).try_map(|document| document.read(session))
    }

    async fn save_summary(&self, summary: &Summary) -> Result<bool> {
        let database = &self.database;
        let save = async {
            let Some(session) = database.live(summary.session_id).await? else { return Ok(false) };
            let document = SummaryDocument::new(summary, session.key);
            let replace = || database.summaries.replace_one(doc! { "_id": session.key }, &document).upsert(true);
            match replace().await {
                // Another process wrote the first one at the same moment.
                Err(error) if is_duplicate(&error) => database.told(replace().await).map(|_| ())?,
                done => database.told(done).map(|_| ())?,
            }
            let is_there = database.is_live(session.key).await?;
            if !is_there {
                database.told(database.summaries.delete_one(doc! { "_id": session.key }).await)?;
            }
            Ok(is_there)
        };
        database.run(save).await
    }

    async fn summary(&self, session: SessionId) -> Result<Option<Summary>> {
        let database = &self.database;
        let find = async {
            let Some(found) = database.live(session).await? else { return Ok(None) };
            database.told(database.summaries.find_one(doc! { "_id": found.key }).await)
        };
        database.run(find).await?.map(|document| document.read(session)).transpose()
    }

    async fn delete_actions_before(&self, before: Timestamp) -> Result<()> {
        let database = &self.database;
        let delete = async {
            let old = doc! { "created_at": { "$lt": moment(before) } };
            database.told(database.actions.delete_many(old.clone()).await)?;
            database.told(database.summaries.delete_many(old).await).map(|_| ())
        };
        database.run(delete).await
    }
}
