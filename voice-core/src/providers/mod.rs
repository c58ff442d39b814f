//! The concrete providers, a folder and a cargo feature each.

#[cfg(any(feature = "openai", feature = "otel"))]
pub(crate) mod http;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "openai")]
pub mod openai;
