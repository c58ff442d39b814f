//! What every provider reached over HTTP shares: one client, typed errors, server-sent events.
//!
//! ```text
//! client ──► Peer::accept (status → Error) ──► SseReader | chunks ──► the provider's own wire format
//!                    └── Peer::transport (refused, DNS, TLS, reset → Error)
//! ```

mod answer;
mod client;
mod peer;
mod redact;
mod sse;
mod transport;

pub(crate) use client::{ClientOptions, client};
pub(crate) use peer::{Peer, Private, Refusal};
pub(crate) use sse::SseReader;
pub(crate) use transport::{connect, websocket_error};
