//! Conversations in one SQLite file.
//!
//! ```text
//! async calls ──jobs──► one writer thread    BEGIN IMMEDIATE, every job that waits, COMMIT, answers
//!             └─jobs──► two reader threads   a snapshot each; never wait for the writer
//! ```
//!
//! A call has returned only when its transaction is on the disk (`synchronous = FULL`), so what was acknowledged outlives a
//! crash of the process and of the machine. Turns that end at the same moment share one write to the disk.

mod error;
mod rows;
mod schema;
mod threads;
mod write;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use serde_json::{Map, Value};

use self::threads::Threads;
use crate::{
    error::Result,
    id::SessionId,
    message::Message,
    store::{ConversationStore, MessageQuery, Page, Saved, Session, SessionQuery, TurnRecord},
    time::Timestamp,
};

/// How long one statement waits for another process that is writing to the same file.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Keeps conversations in an SQLite file, on threads of its own.
///
/// The file is in WAL mode and may be open in several processes at once. It must be on a disk of this machine: network file
/// systems do not lock reliably.
pub struct SqliteStore {
    threads: Threads,
}

impl SqliteStore {
    /// Opens a database, which is created (readable by this user only) if it is not there, and brings its tables up to this
    /// version. Blocks.
    ///
    /// # Errors
    /// `STORAGE_ERROR`: kind `StorageTooNew` when a newer version of this library wrote it; kind `Storage` when it cannot be
    /// opened or written, is damaged, is no database or belongs to another program.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let writer = schema::open(path)?;
        let readers = [schema::open_reader(path)?, schema::open_reader(path)?];
        Ok(Self { threads: Threads::start(writer, readers)? })
    }
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl ConversationStore for SqliteStore {
    fn name(&self) -> &str {
        "sqlite"
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        let session = session.clone();
        self.threads.write("create a session", move |db| write::session(db, &session).map(|_| ())).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.threads.read("read a session", move |db| rows::session(db, id)).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        let query = query.clone();
        self.threads.read("list the sessions", move |db| rows::sessions(db, &query)).await
    }

    async fn set_metadata(&self, id: SessionId, metadata: &Map<String, Value>) -> Result<bool> {
        let metadata = Value::Object(metadata.clone()).to_string();
        self.threads.write("change a session", move |db| write::metadata(db, id, &metadata)).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.threads.write("end a session", move |db| write::end(db, id, at)).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.threads.write("delete a session", move |db| write::delete(db, id)).await
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        let turn = turn.clone();
        self.threads.write("save a turn", move |db| write::turn(db, &turn)).await
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        self.threads.read("read messages", move |db| rows::messages(db, session, query)).await
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.threads.write("expire sessions", move |db| write::expire_idle(db, idle_since, at)).await
    }

    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        self.threads.write("delete sessions", move |db| write::delete_over(db, ended_before)).await
    }

    async fn close(&self) -> Result<()> {
        self.threads.close().await
    }
}
