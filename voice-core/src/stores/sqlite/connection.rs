//! One connection to the file: how it is opened, and how it waits for other processes.

use std::{
    cell::Cell,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::{
    error::{explain, is_busy, read_only},
    schema,
};
use crate::error::{Error, ErrorKind, Result};

/// How many prepared statements a connection keeps; there are fewer.
const STATEMENTS: usize = 128;
/// The log is cut back to this many bytes once it has been copied into the database.
const LOG_BYTES: i64 = 16 * 1024 * 1024;

thread_local! {
    /// SQLite's wait hook is a plain function, and each connection is used by one thread: its patience is kept there.
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::from_secs(10)) };
    static WAITING_SINCE: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// How long this thread's connection waits for another process.
pub(super) fn set_patience(patience: Duration) {
    PATIENCE.set(patience);
}

/// Does `work` with a patience that no caller notices.
pub(super) fn briefly<T>(work: impl FnOnce() -> T) -> T {
    let patience = PATIENCE.get();
    PATIENCE.set(patience.min(Duration::from_millis(100)));
    let outcome = work();
    PATIENCE.set(patience);
    outcome
}

/// Called by SQLite while another connection holds a lock; `false` gives up.
///
/// SQLite's own handler doubles its waits up to 100 ms, which a fast writer in another process can starve.
fn wait(times: i32) -> bool {
    let now = Instant::now();
    if times == 0 {
        WAITING_SINCE.set(Some(now));
    }
    let waited = WAITING_SINCE.get().map_or(Duration::ZERO, |since| now - since);
    if waited >= PATIENCE.get() {
        return false;
    }
    std::thread::sleep(Duration::from_millis(1) * (1 + times.unsigned_abs() / 8).min(10));
    true
}

/// Opens the file for writing, makes it if it is not there, and brings it to the newest schema.
pub(super) fn open_writer(path: &Path, patience: Duration) -> Result<Connection> {
    set_patience(patience);
    create_private(path)?;
    let connection = connect(path)?;
    let failed = |error| explain(path, error);
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(Error::new(ErrorKind::StorageReadOnly, read_only(path)));
    }
    // Before anything is written: a file that is not ours stays as it is.
    schema::check(&connection, path)?;
    use_log(&connection, path, patience)?;
    connection
        .execute_batch(&format!(
            // An acknowledged turn survives the loss of power, and what is deleted is overwritten.
            "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
             PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA journal_size_limit = {LOG_BYTES};"
        ))
        .map_err(failed)?;
    schema::migrate(&connection, path)?;
    Ok(connection)
}

/// Opens a file that [`open_writer`] has opened, for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = connect(path)?;
    // Not opened as read-only: that could not use a log whose index another process left to be rebuilt.
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")
        .map_err(|error| explain(path, error))?;
    Ok(connection)
}

fn connect(path: &Path) -> Result<Connection> {
    // Neither `file:` addresses nor `:memory:`: the path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(wait))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.execute_batch("PRAGMA trusted_schema = OFF;")?;
        Ok(connection)
    };
    connect().map_err(|error| explain(path, error))
}

/// Switches to write-ahead logging. SQLite does not call its wait hook for that, so waiting is done here.
fn use_log(connection: &Connection, path: &Path, patience: Duration) -> Result<()> {
    let start = Instant::now();
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                let message = format!(
                    "the file system of {} cannot share memory between processes, which the database needs: use a local disk",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Storage, message));
            }
            Err(error) if is_busy(&error) && start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(explain(path, error)),
        }
    }
}

/// The path in full, so that it means the same file whatever becomes of the working folder.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        Error::new(ErrorKind::Storage, "the path of the database is empty: name a file").with_source(error)
    })
}

/// Makes the file, readable by its owner only; SQLite gives its log the same rights. A file that is there keeps its rights.
fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let Err(error) = options.open(path) else { return Ok(()) };
    let file = path.display();
    let (kind, message) = match error.kind() {
        io::ErrorKind::AlreadyExists => return Ok(()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::StorageReadOnly, read_only(path))
        }
        io::ErrorKind::StorageFull => {
            (ErrorKind::StorageFull, format!("the disk of {file} is full: free some space and try again"))
        }
        io::ErrorKind::NotFound => {
            (ErrorKind::Storage, format!("cannot make {file}: its folder does not exist; make the folder first"))
        }
        _ => (ErrorKind::Storage, format!("cannot make the database {file}: {error}")),
    };
    Err(Error::new(kind, message).with_source(error))
}
