//! Speech in, speech out, in your own process.
//!
//! ```no_run
//! use voice_core::{Audio, VoiceAgent};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> voice_core::Result<()> {
//! let agent = VoiceAgent::local().await?;
//! let reply = agent.converse(Audio::from_path("question.wav")?).await?;
//! println!("{} – {}", reply.transcript, reply.text);
//! reply.audio.save("answer.wav")?;
//! # Ok(())
//! # }
//! ```
//!
//! # The turn
//!
//! [`VoiceAgent::converse`] and [`VoiceAgent::turn`] take something said or typed and give a [`Reply`]: the transcript, the
//! answer's text and sound, when each stage came through. Awaited, a turn gives its reply; [`Turn::stream`] gives its
//! [`TurnEvent`]s as they happen. Sentences are spoken while the model still writes. Dropping either cancels the turn, and
//! then nothing of it is kept; a turn that was answered is saved whole, once, before it is acknowledged.
//!
//! # Who does the work
//!
//! Three traits: [`SpeechToText`], [`LanguageModel`], [`TextToSpeech`], and [`SpeechToSpeech`] for models that are all of them in
//! live sessions. The library's own are named by strings (`"openai/gpt-transcribe"`, `"local"`), yours are values; a list of them
//! is tried in order. Around each stage stand time-outs, retries, a rate limit and a circuit breaker (see [`layer`]).
//! Conversations are kept by a [`ConversationStore`]: an SQLite file by default.
//!
//! # Tools
//!
//! A model may call closures or types of yours while it answers: see [`tool`].
//!
//! # Callers
//!
//! [`VoiceAgent::accounts`] keeps organizations, users and their API keys, [`VoiceAgent::assistants`] who talks with them. A checked key
//! gives a [`Principal`](agent::Principal), and [`VoiceAgent::with`] what it reaches: its own, and nothing else.
//!
//! # Configuration
//!
//! In code ([`VoiceAgent::builder`]), as a JSON or TOML document ([`Config`]), and from the environment, in this order of
//! precedence.
//!
//! # Errors
//!
//! One type, [`Error`]: a stable [`ErrorCode`] out of twelve, a precise [`ErrorKind`], the [`Stage`] and the provider, whether
//! trying again may help, and a message that says what to do. None ever holds a secret or anybody's words.
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `openai` | yes | OpenAI and servers that speak its wire format |
//! | `anthropic` | no | Anthropic's language models |
//! | `google` | no | Gemini, and Google Cloud's recognition and voices |
//! | `deepgram` | no | Deepgram's recognition and voices |
//! | `elevenlabs` | no | ElevenLabs' recognition and voices |
//! | `cartesia` | no | Cartesia's voices, and recognition |
//! | `bhashini` | no | recognition and voices for the languages of India |
//! | `cloud` | no | every provider above |
//! | `sqlite` | yes | conversations in an SQLite file |
//! | `jwt` | no | access tokens, issued and verified |
//! | `telephony` | no | telephone calls over the media streams of carriers |
//! | `postgres` | no | conversations in PostgreSQL |
//! | `mongodb` | no | conversations in MongoDB |
//! | `object-store` | no | recordings in S3 and what speaks its protocol |
//! | `local` | no | models on this machine's CPU, and what fetches them |
//! | `otel` | no | spans and metrics, sent to an OpenTelemetry collector |
//! | `mcp` | no | tools of servers of the Model Context Protocol |
//! | `webhooks` | no | events of sessions and turns, sent to webhooks |
//!
//! The library runs on the tokio runtime of its caller. It logs through `tracing`, never what was said.

mod actions;
pub mod agent;
pub mod audio;
pub mod config;
mod context;
pub mod cost;
pub mod error;
pub mod event;
pub mod id;
mod interpreter;
mod knowledge;
pub mod layer;
pub mod live;
#[cfg(feature = "mcp")]
mod mcp;
pub mod message;
#[cfg(feature = "otel")]
mod otlp;
#[cfg(any(feature = "sqlite", feature = "local"))]
mod paths;
mod prose;
pub mod provider;
pub mod providers;
mod registry;
pub mod secret;
pub mod store;
pub mod stores;
pub mod telemetry;
#[cfg(feature = "telephony")]
pub mod telephony;
pub mod time;
#[cfg(feature = "_tls")]
mod tls;
pub mod tool;
mod turn;
#[cfg(feature = "webhooks")]
pub mod webhooks;

pub use agent::{AgentBuilder, Providers, Turn, TurnStream, VoiceAgent};
pub use audio::{Audio, AudioFormat, AudioInfo, AudioLimits, Pcm, SpokenWord, Utterance};
pub use config::Config;
pub use cost::{Cost, Usage};
pub use error::{Error, ErrorCode, ErrorKind, Result, Stage};
pub use event::{CallMetrics, TextDelta, Transcript, TurnEvent};
pub use id::{ActionId, ApiKeyId, AssistantId, DocumentId, MessageId, OrganizationId, SessionId, TurnId, UserId};
pub use live::{LiveEvent, LiveSession};
pub use message::{Action, Message, Reply, Role, Source, Timings, ToolCall, ToolCallRecord};
pub use provider::{LanguageModel, SpeechToSpeech, SpeechToText, TextToSpeech};
pub use secret::Secret;
pub use store::{ConversationStore, Session};
pub use telemetry::MetricsSink;
pub use tool::{FunctionTool, Tool, ToolOutput};
pub use turn::TurnInput;

/// The examples of the README are compiled with those of the documentation.
#[cfg(all(doctest, feature = "local", feature = "openai", feature = "sqlite"))]
#[doc = include_str!("../../README.md")]
struct Readme;
