//! Where this library may keep files of the user.

use std::path::PathBuf;

/// The folder `voice-core` in the user's data folder: `$XDG_DATA_HOME` or `~/.local/share`; `~/Library/Application Support` on
/// Apple systems; `%LOCALAPPDATA%` on Windows.
#[cfg(feature = "sqlite")]
pub(crate) fn data_folder() -> Option<PathBuf> {
    data_folder_with(|name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from))
}

#[cfg(any(feature = "sqlite", feature = "local"))]
pub(crate) fn data_folder_with(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_vendor = "apple") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("voice-core"))
}
