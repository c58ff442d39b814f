//! `manifest.json`: which files the model directory holds, what they should be, and where they came from.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{files, files::describe};
use crate::error::{Error, ErrorKind, Result};

/// The file's name in the model directory.
const NAME: &str = "manifest.json";

/// The format written, and the newest one read.
const FORMAT: u32 = 1;

/// What is known of the files of a model directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// By path, with `/` between folders.
    pub(super) files: BTreeMap<String, Entry>,
}

/// What is known of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) licence: String,
    /// The packages and the recipe that it was made of and by.
    pub(super) source: String,
}

impl Manifest {
    /// The manifest of a directory; an empty one if there is none.
    ///
    /// # Errors
    /// `File` when it cannot be read; `ModelMissing` when it is damaged or newer than this library.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self { format: FORMAT, ..Self::default() }),
            Err(e) => return Err(describe("read", &path, e)),
        };
        let manifest: Self = serde_json::from_str(&text).map_err(|e| {
            let advice = "delete it and run `voice-core models fetch`";
            Error::new(ErrorKind::ModelMissing, format!("{} is damaged ({e}); {advice}", path.display()))
        })?;
        if manifest.format > FORMAT {
            let message = format!(
                "{} has format {}, this version reads up to {FORMAT}; use another model directory",
                path.display(),
                manifest.format
            );
            return Err(Error::new(ErrorKind::ModelMissing, message));
        }
        Ok(manifest)
    }

    /// Replaces the manifest of a directory in one step.
    ///
    /// # Errors
    /// `File` when it cannot be written.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal("the manifest cannot be written as JSON").with_source(e))?;
        json.push(b'\n');
        files::replace(&dir.join(NAME), |file| io::Write::write_all(file, &json))
    }

    /// Whether the file at `path` is there, of the source and with the content recorded. Reads the whole file.
    pub(super) fn holds(&self, dir: &Path, path: &str, source: &str) -> bool {
        self.files.get(path).is_some_and(|entry| {
            let file = dir.join(path);
            let size = std::fs::metadata(&file).ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
            let is_whole = entry.source == source && size == Some(entry.bytes);
            is_whole && sha256_of(&file, |_| ()).is_ok_and(|found| found == entry.sha256)
        })
    }
}

/// The SHA-256 of a file, in hexadecimal; `advance` is told of the bytes as they are read.
///
/// # Errors
/// `File` when it cannot be read.
pub(super) fn sha256_of(path: &Path, mut advance: impl FnMut(u64)) -> Result<String> {
    let mut file = File::open(path).map_err(|e| describe("read", path, e))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 17]);
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(describe("read", path, e)),
        };
        hash.update(&buffer[..count]);
        advance(count as u64);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// How a file compares to the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileCheck {
    /// Its path in the model directory, with `/` between folders.
    pub path: String,
    /// What was found.
    pub state: FileState,
}

/// What [`verify`](super::verify) found of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileState {
    /// It is what the manifest says.
    Intact,
    /// It is not there.
    Missing,
    /// It is there, with other content.
    Changed {
        /// The SHA-256 that the manifest names.
        expected: String,
        /// The SHA-256 of what is there.
        found: String,
    },
}

/// Compares every file that the manifest names with its checksum.
pub(super) fn check(dir: &Path, mut advance: impl FnMut(&str, u64)) -> Result<Vec<FileCheck>> {
    let manifest = Manifest::read(dir)?;
    let check_one = |(path, entry): (String, Entry)| {
        let full: PathBuf = dir.join(&path);
        let state = if full.is_file() {
            let found = sha256_of(&full, |bytes| advance(&path, bytes))?;
            if found == entry.sha256 { FileState::Intact } else { FileState::Changed { expected: entry.sha256, found } }
        } else {
            FileState::Missing
        };
        Ok(FileCheck { path, state })
    };
    manifest.files.into_iter().map(check_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sha256: &str, bytes: u64) -> Entry {
        Entry { sha256: sha256.into(), bytes, licence: "MIT".into(), source: "somewhere".into() }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::read(dir.path()).unwrap();
        assert!(manifest.files.is_empty());
        manifest.files.insert("a/b".into(), entry("00", 3));
        manifest.write(dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), manifest);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_or_newer_manifest_is_an_error_not_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        for (text, expected) in [("{", "damaged"), (r#"{"format": 99, "files": {}}"#, "format 99")] {
            std::fs::write(dir.path().join(NAME), text).unwrap();
            let error = Manifest::read(dir.path()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ModelMissing);
            assert!(error.message().contains(expected), "{error}");
        }
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_changed_and_a_missing_file_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::read(dir.path()).unwrap();
        for name in ["good", "gone", "bad"] {
            manifest.files.insert(name.into(), entry(ABC, 3));
        }
        manifest.write(dir.path()).unwrap();
        std::fs::write(dir.path().join("good"), "abc").unwrap();
        std::fs::write(dir.path().join("bad"), "abd").unwrap();
        let states: Vec<_> = check(dir.path(), |_, _| ()).unwrap().into_iter().map(|c| (c.path, c.state)).collect();
        assert_eq!(states[1], ("gone".into(), FileState::Missing));
        assert_eq!(states[2], ("good".into(), FileState::Intact));
        assert!(matches!(&states[0], (name, FileState::Changed { expected, .. }) if name == "bad" && expected == ABC));
    }

    #[test]
    fn a_file_of_another_size_source_or_content_is_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::default();
        manifest.files.insert("f".into(), entry(ABC, 3));
        assert!(!manifest.holds(dir.path(), "f", "somewhere"), "not there");
        std::fs::write(dir.path().join("f"), "abc").unwrap();
        assert!(manifest.holds(dir.path(), "f", "somewhere"));
        assert!(!manifest.holds(dir.path(), "f", "elsewhere"));
        std::fs::write(dir.path().join("f"), "abd").unwrap();
        assert!(!manifest.holds(dir.path(), "f", "somewhere"), "other content of the same size");
        std::fs::write(dir.path().join("f"), "abcd").unwrap();
        assert!(!manifest.holds(dir.path(), "f", "somewhere"));
    }
}
