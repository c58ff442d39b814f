//! Where sound goes: files, whose names are checked before anything is paid for, and the system's player.

use std::{
    env,
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use voice_core::{AudioFormat, Error, ErrorKind, Pcm, Result};

/// Checks that sound can be written to a file of this name: the format is known and the folder is there.
///
/// # Errors
/// `INVALID_REQUEST` (kind `File`).
pub(crate) fn check_target(path: &Path) -> Result<()> {
    if AudioFormat::from_path(path).is_none() {
        return Err(file_error(format!(
            "cannot write sound as {}: the name should end in .wav, .ogg, .opus, .mp3, .ulaw, .alaw or .pcm",
            path.display()
        )));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() || !folder.is_dir() {
        let what =
            if path.is_dir() { "it is a folder".into() } else { format!("there is no folder {}", folder.display()) };
        return Err(file_error(format!("cannot write {}: {what}", path.display())));
    }
    Ok(())
}

/// Makes the folder that files will be written into, unless it is there.
///
/// # Errors
/// `INVALID_REQUEST` (kind `File`).
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path)
        .map_err(|e| file_error(format!("cannot make the folder {}: {e}", path.display())).with_source(e))
}

/// The players of the usual systems, and how they are asked to be quiet. Each plays WAV; not each plays more.
const PLAYERS: &[(&str, &[&str])] = &[
    ("afplay", &[]),
    ("paplay", &[]),
    ("aplay", &["-q"]),
    ("ffplay", &["-autoexit", "-nodisp", "-loglevel", "error"]),
];

/// The players that this system has.
pub(crate) struct Player(Vec<(PathBuf, &'static [&'static str])>);

impl Player {
    /// Looks for players, if sound is to be played at all.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when there is none.
    pub(crate) fn find(wanted: bool) -> Result<Option<Self>> {
        if !wanted {
            return Ok(None);
        }
        let folders: Vec<PathBuf> =
            env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
        let program = |name: &str| {
            let name = format!("{name}{}", env::consts::EXE_SUFFIX);
            folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file())
        };
        let found: Vec<_> = PLAYERS.iter().filter_map(|(name, arguments)| Some((program(name)?, *arguments))).collect();
        if found.is_empty() {
            let names: Vec<&str> = PLAYERS.iter().map(|(name, _)| *name).collect();
            return Err(file_error(format!(
                "there is no player for --play: install one of {}, or leave --play out",
                names.join(", ")
            )));
        }
        Ok(Some(Self(found)))
    }

    /// Plays sound to its end, with the first player that can.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when none could.
    pub(crate) fn play(&self, sound: &Pcm) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let file = env::temp_dir().join(format!("voice-core-{}-{since}.wav", std::process::id()));
        write_new(&file, &sound.encode(AudioFormat::Wav)?)
            .map_err(|e| file_error(format!("cannot write {}: {e}", file.display())).with_source(e))?;
        let played = self.0.iter().any(|(player, arguments)| {
            Command::new(player).args(*arguments).arg(&file).status().is_ok_and(|status| status.success())
        });
        // Nothing of what was said stays behind in a folder of everybody's.
        let _gone = std::fs::remove_file(&file);
        if played { Ok(()) } else { Err(file_error("no player of this system could play the sound".into())) }
    }
}

/// Writes a file that was not there before and that nobody else may read.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

fn file_error(message: String) -> Error {
    Error::new(ErrorKind::File, message)
}
