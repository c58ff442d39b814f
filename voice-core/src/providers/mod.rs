//! The concrete providers, a folder and a cargo feature each.

#[cfg(feature = "local")]
pub mod local;
