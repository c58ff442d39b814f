//! Conversations in PostgreSQL, in a schema of their own beside the host's tables. For version 13 and newer.
//!
//! ```no_run
//! use voice_core::{VoiceAgent, stores::postgres::PostgresStore};
//!
//! # async fn example() -> voice_core::Result<()> {
//! let store = PostgresStore::connect("postgres://ada:secret@db.example.org/voice?sslmode=verify-full").await?;
//! let agent = VoiceAgent::builder().store(std::sync::Arc::new(store)).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Every call is one statement on a connection from the pool, so it happens whole or not at all, whatever becomes of the
//! process, the connection or the server. TLS is used where the server offers it (`sslmode=prefer`, the default), always
//! (`require`, `verify-ca`, `verify-full`: the certificate and its host name are verified with each of them), or never
//! (`disable`).
//!
//! What was acknowledged is on the server's disk, also where `synchronous_commit` is `off` by default. A pooler between this
//! library and the server has to keep sessions apart (PgBouncer: `pool_mode = session`): settings and prepared statements of a
//! connection outlast its transactions.

mod accounts;
mod actions;
mod address;
mod assistants;
mod audit;
mod error;
mod keeping;
mod kept;
mod knowledge;
mod pool;
mod rows;
mod schema;
mod webhooks;

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::{address::Address, pool::Database};
use crate::{
    error::Result,
    id::{MessageId, SessionId},
    message::Message,
    store::{
        ConversationStore, Erased, Lease, MessageQuery, Owner, Page, Saved, SearchQuery, Session, SessionQuery,
        StoreCapabilities, TurnRecord,
    },
    stores::server::ServerOptions,
    time::Timestamp,
};

/// How many sessions are expired by one statement: other writers get their turn in between.
const EXPIRE_AT_ONCE: i64 = 1_000;
/// How many sessions are deleted by one statement, with everything said in them.
const DELETE_AT_ONCE: i64 = 50;
/// How many messages are deleted by one statement.
const DELETE_MESSAGES_AT_ONCE: i64 = 1_000;

/// A [`ConversationStore`] in PostgreSQL.
///
/// Times are kept to the microsecond. The connections belong to the tokio runtime on which the store was made.
pub struct PostgresStore {
    database: Database,
}

impl PostgresStore {
    /// Connects to the database at `address` (`postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`, libpq's parameters) and brings
    /// its schema up to date; any number of processes may do so at once. Beyond libpq, `schema=NAME` names the schema of the
    /// tables (default `voice_core`; made if it is not there). `sslrootcert=FILE` is the certificate authority to trust instead
    /// of the system's.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) for a wrong address; `STORAGE_ERROR`, of kind `StorageUnreachable`,
    /// `StorageDenied` (user, password, access, certificate), `StorageTooNew` (written by a newer version of this library;
    /// untouched), `StorageBusy`, or `Storage` (no such database, tables of another program in the schema).
    pub async fn connect(address: &str) -> Result<Self> {
        Self::connect_with(address, ServerOptions::new()).await
    }

    /// Connects, as [`connect`](Self::connect) does, with these options.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(address: &str, options: ServerOptions) -> Result<Self> {
        let database = Database::new(Address::parse(address)?, options)?;
        schema::migrate(&database).await?;
        Ok(Self { database })
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.database.place)
            .field("schema", &self.database.schema)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ConversationStore for PostgresStore {
    fn name(&self) -> &str {
        "postgres"
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { durable: true, full_text_search: true, transactions: true, shared_between_processes: true }
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.database.run(async |c| rows::create_session(c, session).await).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.database.read(async |c| rows::session(c, id).await).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        self.database.read(async |c| rows::list_sessions(c, query).await).await
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        self.database.run(async |c| rows::set_metadata(c, id, metadata).await).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.database.run(async |c| rows::end_session(c, id, at).await).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.database.run(async |c| rows::delete_session(c, id).await).await
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        self.database.run(async |c| rows::save_turn(c, turn).await).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.database.read(async |c| rows::messages(c, session, query).await).await
    }

    /// Goes in portions, each whole: a call that is dropped has expired some of the sessions.
    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.database.run(async |c| keeping::forget_leases(c, idle_since).await).await?;
        let mut expired = 0;
        loop {
            let some =
                self.database.run(async |c| keeping::expire_idle(c, idle_since, at, EXPIRE_AT_ONCE).await).await?;
            expired += some;
            if some < EXPIRE_AT_ONCE.unsigned_abs() {
                return Ok(expired);
            }
        }
    }

    /// Goes in portions, each whole: a call that is dropped has deleted some of the sessions.
    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let some = self.database.run(async |c| keeping::delete_over(c, ended_before, DELETE_AT_ONCE).await).await?;
            deleted += some;
            if some < DELETE_AT_ONCE.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }

    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        self.database.read(async |c| rows::messages_from(c, session, after, limit).await).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        self.database.read(async |c| rows::search(c, query).await).await
    }

    /// Goes in portions, each whole: a call that is dropped has erased some of the sessions.
    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        let mut erased = Erased::default();
        loop {
            let some = self.database.run(async |c| keeping::erase(c, owner, DELETE_AT_ONCE).await).await?;
            erased += some;
            if some.sessions < DELETE_AT_ONCE.unsigned_abs() {
                return Ok(erased);
            }
        }
    }

    /// Goes in portions, each whole: a call that is dropped has deleted some of the messages.
    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        let (mut deleted, most) = (0, DELETE_MESSAGES_AT_ONCE);
        loop {
            let some = self.database.run(async |c| keeping::delete_messages_before(c, before, most).await).await?;
            deleted += some;
            if some < most.unsigned_abs() {
                return Ok(deleted);
            }
        }
    }

    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        self.database.run(async |c| keeping::try_lease(c, lease).await).await
    }

    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        self.database.run(async |c| keeping::release(c, session, holder).await).await
    }

    async fn close(&self) -> Result<()> {
        self.database.close().await;
        Ok(())
    }
}
