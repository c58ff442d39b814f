//! Opening the file, and its tables by version.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode as Code, OpenFlags, TransactionBehavior};

use super::{
    BUSY_WAIT,
    error::{refused, storage},
};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Marks the file as ours: `voic` in ASCII.
const APPLICATION_ID: i32 = 0x766F_6963;

/// Each brings the tables from the version of its index to the next. Never changed once released, only added to.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE sessions (
        id               BLOB PRIMARY KEY,
        user             TEXT,
        status           TEXT NOT NULL,
        metadata         TEXT NOT NULL,
        created_at       INTEGER NOT NULL,
        last_activity_at INTEGER NOT NULL,
        ended_at         INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_of_user ON sessions (user, id);
    CREATE INDEX sessions_active ON sessions (last_activity_at) WHERE status = 'active';
    CREATE INDEX sessions_over ON sessions (ended_at) WHERE ended_at IS NOT NULL;

    CREATE TABLE turns (
        id         BLOB PRIMARY KEY,
        session_id BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE messages (
        session_id BLOB NOT NULL,
        seq        INTEGER NOT NULL,
        id         BLOB NOT NULL,
        turn_id    BLOB NOT NULL,
        role       TEXT NOT NULL,
        content    TEXT NOT NULL,
        audio_ref  TEXT,
        created_at INTEGER NOT NULL,
        PRIMARY KEY (session_id, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX messages_by_id ON messages (id);
"];

/// Opens the file for writing, creates it if need be, and migrates it.
pub(super) fn open(path: &Path) -> Result<Connection> {
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let shown = path.display();
    let mut db = Connection::open_with_flags(path, flags).map_err(|e| storage(&format!("open {shown}"), e))?;
    let action = format!("open {shown}");
    patiently(|| prepare(&db)).map_err(|e| storage(&action, e))?;
    if db.is_readonly("main").map_err(|e| storage(&action, e))? {
        return Err(refused(format!("cannot {action}: the file may not be written; check its permissions")));
    }
    migrate(&mut db, &action)?;
    Ok(db)
}

/// Opens the file, which is there and up to date, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let action = format!("open {}", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(|e| storage(&action, e))?;
    patiently(|| {
        db.busy_timeout(BUSY_WAIT)?;
        db.pragma_update(None, "query_only", true)
    })
    .map_err(|e| storage(&action, e))?;
    Ok(db)
}

fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_WAIT)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Deleted words are overwritten, not merely forgotten.
    db.pragma_update(None, "secure_delete", true)
}

/// Runs what SQLite does not wait for by itself while several processes open the file at once.
fn patiently<T>(mut work: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let end = Instant::now() + BUSY_WAIT;
    loop {
        match work() {
            Err(e)
                if matches!(e.sqlite_error_code(), Some(Code::DatabaseBusy | Code::DatabaseLocked))
                    && Instant::now() < end =>
            {
                thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

fn migrate(db: &mut Connection, action: &str) -> Result<()> {
    let failed = |e| storage(action, e);
    // The lock makes the second of two processes see what the first has done.
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let number = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    let (owner, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if owner != APPLICATION_ID && (owner != 0 || tables > 0) {
        return Err(refused(format!("cannot {action}: the database belongs to another program")));
    }
    let Some(missing) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version..)) else {
        return Err(Error::new(
            ErrorKind::StorageTooNew,
            format!(
                "cannot {action}: its tables have version {version}, this library knows up to {}; use a newer library",
                MIGRATIONS.len()
            ),
        )
        .with_stage(Stage::Store));
    };
    if missing.is_empty() {
        return Ok(());
    }
    for migration in missing {
        tx.execute_batch(migration).map_err(failed)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(failed)?;
    tx.commit().map_err(failed)
}

/// Makes the file before SQLite does, so that nobody else may read it; SQLite gives its companions the same permissions.
#[cfg(unix)]
fn create_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;

    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::Storage, format!("cannot open {}: its folder does not exist", path.display()))
                .with_stage(Stage::Store)
                .with_source(e))
        }
        // It is there already, or SQLite says better why it cannot be made.
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn create_private(_: &Path) -> Result<()> {
    Ok(())
}
