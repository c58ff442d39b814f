//! Storage addresses to stores.

use std::sync::Arc;

use crate::{
    config::invalid,
    error::{Error, Result},
    store::{MemoryStore, Storage},
};

/// What a `storage` may begin with, the feature that it needs, and whether that is compiled in.
const SCHEMES: &[(&str, &str, bool)] = &[
    ("sqlite", "sqlite", cfg!(feature = "sqlite")),
    ("postgres", "postgres", cfg!(feature = "postgres")),
    ("postgresql", "postgres", cfg!(feature = "postgres")),
    ("mongodb", "mongodb", cfg!(feature = "mongodb")),
    ("mongodb+srv", "mongodb", cfg!(feature = "mongodb")),
];

/// Opens the store at an address; without one, an SQLite file in the user's data folder.
pub(super) async fn open(address: Option<&str>) -> Result<Storage> {
    let address = address.unwrap_or("sqlite:");
    let scheme = address.split_once(':').map_or(address, |(scheme, _)| scheme);
    match scheme {
        "memory" => Ok(Storage::of(Arc::new(MemoryStore::new()))),
        #[cfg(feature = "sqlite")]
        "sqlite" => sqlite(address).await,
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => {
            Ok(Storage::of(Arc::new(crate::stores::postgres::PostgresStore::connect(address).await?)))
        }
        #[cfg(feature = "mongodb")]
        "mongodb" | "mongodb+srv" => {
            Ok(Storage::of(Arc::new(crate::stores::mongodb::MongoStore::connect(address).await?)))
        }
        _ => Err(unknown(scheme)),
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(address: &str) -> Result<Storage> {
    use crate::stores::sqlite::SqliteStore;

    let path = address.strip_prefix("sqlite://").or_else(|| address.strip_prefix("sqlite:"));
    let path = match path.unwrap_or_default() {
        "" => default_path()?,
        path => path.into(),
    };
    let open = tokio::task::spawn_blocking(move || SqliteStore::open(path));
    let store = open.await.map_err(|e| Error::internal(format!("opening the database stopped: {e}")))?;
    Ok(Storage::of(Arc::new(store?)))
}

/// `voice-core/voice.db` in the user's data folder, which is made if it is not there.
#[cfg(feature = "sqlite")]
fn default_path() -> Result<std::path::PathBuf> {
    let folder = crate::paths::data_folder().ok_or_else(|| {
        invalid("storage: this system has no data folder for the user; name a file, as in sqlite:voice.db".into())
    })?;
    std::fs::create_dir_all(&folder).map_err(|e| {
        Error::new(
            crate::error::ErrorKind::Storage,
            format!("cannot make the folder {} for conversations: {e}", folder.display()),
        )
    })?;
    Ok(folder.join("voice.db"))
}

/// Only the scheme is ever shown: addresses of databases can hold passwords.
fn unknown(scheme: &str) -> Error {
    if let Some((_, feature, _)) = SCHEMES.iter().find(|(name, _, there)| *name == scheme && !there) {
        return invalid(super::not_compiled_in(&format!("storage: {scheme:?}"), feature));
    }
    // A short word can be a misspelt scheme; anything else could be part of a secret.
    let shown = if scheme.len() <= 16 && scheme.chars().all(char::is_alphanumeric) { scheme } else { "…" };
    let mut known: Vec<&str> = SCHEMES.iter().filter(|(.., there)| *there).map(|(name, ..)| *name).collect();
    known.push("memory");
    invalid(format!("storage: there is no store {shown:?}; an address begins with one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(address: &str) -> String {
        open(Some(address)).await.err().unwrap().message().to_owned()
    }

    #[tokio::test]
    async fn an_unknown_address_is_refused_with_what_is_known() {
        let message = refused("mysql://ada:planted@h/db").await;
        assert!(message.contains("\"mysql\"") && message.contains("memory"), "{message}");
        assert!(!message.contains("planted"), "{message}");
        assert!(!refused("planted secret without a scheme").await.contains("planted"));
    }

    #[cfg(not(feature = "postgres"))]
    #[tokio::test]
    async fn a_store_that_is_not_compiled_in_names_its_feature() {
        assert!(refused("postgres://h/db").await.contains("feature `postgres`"));
    }
}
