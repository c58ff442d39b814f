//! S3's failures in this library's words. The client's own can quote an answer, and with it the request.

use std::time::Duration;

use object_store::Error as StoreError;

use crate::error::{Error, ErrorKind};

/// What a failure of a bucket means, and what to do about it.
pub(super) fn explain(bucket: &str, error: StoreError) -> Error {
    let refused = "refused the key, or what it was to do: check the credentials and their rights";
    let missing = "is not there: create it, or name another";
    let (kind, what) = match &error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => (ErrorKind::StorageDenied, refused),
        StoreError::NotFound { .. } => (ErrorKind::Storage, missing),
        // What concerns no single object, a list above all, the client tells by its status alone.
        StoreError::Generic { .. } => match status(&error) {
            Some(500..) => (ErrorKind::StorageUnreachable, "failed on the server's side: try again"),
            Some(401 | 403) => (ErrorKind::StorageDenied, refused),
            Some(404) => (ErrorKind::Storage, missing),
            Some(429) => (ErrorKind::StorageBusy, "is asked too often: try again later"),
            Some(400..) => (ErrorKind::Storage, "did not accept the request"),
            _ => {
                (ErrorKind::StorageUnreachable, "cannot be reached; is the server running, and is the endpoint right?")
            }
        },
        _ => (ErrorKind::Storage, "did not accept the request"),
    };
    Error::new(kind, format!("the bucket {bucket} {what}"))
}

/// No answer, or nothing more of one, within the limit.
pub(super) fn late(bucket: &str, limit: Duration) -> Error {
    Error::new(ErrorKind::StorageUnreachable, format!("the bucket {bucket} sent nothing for {limit:?}: try again"))
}

/// Whether there is no such object, in a bucket that is there.
pub(super) fn is_no_object(error: &StoreError) -> bool {
    matches!(error, StoreError::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// The HTTP status that the server answered with, if it did.
fn status(error: &StoreError) -> Option<u16> {
    let text = error.to_string();
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}
