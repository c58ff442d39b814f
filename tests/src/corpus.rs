//! The audio corpus: made once by `tests/corpus/make.py`, kept in `target/corpus`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

/// The Debian packages whose tools make the corpus.
pub const PACKAGES: &str = "python3 ffmpeg sox flac lame opus-tools";

/// The folder of the corpus: `VOICE_CORPUS` when it is set, else `target/corpus`. Made when it is missing or was made by an
/// older script.
///
/// # Panics
/// When it cannot be made, with the command that installs what is missing.
#[allow(clippy::expect_used, clippy::panic)]
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let folder = std::env::var_os("VOICE_CORPUS").map_or_else(|| root.join("target/corpus"), PathBuf::from);
    std::fs::create_dir_all(&folder).expect("the corpus folder can be made");
    // Test programs run side by side; only one makes it.
    let lock = File::create(folder.join(".lock")).expect("the corpus folder can be written");
    lock.lock().expect("a lock can be taken");
    let script = root.join("tests/corpus/make.py");
    let wanted = std::fs::read(&script).expect("the script is part of the project");
    let marker = folder.join(".made-by");
    if std::fs::read(&marker).ok().as_ref() != Some(&wanted) {
        // What an older script made has no place in the table any more.
        for old in std::fs::read_dir(&folder).expect("the corpus can be listed").flatten() {
            if old.file_name() != ".lock" {
                std::fs::remove_file(old.path()).expect("an old recording can be removed");
            }
        }
        let made = Command::new("python3").arg(&script).arg(&folder).output();
        match made {
            Ok(done) if done.status.success() => std::fs::write(&marker, wanted).expect("the marker can be written"),
            Ok(done) => panic!(
                "the corpus could not be made; is everything installed? `apt-get install -y {PACKAGES}`\n{}",
                String::from_utf8_lossy(&done.stderr)
            ),
            Err(e) => panic!("python3 could not be started ({e}): `apt-get install -y {PACKAGES}`"),
        }
    }
    folder
}

/// Every recording of the corpus, by name.
///
/// # Panics
/// When the folder cannot be read.
#[allow(clippy::expect_used)]
pub fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the corpus can be listed");
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
    files.sort();
    files
}
