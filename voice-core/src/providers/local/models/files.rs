//! Files that are either whole or not there, and errors that say what to do.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// Writes a file under another name and puts it in place in one step, so that no reader and no crash ever sees half of it.
///
/// # Errors
/// `File`, with the temporary file removed.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let part = part_of(path);
    create_parent(path)?;
    let mut file = File::create(&part).map_err(|e| describe("write", &part, e))?;
    let written = write(&mut file).and_then(|()| file.sync_all()).map_err(|e| describe("write", path, e));
    drop(file);
    put_in_place(&part, path, written)
}

/// Lets `make` write a file under another name, and puts it in place in one step.
///
/// # Errors
/// The error of `make`, or `File`; the temporary file is removed.
pub(super) fn replace_with(path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let part = part_of(path);
    create_parent(path)?;
    let made = make(&part).and_then(|()| {
        // Opened for writing, because some systems flush only what the handle may write.
        let file = File::options().write(true).open(&part);
        file.and_then(|file| file.sync_all()).map_err(|e| describe("write", path, e))
    });
    put_in_place(&part, path, made)
}

/// The name under which a file is written before it is whole.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".part");
    PathBuf::from(name)
}

fn create_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(|e| describe("create", parent, e)))
}

fn put_in_place(part: &Path, path: &Path, written: Result<()>) -> Result<()> {
    let placed = written.and_then(|()| fs::rename(part, path).map_err(|e| describe("write", path, e)));
    if placed.is_err() {
        // Already failing: the first error is the one to tell.
        let _ = fs::remove_file(part);
    }
    placed
}

/// The error for something that could not be done with a file.
pub(super) fn describe(verb: &str, path: &Path, e: io::Error) -> Error {
    let message = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!(
            "cannot {verb} {}: the disk is full; free some space or choose another model directory, then run the same \
             command again: what is already there is kept",
            path.display()
        ),
        _ => format!("cannot {verb} {}: {e}", path.display()),
    };
    Error::new(ErrorKind::File, message).with_source(e)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new folder").join("file");
        replace(&path, |f| f.write_all(b"old")).unwrap();
        let full = |f: &mut File| f.write_all(b"half").and(Err(io::Error::from(io::ErrorKind::StorageFull)));
        let error = replace(&path, full).unwrap_err();
        assert!(error.message().contains("the disk is full"), "{error}");
        assert!(replace_with(&path, |_| Err(Error::internal("no"))).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
