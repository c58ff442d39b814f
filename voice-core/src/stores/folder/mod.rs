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
            partial.become_whole(root, place)
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
        let mut walk = Walk { after: after.cloned(), most: limit.saturating_add(1), found: Vec::new() };
        let prefix = format!("{folder}/");
        let found = self.blocking(folder, move |_, place| {
            walk.through(place, &prefix)?;
            Ok(walk.found)
        });
        match found.await {
            Ok(found) => Ok(Page::cut(found, limit)),
            Err(error) if is_missing(&error) => Ok(Page::new(Vec::new(), false)),
            Err(error) => Err(error),
        }
    }
}

/// The reading of a list: in the order of the keys, without the folders that lie before its beginning or after its end.
struct Walk {
    after: Option<BlobKey>,
    most: usize,
    found: Vec<BlobKey>,
}

impl Walk {
    /// Finds what is in `folder`, whose keys begin with `prefix`.
    fn through(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = match entry.file_type() {
                Err(error) if went(&error) => continue,
                kind => kind?,
            };
            // What no key names was not put here by this library.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if kind.is_dir() {
                // As what is in it begins, so that it stands where its keys do.
                names.push(name + "/");
            } else if kind.is_file() {
                names.push(name);
            }
        }
        names.sort_unstable();
        for name in names {
            if self.found.len() >= self.most {
                break;
            }
            let key = format!("{prefix}{name}");
            let after = self.after.as_ref().map(BlobKey::as_str);
            let is_before = after.is_some_and(|after| *key <= *after);
            if let Some(folder_name) = name.strip_suffix('/') {
                if is_before && !after.is_some_and(|after| after.starts_with(&key)) {
                    continue;
                }
                match self.through(&folder.join(folder_name), &key) {
                    Err(error) if went(&error) => {}
                    done => done?,
                }
            } else if !is_before {
                self.found.extend(BlobKey::new(key).ok());
            }
        }
        Ok(())
    }
}

/// Whether something is not there any more: it went with the last blob in it, which somebody deletes just now.
fn went(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::blobs::bytestream;

    fn key(key: &str) -> BlobKey {
        BlobKey::new(key).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_blob_is_kept_whose_folder_goes_with_another_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        let work = ["sessions/one/a", "sessions/one/b", "sessions/two/c"].map(|name| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                for n in 0..200 {
                    blobs.put(&key(name), bytestream("sound")).await.unwrap();
                    assert!(blobs.delete(&key(name)).await.unwrap(), "{name}, {n}");
                }
            })
        });
        for work in work {
            work.await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_list_is_whole_while_other_folders_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        let stays = key("sessions/stays/a");
        blobs.put(&stays, bytestream("sound")).await.unwrap();
        let others = blobs.clone();
        let coming = tokio::spawn(async move {
            for n in 0..300 {
                let passing = key(&format!("sessions/{n}/a"));
                others.put(&passing, bytestream("sound")).await.unwrap();
                others.delete(&passing).await.unwrap();
            }
        });
        while !coming.is_finished() {
            let found = blobs.list(&key("sessions"), None, 10).await.unwrap().items;
            assert!(found.contains(&stays), "{found:?}");
        }
        coming.await.unwrap();
    }

    #[tokio::test]
    async fn pages_of_a_list_come_in_the_order_of_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(folder.path()).unwrap();
        let mut all = ["a/x/1", "a/x-1", "a/x.1", "a/x0", "a/x/2/3", "a/x/2-", "a/b", "a/y/1", "a/Z"].map(key);
        for key in &all {
            blobs.put(key, bytestream("sound")).await.unwrap();
        }
        all.sort_unstable();
        for limit in 1..=all.len() {
            let (mut found, mut last) = (Vec::new(), None);
            loop {
                let page = blobs.list(&key("a"), last.as_ref(), limit).await.unwrap();
                found.extend(page.items);
                last = found.last().cloned();
                if !page.has_more {
                    break;
                }
            }
            assert_eq!(found, all, "{limit}");
        }
    }
}
