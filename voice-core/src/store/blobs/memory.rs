//! Blobs in memory: gone with the process.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlobKey, BlobRef, BlobStore, Bytestream, Measured, bytestream, checked, collect};
use crate::{error::Result, store::Page};

/// A [`BlobStore`] that forgets when it is dropped.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<BlobKey, Bytes>>);

impl MemoryBlobs {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn blobs(&self) -> MutexGuard<'_, BTreeMap<BlobKey, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBlobs").field("blobs", &self.blobs().len()).finish()
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    fn name(&self) -> &str {
        "memory"
    }

    async fn put(&self, key: &BlobKey, bytes: Bytestream) -> Result<BlobRef> {
        let all = collect(bytes).await?;
        let mut measured = Measured::default();
        measured.piece(&all);
        self.blobs().insert(key.clone(), all);
        Ok(measured.finish(key))
    }

    async fn get(&self, blob: &BlobRef) -> Result<Option<Bytestream>> {
        let found = self.blobs().get(&blob.key).cloned();
        Ok(found.map(|bytes| checked(blob, bytestream(bytes))))
    }

    async fn delete(&self, key: &BlobKey) -> Result<bool> {
        Ok(self.blobs().remove(key).is_some())
    }

    async fn list(&self, folder: &BlobKey, after: Option<&BlobKey>, limit: usize) -> Result<Page<BlobKey>> {
        let blobs = self.blobs();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = blobs.range((from, Bound::Unbounded)).map(|(key, _)| key).filter(|key| key.is_in(folder));
        let items = found.by_ref().take(limit).cloned().collect();
        Ok(Page::new(items, found.next().is_some()))
    }
}
