//! SQLite's failures in this library's words.

use std::path::Path;

use rusqlite::ffi;

use crate::error::{Error, ErrorKind};

/// What a failure of SQLite means for the file at `path`, and what to do about it. No stored value is ever in it.
pub(super) fn explain(path: &Path, error: rusqlite::Error) -> Error {
    let file = path.display();
    let (kind, message) = match error.sqlite_error().map(|e| (e.code, e.extended_code)) {
        Some((ffi::ErrorCode::DiskFull, _)) => (
            ErrorKind::StorageFull,
            format!("the disk of {file} is full; nothing of this call was saved: free some space and try again"),
        ),
        Some((ffi::ErrorCode::ReadOnly | ffi::ErrorCode::PermissionDenied, _)) => {
            (ErrorKind::StorageReadOnly, read_only(path))
        }
        Some((ffi::ErrorCode::DatabaseCorrupt, _)) => (
            ErrorKind::StorageCorrupt,
            format!(
                "the database {file} is damaged: restore it from a backup, or recover it with `sqlite3 {file} .recover`"
            ),
        ),
        Some((ffi::ErrorCode::NotADatabase, _)) => (
            ErrorKind::StorageCorrupt,
            format!("{file} is not an SQLite database (or is encrypted): name another file, or move this one away"),
        ),
        Some((ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked, _)) => (
            ErrorKind::StorageBusy,
            format!("another process kept {file} locked for too long; nothing of this call was saved: try again"),
        ),
        Some((ffi::ErrorCode::CannotOpen, _)) => (
            ErrorKind::Storage,
            format!("cannot open {file}: it must be a file in a folder that exists and that this process may write to"),
        ),
        Some((ffi::ErrorCode::SystemIoFailure, extended)) => (
            ErrorKind::Storage,
            format!("reading or writing {file} failed (SQLite code {extended}); check the disk and its free space"),
        ),
        Some((code, extended)) => {
            (ErrorKind::Storage, format!("the database {file} failed: {code:?} (SQLite code {extended})"))
        }
        None => (ErrorKind::StorageCorrupt, format!("{file} holds a row that this library did not write")),
    };
    Error::new(kind, message).with_source(error)
}

pub(super) fn read_only(path: &Path) -> String {
    format!("{} is read-only: give this process write access to the file and to its folder", path.display())
}

/// Whether waiting for another process would help.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked))
}
