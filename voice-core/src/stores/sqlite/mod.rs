//! Everything in an SQLite file: the embedded default.
//!
//! The file is opened in WAL mode with `synchronous = FULL`: what a call acknowledged survives a crash and a loss of power.
//! Any number of processes may use one file at the same time. See <https://sqlite.org/wal.html>.

mod accounts;
mod actions;
mod assistants;
mod audit;
mod connection;
mod error;
mod keeping;
mod kept;
mod knowledge;
mod rows;
mod schema;
mod webhooks;
mod worker;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::worker::Workers;
use crate::{
    error::Result,
    id::{MessageId, SessionId},
    message::Message,
    store::{
        ConversationStore, Erased, Lease, MessageQuery, Owner, Page, Saved, SearchQuery, Session, SessionQuery,
        StoreCapabilities, TurnRecord,
    },
    time::Timestamp,
};

/// How many sessions are expired in one transaction: other writers get their turn in between.
const EXPIRE_AT_ONCE: u32 = 1_000;
/// How many sessions are deleted in one transaction, with everything said in them.
const DELETE_AT_ONCE: u32 = 50;
/// How many messages are deleted in one transaction.
const DELETE_MESSAGES_AT_ONCE: u32 = 1_000;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct SqliteOptions {
    readers: usize,
    patience: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 2, patience: Duration::from_secs(10) }
    }
}

impl SqliteOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many threads read, at least 1. Default 2.
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How long a call waits for another process that holds the file before it fails with `StorageBusy`. Default 10 s.
    pub fn busy_timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Opens the database, as [`SqliteStore::open`] does.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore> {
        let path = connection::absolute(path.as_ref())?;
        let workers = Workers::start(&path, self.readers, self.patience)?;
        Ok(SqliteStore { path, workers })
    }
}

/// A store for every subject in one SQLite file: see [`Storage::of`](crate::store::Storage::of).
///
/// One thread writes and a few read; calls made at the same time share a commit, each acknowledged only when it is on the disk.
/// Times are kept to the microsecond. What is deleted is overwritten with zeros and leaves the write-ahead log,
/// unless another process is reading at that moment: then with the first write a second later, or when the last process closes the file.
///
/// Dropping the store finishes what was handed in and closes the file in the background, without blocking; use
/// [`close`](ConversationStore::close) to wait for that.
pub struct SqliteStore {
    path: PathBuf,
    workers: Workers,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it (readable by its owner only) if it is not there, and brings its schema up to date.
    /// The folder must exist. Blocks: in async code call it through `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// `STORAGE_ERROR`, of kind `StorageTooNew` (written by a newer version of this library; untouched), `StorageCorrupt`
    /// (damaged, or not an SQLite database), `StorageReadOnly`, `StorageFull`, `StorageBusy` (another process holds it), or
    /// `Storage` (no such folder, the database of another program, no thread to be had).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::new().open(path)
    }

    /// The file, in full.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

#[async_trait]
impl ConversationStore for SqliteStore {
    fn name(&self) -> &str {
        "sqlite"
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { durable: true, full_text_search: true, transactions: true, shared_between_processes: true }
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        let session = session.clone();
        self.workers.write(move |c| rows::create_session(c, &session)).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.workers.read(move |c| rows::session(c, id)).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        let query = query.clone();
        self.workers.read(move |c| rows::list_sessions(c, &query)).await
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        let metadata = metadata.clone();
        self.workers.write(move |c| rows::set_metadata(c, id, &metadata)).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.workers.write(move |c| rows::end_session(c, id, at)).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.workers.write_gone(move |c| rows::delete_session(c, id)).await
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        let turn = turn.clone();
        self.workers.write(move |c| rows::save_turn(c, &turn)).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.workers.read(move |c| rows::messages(c, session, query)).await
    }

    /// Goes in portions, each whole: a call that is dropped has expired some of the sessions.
    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.workers.write_passing(move |c| keeping::forget_leases(c, idle_since)).await?;
        let mut expired = 0;
        loop {
            let some = self.workers.write(move |c| keeping::expire_idle(c, idle_since, at, EXPIRE_AT_ONCE)).await?;
            expired += some as u64;
            if some < EXPIRE_AT_ONCE as usize {
                return Ok(expired);
            }
        }
    }

    /// Goes in portions, each whole: a call that is dropped has deleted some of the sessions.
    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let some = self.workers.write_gone(move |c| keeping::delete_over(c, ended_before, DELETE_AT_ONCE)).await?;
            deleted += some as u64;
            if some < DELETE_AT_ONCE as usize {
                return Ok(deleted);
            }
        }
    }

    async fn messages_from(&self, session: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page<Message>> {
        self.workers.read(move |c| rows::messages_from(c, session, after, limit)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>> {
        let query = query.clone();
        self.workers.read(move |c| rows::search(c, &query)).await
    }

    /// Goes in portions, each whole: a call that is dropped has erased some of the sessions.
    async fn erase(&self, owner: &Owner) -> Result<Erased> {
        let mut erased = Erased::default();
        loop {
            let owner = owner.clone();
            let some = self.workers.write_gone(move |c| keeping::erase(c, &owner, DELETE_AT_ONCE)).await?;
            erased += some;
            if some.sessions < u64::from(DELETE_AT_ONCE) {
                return Ok(erased);
            }
        }
    }

    /// Goes in portions, each whole: a call that is dropped has deleted some of the messages.
    async fn delete_messages_before(&self, before: Timestamp) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let most = DELETE_MESSAGES_AT_ONCE;
            let some = self.workers.write_gone(move |c| keeping::delete_messages_before(c, before, most)).await?;
            deleted += some as u64;
            if some < most as usize {
                return Ok(deleted);
            }
        }
    }

    async fn try_lease(&self, lease: &Lease) -> Result<bool> {
        let lease = *lease;
        self.workers.write_passing(move |c| keeping::try_lease(c, &lease)).await
    }

    async fn release(&self, session: SessionId, holder: Uuid) -> Result<()> {
        self.workers.write_passing(move |c| keeping::release(c, session, holder)).await
    }

    async fn close(&self) -> Result<()> {
        self.workers.close().await;
        Ok(())
    }
}
