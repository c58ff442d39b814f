//! Storage addresses to stores.

use std::sync::Arc;

use crate::{
    config::invalid,
    error::Result,
    store::{MemoryStore, Storage},
};

/// Opens the store at an address; without one, an SQLite file in the user's data folder.
pub(super) async fn open(address: Option<&str>) -> Result<Storage> {
    match address {
        Some("memory") => Ok(Storage::of(Arc::new(MemoryStore::new()))),
        Some(address) => sqlite(address).await,
        None => sqlite("sqlite:").await,
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(address: &str) -> Result<Storage> {
    use crate::stores::sqlite::SqliteStore;

    let path = address.strip_prefix("sqlite://").or_else(|| address.strip_prefix("sqlite:"));
    let path = path.ok_or_else(|| unknown(address))?;
    let path = match path {
        "" => default_path()?,
        path => path.into(),
    };
    let open = tokio::task::spawn_blocking(move || SqliteStore::open(path));
    let store = open.await.map_err(|e| crate::error::Error::internal(format!("opening the database stopped: {e}")))?;
    Ok(Storage::of(Arc::new(store?)))
}

#[cfg(not(feature = "sqlite"))]
async fn sqlite(address: &str) -> Result<Storage> {
    if address.starts_with("sqlite:") {
        return Err(invalid(
            "storage: SQLite is not compiled in; build voice-core with the feature `sqlite`, or use memory".into(),
        ));
    }
    Err(unknown(address))
}

/// `voice-core/voice.db` in the user's data folder, which is made if it is not there.
#[cfg(feature = "sqlite")]
fn default_path() -> Result<std::path::PathBuf> {
    let folder = crate::paths::data_folder().ok_or_else(|| {
        invalid("storage: this system has no data folder for the user; name a file, as in sqlite:voice.db".into())
    })?;
    std::fs::create_dir_all(&folder).map_err(|e| {
        crate::error::Error::new(
            crate::error::ErrorKind::Storage,
            format!("cannot make the folder {} for conversations: {e}", folder.display()),
        )
    })?;
    Ok(folder.join("voice.db"))
}

fn unknown(address: &str) -> crate::error::Error {
    // Only the scheme is shown: addresses of databases can hold passwords.
    let scheme = address.split(':').next().unwrap_or_default();
    invalid(format!("storage: there is no store {scheme:?}; use sqlite:PATH or memory"))
}
