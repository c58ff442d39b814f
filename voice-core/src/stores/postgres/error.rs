//! PostgreSQL's failures in this library's words.
//!
//! A server's own message can quote what was to be stored, so only its code is told.

use std::time::Duration;

use deadpool_postgres::{HookError, PoolError};
use tokio_postgres::error::SqlState;

use crate::error::{Error, ErrorKind};

/// What a failure of the database at `place` means, and what to do about it.
pub(super) fn explain(place: &str, error: tokio_postgres::Error) -> Error {
    if let Some(state) = error.code() {
        return of_state(place, state);
    }
    let certificate = causes(&error).find_map(|cause| cause.downcast_ref::<rustls::Error>());
    if let Some(tls) = certificate {
        let message = format!(
            "no safe connection to the PostgreSQL database {place}: {tls}; name the certificate's authority with \
             sslrootcert=FILE, or, for a server that no network reaches, add sslmode=disable"
        );
        return Error::new(ErrorKind::StorageDenied, message);
    }
    if let Some(io) = causes(&error).find_map(|cause| cause.downcast_ref::<std::io::Error>()) {
        let message = format!(
            "the PostgreSQL database {place} cannot be reached, or the connection broke: {}; is the server running, and is the \
             address right?",
            io.kind()
        );
        return Error::new(ErrorKind::StorageUnreachable, message);
    }
    if error.is_closed() {
        return unreachable(place, "the connection broke");
    }
    let words = error.to_string();
    if words.starts_with("error deserializing") {
        let message = format!("the PostgreSQL database {place} holds a row that this library did not write");
        return Error::new(ErrorKind::StorageCorrupt, message);
    }
    // What is left is made on this side: a value that does not fit, a login without a password. Its text names no value.
    if words.starts_with("error performing TLS handshake") {
        let message = format!(
            "no safe connection to the PostgreSQL database {place}: the server does not speak TLS; turn it on there, or, for a \
             server that no network reaches, add sslmode=disable"
        );
        return Error::new(ErrorKind::StorageDenied, message);
    }
    let kind = match words.as_str() {
        words if words.starts_with("error connecting") || words.starts_with("error communicating") => {
            ErrorKind::StorageUnreachable
        }
        words if words.contains("password") || words.contains("authentication") => ErrorKind::StorageDenied,
        _ => ErrorKind::Storage,
    };
    Error::new(kind, format!("the PostgreSQL database {place} failed: {words}"))
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| match error.downcast_ref::<std::io::Error>() {
        // Only the error within tells more; `source` would skip it.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
        None => error.source(),
    })
}

fn unreachable(place: &str, what: &str) -> Error {
    let message = format!("{what} to the PostgreSQL database {place}; nothing half was saved: try again");
    Error::new(ErrorKind::StorageUnreachable, message)
}

fn of_state(place: &str, state: &SqlState) -> Error {
    use ErrorKind as K;
    let code = state.code();
    let (kind, what) = match *state {
        SqlState::DISK_FULL => (K::StorageFull, "has no room left: free some and try again"),
        SqlState::READ_ONLY_SQL_TRANSACTION => (K::StorageReadOnly, "only reads: name the primary, not a replica"),
        SqlState::INSUFFICIENT_PRIVILEGE => (
            K::StorageDenied,
            "does not let this user do that: it needs CREATE on the database, once, and its own schema",
        ),
        SqlState::INVALID_CATALOG_NAME => (K::Storage, "does not exist: create it, or name another"),
        SqlState::TOO_MANY_CONNECTIONS => {
            (K::StorageBusy, "has no connection left: try again, or make the pools smaller")
        }
        SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => {
            (K::StorageBusy, "took too long; nothing of this call was saved: try again")
        }
        SqlState::DUPLICATE_TABLE => {
            (K::Storage, "has tables of another program in this schema: name another with ?schema=NAME")
        }
        _ => match code.get(..2) {
            Some("28") => (K::StorageDenied, "refused the user or the password"),
            Some("08") => (K::StorageUnreachable, "lost the connection: try again"),
            Some("57") => (K::StorageUnreachable, "is stopping or starting: try again"),
            Some("40") => (K::StorageBusy, "undid the call for another's sake: try again"),
            Some("53") => (K::StorageBusy, "is short of memory or other means: try again later"),
            Some("XX") => (K::StorageCorrupt, "is damaged: restore it from a backup"),
            _ => (K::Storage, "failed; nothing of this call was saved"),
        },
    };
    Error::new(kind, format!("the PostgreSQL database {place} {what} (SQLSTATE {code})"))
}

/// Why no connection was had from the pool.
pub(super) fn of_pool(place: &str, error: PoolError, waited: Duration, most: usize) -> Error {
    match error {
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => explain(place, error),
        PoolError::Timeout(deadpool_postgres::TimeoutType::Wait) => Error::new(
            ErrorKind::StorageBusy,
            format!(
                "all {most} connections to the PostgreSQL database {place} were in use for {waited:?}: try again, or allow more \
                 with ServerOptions::connections"
            ),
        ),
        PoolError::Timeout(_) => unreachable(place, "there was no answer in time on a connection"),
        PoolError::Closed => closed(),
        PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified => {
            Error::internal("the pool of PostgreSQL connections is not set up")
        }
    }
}

/// No answer within the limit.
pub(super) fn late(place: &str, limit: Duration) -> Error {
    let message = format!(
        "the PostgreSQL database {place} did not answer within {limit:?}; the call may have been done: try again"
    );
    Error::new(ErrorKind::StorageBusy, message)
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Storage, "the store is closed")
}
