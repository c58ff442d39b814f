//! The Realtime API over WebSocket: speech, which replaces `/audio/speech`, and transcription of what is being spoken.
//!
//! ```text
//! speech ───┐                       ┌── session, sound out ─► server
//!           ├─► pool ─► connection ─┤
//! listening ┘                       └── events, under their present and their beta names
//! ```

mod connection;
mod listening;
mod pool;
mod speech;

pub(super) use listening::LiveTranscription;
pub use speech::OpenAiRealtimeTts;
pub(super) use speech::speaks;

/// The rate of the API's PCM.
const RATE: u32 = 24_000;
