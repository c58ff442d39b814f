//! Conversations on disk, a folder and a cargo feature each.

#[cfg(feature = "sqlite")]
pub mod sqlite;
