//! The Realtime API over WebSocket: conversations, speech, which replaces `/audio/speech`, and transcription of what is being
//! spoken.
//!
//! ```text
//! speech ───┐                             ┌── session, sound out ─► server
//!           ├─► pool ─► connection ───────┤
//! listening ┘              ▲              └── events, under their present and their beta names
//! model ─► conversation ───┘
//!              └─► protocol (what is told and what comes, as events; no connection)
//! ```

mod connection;
mod conversation;
mod listening;
mod model;
mod pool;
mod protocol;
mod speech;

pub(super) use listening::LiveTranscription;
pub use model::{Eagerness, OpenAiRealtime, VoiceDetection};
pub use speech::OpenAiRealtimeTts;
pub(super) use speech::speaks;

/// The rate of the API's PCM.
const RATE: u32 = 24_000;
