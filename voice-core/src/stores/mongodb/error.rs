//! MongoDB's failures in this library's words.
//!
//! A server's own message can quote what was to be stored, so only its code is told.

use std::time::Duration;

use mongodb::error::{Error as MongoError, ErrorKind as Failure, WriteFailure};

use crate::error::{Error, ErrorKind};

/// A unique value is there already.
const DUPLICATE: i32 = 11_000;

/// Whether a write failed because a unique value was there already.
pub(super) fn is_duplicate(error: &MongoError) -> bool {
    match &*error.kind {
        Failure::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE,
        Failure::Command(error) => error.code == DUPLICATE,
        _ => false,
    }
}

/// What a failure of the database at `place` means, and what to do about it.
pub(super) fn explain(place: &str, error: &MongoError) -> Error {
    use ErrorKind as K;
    let (kind, what) = match &*error.kind {
        Failure::Authentication { .. } => (K::StorageDenied, "refused the user or the password".into()),
        Failure::ServerSelection { .. } | Failure::DnsResolve { .. } => {
            (K::StorageUnreachable, "cannot be reached; is the server running, and is the address right?".into())
        }
        Failure::Io(_) | Failure::ConnectionPoolCleared { .. } => {
            (K::StorageUnreachable, "broke the connection; no turn was half saved: try again".into())
        }
        Failure::Shutdown => return closed(),
        Failure::InvalidTlsConfig { .. } => {
            (K::InvalidConfig, "cannot be reached safely: the TLS settings of its address are wrong".into())
        }
        Failure::InvalidArgument { .. } => (K::InvalidConfig, "does not take the settings of its address".into()),
        Failure::IncompatibleServer { .. } => (K::Storage, "is too old; 4.4 or newer is needed".into()),
        Failure::Bson(_) => (K::StorageCorrupt, "holds a document that this library did not write".into()),
        Failure::Command(error) => of_code(error.code),
        Failure::Write(WriteFailure::WriteError(error)) => of_code(error.code),
        Failure::Write(WriteFailure::WriteConcernError(error)) => of_code(error.code),
        _ => (K::Storage, "failed".into()),
    };
    Error::new(kind, format!("the MongoDB database {place} {what}"))
}

/// By the codes of <https://www.mongodb.com/docs/manual/reference/error-codes/>.
fn of_code(code: i32) -> (ErrorKind, String) {
    use ErrorKind as K;
    let (kind, what) = match code {
        13 | 18 | 8000 => (K::StorageDenied, "does not let this user in, or not do that"),
        14_031 => (K::StorageFull, "has no room left: free some and try again"),
        50 | 24 | 112 | 202 | 262 => (K::StorageBusy, "took too long, or was busy: try again"),
        6 | 7 | 64 | 89 | 91 | 189 | 9001 | 10_058 | 10_107 | 11_600 | 11_602 | 13_435 | 13_436 => {
            (K::StorageUnreachable, "is stopping, starting, or choosing a primary: try again")
        }
        _ => (K::Storage, "failed; no turn was half saved"),
    };
    (kind, format!("{what} (code {code})"))
}

/// No answer within the limit.
pub(super) fn late(place: &str, limit: Duration) -> Error {
    let message =
        format!("the MongoDB database {place} did not answer within {limit:?}; the call may have been done: try again");
    Error::new(ErrorKind::StorageBusy, message)
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Storage, "the store is closed")
}
