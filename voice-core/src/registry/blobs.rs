//! Addresses of recordings to blob stores.

use std::sync::Arc;

use crate::{
    config::invalid,
    error::{Error, Result},
    store::{BlobStore, MemoryBlobs},
    stores::folder::FolderBlobs,
};

/// Opens the blob store at an address.
pub(super) async fn open(address: &str) -> Result<Arc<dyn BlobStore>> {
    if address == "memory" {
        return Ok(Arc::new(MemoryBlobs::new()));
    }
    if let Some(folder) = address.strip_prefix("file://").or_else(|| address.strip_prefix("file:")) {
        if folder.is_empty() {
            return Err(invalid("recordings.store: file: names no folder; write file:FOLDER".into()));
        }
        let folder = folder.to_owned();
        let open = tokio::task::spawn_blocking(move || FolderBlobs::open(folder));
        let store = open.await.map_err(|_| Error::internal("opening the folder stopped unexpectedly"))?;
        return Ok(Arc::new(store?));
    }
    if address.starts_with("s3:") {
        return s3(address);
    }
    Err(invalid("recordings.store: use file:FOLDER, s3://BUCKET/PREFIX or memory".into()))
}

#[cfg(feature = "object-store")]
fn s3(address: &str) -> Result<Arc<dyn BlobStore>> {
    let store = crate::stores::s3::S3Blobs::open(address);
    Ok(Arc::new(store.map_err(|error| invalid(format!("recordings.store: {error}")))?))
}

#[cfg(not(feature = "object-store"))]
fn s3(_: &str) -> Result<Arc<dyn BlobStore>> {
    Err(invalid(super::not_compiled_in("recordings.store: S3", "object-store")))
}
