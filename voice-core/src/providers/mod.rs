//! The concrete providers, a folder and a cargo feature each.

#[cfg(feature = "anthropic")]
pub mod anthropic;
#[cfg(feature = "bhashini")]
pub mod bhashini;
#[cfg(feature = "cartesia")]
pub mod cartesia;
#[cfg(feature = "deepgram")]
pub mod deepgram;
#[cfg(feature = "elevenlabs")]
pub mod elevenlabs;
#[cfg(feature = "google")]
pub mod google;
#[cfg(feature = "_client")]
pub(crate) mod http;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "openai")]
pub mod openai;
