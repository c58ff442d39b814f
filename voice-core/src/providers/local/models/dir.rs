//! Where model files lie.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// The environment variable that names the model directory.
pub const MODELS_VARIABLE: &str = "VOICE_CORE_MODELS";

/// A plain directory of model files, one folder per model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelDir(PathBuf);

impl ModelDir {
    /// The model directory at `path`. Nothing is read or created.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The model directory of this machine: `VOICE_CORE_MODELS` if it is set, else `voice-core/models` in the user's data
    /// directory (`$XDG_DATA_HOME` or `~/.local/share`; `~/Library/Application Support` on Apple systems;
    /// `%LOCALAPPDATA%` on Windows).
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when neither the variable is set nor a data directory known.
    pub fn locate() -> Result<Self> {
        Self::locate_with(|name| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from))
    }

    fn locate_with(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        if let Some(path) = variable(MODELS_VARIABLE) {
            return Ok(Self(path));
        }
        crate::paths::data_folder_with(variable).map(|data| Self(data.join("models"))).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!("no model directory: set {MODELS_VARIABLE} or give a path, as there is no home directory"),
            )
        })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a model file, named relative to the directory with `/` between folders.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `ModelMissing`) when there is no such file; the message names the command that fetches it.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::new(
            ErrorKind::ModelMissing,
            format!(
                "the model file {name} is missing in {}; run `voice-core models fetch` (or set {MODELS_VARIABLE} to a \
                 directory that has it)",
                self.0.display()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_over_the_data_directory() {
        let dir = ModelDir::locate_with(|name| (name == MODELS_VARIABLE).then(|| PathBuf::from("/given"))).unwrap();
        assert_eq!(dir.path(), Path::new("/given"));
    }

    #[test]
    fn without_a_home_the_error_names_the_variable() {
        let error = ModelDir::locate_with(|_| None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.message().contains(MODELS_VARIABLE));
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_the_command_to_run() {
        let empty = tempfile::tempdir().unwrap();
        let error = ModelDir::new(empty.path()).file("moonshine-tiny-en/tokenizer.bin").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelMissing);
        assert!(error.message().contains("voice-core models fetch"), "{error}");
        assert!(error.message().contains("moonshine-tiny-en/tokenizer.bin"), "{error}");
    }
}
