//! Speech in, speech out, in your own process.

pub mod audio;
pub mod error;
pub mod event;
pub mod id;
pub mod message;
pub mod provider;
pub mod secret;
pub mod store;
pub mod time;

pub use audio::{Audio, AudioFormat, AudioInfo, AudioLimits, Pcm, Utterance};
pub use error::{Error, ErrorCode, ErrorKind, Result, Stage};
pub use event::{CallMetrics, Transcript, TurnEvent};
pub use id::{MessageId, SessionId, TurnId};
pub use message::{Message, Reply, Role, Timings, Usage};
pub use secret::Secret;
