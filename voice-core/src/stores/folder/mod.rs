//! Blobs as files in a folder of this machine.
//!
//! A blob is written beside its place, brought to the disk, and then given its name: under a key there is always a whole blob.

mod file;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::StreamExt;

use self::file::{Partial, read};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{
        Page,
        blobs::{BlobKey, BlobRef, BlobStore, Bytestream, Measured, checked},
    },
};

/// Where blobs are written until they are whole. No key begins with a dot.
const PARTIAL: &str = ".partial";
/// What was begun so long ago was left by a process that died.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// Pieces are gathered to this many bytes before they are written.
const WRITE_AT_ONCE: usize = 256 * 1024;

/// A [`BlobStore`] in a folder. Files and folders are made readable by their owner only.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    root: Arc<Path>,
}

impl FolderBlobs {
    /// The blobs in a folder, which is made if it is not there. Blocks: in async code call it through
    /// `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// `STORAGE_ERROR`, of kind `StorageReadOnly`, `StorageFull` or `Storage`, when the folder cannot be made or read.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let root = make_private(&folder.join(PARTIAL))
            .and_then(|()| folder.canonicalize())
            .map_err(|error| explain("the folder for recordings", folder, error))?;
        let store = Self { root: root.into() };
        store.sweep();
        Ok(store)
    }

    /// The folder, in full.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Deletes what processes left that died in the middle of a blob.
    fn sweep(&self) {
        let left = fs::read_dir(self.root.join(PARTIAL)).into_iter().flatten().flatten();
        let now = SystemTime::now();
        for file in left {
            let written = file.metadata().and_then(|metadata| metadata.modified());
            if written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > ABANDONED)) {
                // Another process may have been first; whatever else is wrong, it will be tried again.
                let _gone = fs::remove_file(file.path());
            }
        }
    }

    fn place(&self, key: &BlobKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        key: &BlobKey,
        work: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, place) = (Arc::clone(&self.root), self.place(key));
        let done = tokio::task::spawn_blocking(move || {
            work(&root, &place).map_err(|error| explain("the recording", &place, error))
        });
        done.await.map_err(|_| Error::internal("reading or writing a file stopped unexpectedly"))?
    }
}

#[async_trait]
impl BlobStore for FolderBlobs {
    fn name(&self) -> &str {
        "folder"
    }

    async fn put(&self, key: &BlobKey, mut bytes: Bytestream) -> Result<BlobRef> {
        let mut measured = Measured::default();
        let mut partial = self.blocking(key, |root, _| Partial::create(&root.join(PARTIAL))).await?;
        let mut gathered = Vec::with_capacity(WRITE_AT_ONCE);
        while let Some(piece) = bytes.next().await.transpose()? {
            measured.piece(&piece);
            gathered.extend_from_slice(&piece);
            if gathered.len() >= WRITE_AT_ONCE {
                (partial, gathered) = self
                    .blocking(key, move |_, _| {
                        partial.write(&gathered)?;
                        gathered.clear();
                        Ok((partial, gathered))
                    })
                    .await?;
            }
        }
        self.blocking(key, move |root, place| {
            partial.write(&gathered)?;
            make_folder_of(root, place)?;
            partial.become_whole(place)
        })
        .await?;
        Ok(measured.finish(key))
    }

    async fn get(&self, blob: &BlobRef) -> Result<Option<Bytestream>> {
        let open = |root: &Path, place: &Path| {
            let file = fs::File::open(within(root, place)?)?;
            // A folder can be opened like a file, and read like none.
            if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::IsADirectory.into()) }
        };
        let opened = self.blocking(&blob.key, open).await;
        match opened {
            Ok(file) => Ok(Some(checked(blob, read(file, self.place(&blob.key))))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<bool> {
        let deleted = self.blocking(key, |root, place| {
            within(root, place).and_then(fs::remove_file)?;
            // A folder goes with its last blob; one that is not empty stays, which is no failure.
            for folder in place.ancestors().skip(1).take_while(|folder| *folder != root) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        });
        match deleted.await {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, folder: &BlobKey, after: Option<&BlobKey>, limit: usize) -> Result<Page<BlobKey>> {
        let after = after.cloned();
        let found = self.blocking(folder, |root, place| {
            let mut found = Vec::new();
            walk(root, place, &mut found)?;
            Ok(found)
        });
        let mut found = match found.await {
            Ok(found) => found,
            Err(error) if is_missing(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        found.sort_unstable();
        found.retain(|key| after.as_ref().is_none_or(|after| key > after));
        let has_more = found.len() > limit;
        found.truncate(limit);
        Ok(Page::new(found, has_more))
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<BlobKey>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            walk(root, &path, found)?;
        } else if kind.is_file() {
            // What no key names was not put here by this library.
            let key = path.strip_prefix(root).ok().and_then(Path::to_str).map(|key| key.replace('\\', "/"));
            found.extend(key.and_then(|key| BlobKey::new(key).ok()));
        }
    }
    Ok(())
}

/// A place below the root, also when somebody has put a link into the way.
fn within<'a>(root: &Path, place: &'a Path) -> io::Result<&'a Path> {
    let folder = place.parent().unwrap_or(place).canonicalize()?;
    let link = fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_symlink());
    if folder.starts_with(root) && !link {
        return Ok(place);
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "a link leads out of the folder"))
}

fn make_folder_of(root: &Path, place: &Path) -> io::Result<()> {
    let folder = place.parent().unwrap_or(root);
    make_private(folder)?;
    within(root, place).map(|_| ())
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whether a blob is not there; a key that names a folder, or whose folder is a file, names none either.
fn is_missing(error: &Error) -> bool {
    let kind =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory))
}

fn explain(what: &str, path: &Path, error: io::Error) -> Error {
    let file = path.display();
    let (kind, advice) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::StorageReadOnly, "give this process write access to the folder".to_owned())
        }
        io::ErrorKind::StorageFull => (ErrorKind::StorageFull, "free some space and try again".to_owned()),
        _ => (ErrorKind::Storage, error.to_string()),
    };
    Error::new(kind, format!("cannot read or write {what} {file}: {advice}")).with_source(error)
}
