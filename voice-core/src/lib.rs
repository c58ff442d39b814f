//! Speech in, speech out, in your own process.

pub mod agent;
pub mod audio;
pub mod config;
mod context;
pub mod error;
pub mod event;
pub mod id;
pub mod layer;
pub mod message;
#[cfg(any(feature = "sqlite", feature = "local"))]
mod paths;
pub mod provider;
pub mod providers;
mod registry;
pub mod secret;
pub mod store;
pub mod stores;
pub mod time;
mod turn;

pub use agent::{AgentBuilder, Providers, Turn, TurnStream, VoiceAgent};
pub use audio::{Audio, AudioFormat, AudioInfo, AudioLimits, Pcm, Utterance};
pub use config::Config;
pub use error::{Error, ErrorCode, ErrorKind, Result, Stage};
pub use event::{CallMetrics, TextDelta, Transcript, TurnEvent};
pub use id::{MessageId, SessionId, TurnId};
pub use message::{Message, Reply, Role, Timings, Usage};
pub use provider::{LanguageModel, SpeechToText, TextToSpeech};
pub use secret::Secret;
pub use store::{ConversationStore, Session};
pub use turn::TurnInput;
