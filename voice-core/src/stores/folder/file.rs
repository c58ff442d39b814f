//! One file, being written or being read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::{explain, make_folder_of};
use crate::{error::Error, store::blobs::Bytestream};

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// How often a name is given anew whose folder went meanwhile.
const ATTEMPTS: usize = 100;

/// A blob that is not whole yet; dropping it deletes it.
pub(super) struct Partial {
    file: File,
    path: Option<PathBuf>,
}

impl Partial {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(Uuid::now_v7().to_string());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: options.open(&path)?, path: Some(path) })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Brings it to the disk and gives it its name below `root`, in place of what had it.
    pub(super) fn become_whole(mut self, root: &Path, place: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let mut attempts = 0;
        while let Some(path) = &self.path {
            match make_folder_of(root, place).and_then(|()| fs::rename(path, place)) {
                // The folder went with the last blob in it, which somebody deletes just now.
                Err(error) if is_passing(&error) && attempts < ATTEMPTS => attempts += 1,
                done => {
                    done?;
                    self.path = None;
                }
            }
        }
        sync_folders(root, place)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // If it cannot be deleted now, it is when the folder is opened again.
            let _gone = fs::remove_file(path);
        }
    }
}

/// What making a folder, or a name in it, comes to while somebody else takes the folder away.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists)
}

/// A name is on the disk only with its folder, and that with the folders around it.
fn sync_folders(root: &Path, place: &Path) -> io::Result<()> {
    #[cfg(unix)]
    for folder in place.ancestors().skip(1).take_while(|folder| folder.starts_with(root)) {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            // It went with the blob, which was deleted at once.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    #[cfg(not(unix))]
    let _ = (root, place);
    Ok(())
}

/// The bytes of a file, read off the async threads.
pub(super) fn read(file: File, place: PathBuf) -> Bytestream {
    stream::try_unfold((file, place), |(mut file, place)| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let count = file.read(&mut piece).map_err(|error| explain("the recording", &place, error))?;
            piece.truncate(count);
            Ok((piece, file, place))
        });
        let stopped = |_| Error::internal("reading a file stopped unexpectedly");
        let (piece, file, place) = read.await.map_err(stopped)??;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), (file, place))))
    })
    .boxed()
}
