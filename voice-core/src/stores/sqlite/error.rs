//! SQLite's errors as ours. No statement's values are ever shown: they hold what people said.

use rusqlite::ErrorCode as Code;

use crate::error::{Error, ErrorKind, Stage};

/// What could not be done (`save a turn`), and why.
pub(super) fn storage(action: &str, error: rusqlite::Error) -> Error {
    let code = error.sqlite_error_code();
    let why = match code {
        Some(Code::DiskFull) => "the disk is full; nothing was changed, and it works again once there is room",
        Some(Code::ReadOnly) => "the database or its folder cannot be written; check the permissions of both",
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => "another process keeps the database locked",
        Some(Code::DatabaseCorrupt) => {
            "the database is damaged; restore a copy, or save what is left with SQLite's `.recover`"
        }
        Some(Code::NotADatabase) => "the file is not an SQLite database",
        Some(Code::CannotOpen) => "the file cannot be opened; check that its folder exists and may be written",
        Some(Code::PermissionDenied) => "the system denies access to the file",
        Some(Code::SystemIoFailure) => "the disk failed to read or write",
        Some(Code::OutOfMemory) => "there is no memory left",
        _ => "the database refused it",
    };
    let passing = matches!(code, Some(Code::DatabaseBusy | Code::DatabaseLocked | Code::SystemIoFailure));
    Error::new(ErrorKind::Storage, format!("cannot {action}: {why}"))
        .with_stage(Stage::Store)
        .with_retryable(passing)
        .with_source(error)
}

pub(super) fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Storage, message).with_stage(Stage::Store)
}
