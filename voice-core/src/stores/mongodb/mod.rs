//! Conversations in MongoDB, in the database that the address names. For MongoDB 4.4 and newer, alone, as a replica set or
//! sharded, and for servers that speak its protocol.
//!
//! ```no_run
//! use voice_core::{VoiceAgent, stores::mongodb::MongoStore};
//!
//! # async fn example() -> voice_core::Result<()> {
//! let store = MongoStore::connect("mongodb+srv://ada:secret@cluster.example.org/voice").await?;
//! let agent = VoiceAgent::builder().store(std::sync::Arc::new(store)).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A turn is one document, so the server keeps it whole or not at all. What needs several documents goes in steps of which each
//! may be made again, in an order that shows nothing half done; so no server has to have transactions.

mod accounts;
mod actions;
mod assistants;
mod audit;
mod database;
mod documents;
mod error;
mod finding;
mod knowledge;
mod turns;
mod webhooks;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::{
    database::Database,
    documents::{SessionDocument, State, moment, uuid},
};
use crate::{
    error::Result,
    id::{MessageId, SessionId},
    message::Message,
    store::{
        ConversationStore, Erased, Lease, MessageQuery, Owner, Page, Saved, SearchQuery, Session, SessionQuery,
        StoreCapabilities, TurnRecord,
    },
    stores::{server::ServerOptions, text},
    time::Timestamp,
};

/// The wait before a database is made ready again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// How many sessions are looked up at once to be deleted.
const DELETE_AT_ONCE: usize = 50;

/// A [`ConversationStore`] in MongoDB.
///
/// Times are kept to the millisecond, as MongoDB keeps them. What is acknowledged is in the journal of most members
/// (`w: majority`, `j: true`), unless the address says otherwise.
#[derive(Debug)]
pub struct MongoStore {
    database: Database,
}

impl MongoStore {
    /// Connects to the database at `address` (`mongodb://USER:PASSWORD@HOST:PORT/DATABASE?…` or `mongodb+srv://…`; the database
    /// is `voice_core` when none is named) and makes the indexes that are not there; any number of processes may do so at once.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) for a wrong address; `STORAGE_ERROR`, of kind `StorageUnreachable`,
    /// `StorageDenied` (user, password, access), `StorageTooNew` (written by a newer version of this library; untouched),
    /// `StorageBusy`, or `Storage`.
    pub async fn connect(address: &str) -> Result<Self> {
        Self::connect_with(address, ServerOptions::new()).await
    }

    /// Connects, as [`connect`](Self::connect) does, with these options.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(address: &str, options: ServerOptions) -> Result<Self> {
        let begun = Instant::now();
        let database = Database::new(address, options).await?;
        loop {
            match database.prepare().await {
                // Several that make a database at the same moment can be in each other's way. Finding no server at all takes
                // the whole time.
                Err(error) if error.retryable() && begun.elapsed() < options.connect_timeout => {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                done => return done.map(|()| Self { database }),
            }
        }
    }
}

#[async_trait]
impl ConversationStore for MongoStore {
    fn name(&self) -> &str {
        "mongodb"
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { durable: true, full_text_search: true, transactions: false, shared_between_processes: true }
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.database.run(self.database.create(session)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        let found = self.database.run(self.database.live(id)).await?;
        found.map(SessionDocument::read).transpose()
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        let mut wanted = doc! { "state": State::Live.as_str() };
        if let Some(organization) = query.organization {
            wanted.insert("organization", uuid(organization.as_uuid()));
        }
        if let Some(assistant) = query.assistant {
            wanted.insert("assistant", uuid(assistant.as_uuid()));
        }
        if let Some(user) = &query.user {
            wanted.insert("user", text::kept(user).as_ref());
        }
        if let Some(status) = query.status {
            wanted.insert("status", status.as_str());
        }
        if let Some(before) = query.before {
            wanted.insert("_id", doc! { "$lt": uuid(before.as_uuid()) });
        }
        let most = i64::try_from(query.limit).unwrap_or(i64::MAX - 1) + 1;
        let find = async {
            let found = self.database.sessions.find(wanted).sort(doc! { "_id": -1 }).limit(most).await;
            self.database.told(self.database.told(found)?.try_collect::<Vec<_>>().await)
        };
        let mut found = self.database.run(find).await?;
        let has_more = found.len() > query.limit;
        found.truncate(query.limit);
        Ok(Page::new(found.into_iter().map(SessionDocument::read).collect::<Result<_>>()?, has_more))
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        let live = doc! { "_id": uuid(id.as_uuid()), "state": State::Live.as_str() };
        let change = doc! { "$set": { "metadata": documents::metadata(metadata)? } };
        let update = async { self.database.told(self.database.sessions.update_one(live, change).await) };
        Ok(self.database.run(update).await?.matched_count > 0)
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        let active = doc! { "_id": uuid(id.as_uuid()), "state": State::Live.as_str(), "status": "active" };
        let mut change = doc! { "$set": { "status": "ended", "ended_at": moment(at) } };
        let update = async {
            let Some(session) = self.database.live(id).await? else { return Ok(false) };
            if self.database.is_listened_to(session.organization).await? {
                change.insert("$push", doc! { "told": webhooks::ENDED });
            }
            Ok(self.database.told(self.database.sessions.update_one(active, change).await)?.matched_count > 0)
        };
        self.database.run(update).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.database.run(self.database.delete(id)).await
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        self.database.run(self.database.save(turn)).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.database.run(self.database.read_messages(session, query)).await
    }

    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        self.database.run(self.database.read_messages_from(session, after, limit)).await
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.database.run(self.database.forget_leases(idle_since)).await?;
        let idle = doc! {
            "state": State::Live.as_str(),
            "status": "active",
            "last_activity_at": { "$lt": moment(idle_since) },
        };
        let change = doc! { "$set": { "status": "expired", "ended_at": moment(at) } };
        let update = async {
            let mut expired = 0;
            let listening = self.database.listening().await?;
            if !listening.is_empty() {
                let (mut theirs, mut noted) = (idle.clone(), change.clone());
                theirs.insert("organization", doc! { "$in": &listening });
                noted.insert("$push", doc! { "told": webhooks::ENDED });
                expired += self.database.told(self.database.sessions.update_many(theirs, noted).await)?.modified_count;
            }
            let mut others = idle;
            others.insert("organization", doc! { "$nin": listening });
            expired += self.database.told(self.database.sessions.update_many(others, change).await)?.modified_count;
            Ok(expired)
        };
        self.database.run(update).await
    }

    /// Goes session by session: a call that is dropped has deleted some of them.
    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        self.database.run(self.database.sweep()).await?;
        let over = doc! { "state": State::Live.as_str(), "ended_at": { "$lt": moment(ended_before) } };
        let mut deleted = 0;
        loop {
            let find = async {
                let found = self.database.sessions.find(over.clone()).limit(DELETE_AT_ONCE as i64).await;
                self.database.told(self.database.told(found)?.try_collect::<Vec<_>>().await)
            };
            let found = self.database.run(find).await?;
            for session in &found {
                let id = SessionId::from_uuid(documents::plain(session.id));
                deleted += u64::from(self.database.run(self.database.delete(id)).await?);
            }
            if found.len() < DELETE_AT_ONCE {
                return Ok(deleted);
            }
        }
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        self.database.run(self.database.find(query)).await
    }

    /// Goes session by session: a call that is dropped has erased some of them. What a process left that died while it began a
    /// session goes too, uncounted.
    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        let mut erased = Erased::default();
        loop {
            let found = self.database.run(self.database.some_of(owner, DELETE_AT_ONCE)).await?;
            for session in &found {
                let messages = self.database.run(self.database.count_messages(session.key)).await?;
                let id = SessionId::from_uuid(documents::plain(session.id));
                if self.database.run(self.database.delete(id)).await? {
                    erased += Erased::new(1, messages);
                }
            }
            if found.len() < DELETE_AT_ONCE {
                return Ok(erased);
            }
        }
    }

    /// Goes in portions, each turn whole: a call that is dropped has deleted some of the messages.
    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        while let Some(some) = self.database.run(self.database.forget_some(before)).await? {
            deleted += some;
        }
        Ok(deleted)
    }

    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        self.database.run(self.database.lease(lease)).await
    }

    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        self.database.run(self.database.release(session, holder)).await
    }

    async fn close(&self) -> Result<()> {
        self.database.close().await;
        Ok(())
    }
}
