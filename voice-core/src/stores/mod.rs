//! The concrete stores that outlive the process, a folder and a cargo feature each.

pub mod folder;
#[cfg(feature = "mongodb")]
pub mod mongodb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "object-store")]
pub mod s3;
#[cfg(any(feature = "mongodb", feature = "postgres"))]
mod server;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "mongodb", feature = "postgres"))]
mod text;

#[cfg(any(feature = "mongodb", feature = "postgres"))]
pub use server::ServerOptions;
