//! What every provider reached over HTTP shares: one client, typed errors, sound, server-sent events, WebSockets, listening.
//!
//! ```text
//! client ──► Peer::accept (status → Error) ──► SseReader | sound | Socket ──► the provider's own wire format
//!                    └── Peer::transport (refused, DNS, TLS, reset → Error)
//! ```

#[cfg(feature = "_http")]
mod answer;
mod client;
#[cfg(feature = "_websocket")]
mod dial;
#[cfg(feature = "_listening")]
mod listening;
#[cfg(feature = "_listening")]
mod live;
#[cfg(feature = "_http")]
mod peer;
mod proxy;
#[cfg(feature = "webhooks")]
mod public;
#[cfg(feature = "_http")]
mod redact;
#[cfg(feature = "_server")]
mod server;
#[cfg(feature = "_sound")]
mod sound;
#[cfg(feature = "_listening")]
mod spare;
#[cfg(feature = "_speech")]
mod speech;
#[cfg(feature = "_sse")]
mod sse;
#[cfg(feature = "_listening")]
mod terms;
#[cfg(any(feature = "_http", feature = "webhooks"))]
mod transport;
#[cfg(any(feature = "openai", feature = "deepgram"))]
mod upload;
#[cfg(feature = "_voices")]
mod voices;
mod wait;
#[cfg(feature = "_websocket")]
mod websocket;
#[cfg(any(feature = "openai", feature = "anthropic", feature = "google"))]
mod written;

pub(crate) use client::{ClientOptions, client};
#[cfg(any(feature = "deepgram", feature = "cartesia"))]
pub(crate) use listening::binary_before;
#[cfg(any(feature = "deepgram", feature = "elevenlabs"))]
pub(crate) use listening::error_body;
#[cfg(feature = "_listening")]
pub(crate) use listening::{Incoming, Last, Line, Wire};
#[cfg(feature = "_listening")]
pub(crate) use live::{Live, LiveModels};
#[cfg(feature = "_http")]
pub(crate) use peer::Peer;
#[cfg(feature = "_providers")]
pub(crate) use peer::Private;
#[cfg(any(feature = "_server", feature = "openai"))]
pub(crate) use peer::Refusal;
#[cfg(feature = "webhooks")]
pub(crate) use public::{is_public, unreached};
#[cfg(feature = "_server")]
pub(crate) use server::{Facts, Server, server_builder};
#[cfg(any(feature = "openai", feature = "_speech"))]
pub(crate) use sound::SoundReader;
#[cfg(feature = "_sound")]
pub(crate) use sound::spoken;
#[cfg(any(feature = "openai", feature = "cartesia"))]
pub(crate) use speech::speech_of_events;
#[cfg(feature = "elevenlabs")]
pub(crate) use speech::speech_of_objects;
#[cfg(feature = "_speech")]
pub(crate) use speech::{Pieces, Said};
#[cfg(feature = "_sse")]
pub(crate) use sse::SseReader;
#[cfg(feature = "_listening")]
pub(crate) use terms::Terms;
#[cfg(feature = "_websocket")]
pub(crate) use transport::websocket_error;
#[cfg(any(feature = "openai", feature = "deepgram"))]
pub(crate) use upload::Upload;
#[cfg(feature = "_voices")]
pub(crate) use voices::text;
pub(crate) use wait::retry_after;
#[cfg(feature = "_websocket")]
pub(crate) use websocket::{Socket, websocket};
#[cfg(any(feature = "openai", feature = "anthropic", feature = "google"))]
pub(crate) use written::{Written, at_once, streamed};
