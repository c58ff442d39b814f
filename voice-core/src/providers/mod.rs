//! The concrete providers, a folder and a cargo feature each.

#[cfg(feature = "openai")]
mod http;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "openai")]
pub mod openai;
