//! The concrete stores that outlive the process, a folder and a cargo feature each.

#[cfg(feature = "sqlite")]
pub mod sqlite;
