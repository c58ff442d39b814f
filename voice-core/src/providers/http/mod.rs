//! What every provider reached over HTTP shares: one client, typed errors, server-sent events.
//!
//! ```text
//! client ──► Peer::accept (status → Error) ──► SseReader | chunks ──► the provider's own wire format
//!                    └── Peer::transport (refused, DNS, TLS, reset → Error)
//! ```

#[cfg(feature = "openai")]
mod answer;
mod client;
#[cfg(feature = "openai")]
mod peer;
#[cfg(feature = "openai")]
mod redact;
#[cfg(feature = "openai")]
mod sse;
#[cfg(feature = "openai")]
mod transport;
mod wait;

pub(crate) use client::{ClientOptions, client};
#[cfg(feature = "openai")]
pub(crate) use peer::{Peer, Private, Refusal};
#[cfg(feature = "openai")]
pub(crate) use sse::SseReader;
#[cfg(feature = "openai")]
pub(crate) use transport::{connect, websocket_error};
pub(crate) use wait::retry_after;
