//! Concrete providers, a folder and a cargo feature each.

#[cfg(feature = "openai")]
mod http;
#[cfg(feature = "openai")]
pub mod openai;
