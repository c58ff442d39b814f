//! The concrete stores that outlive the process, a folder and a cargo feature each.

#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "mongodb", feature = "postgres"))]
mod text;
