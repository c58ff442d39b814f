//! What the server says.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Frame, bytes, malformed, parsed, samples, written};
use crate::{
    error::{Error, Result},
    id::{DocumentId, MessageId, SessionId, TurnId},
    live::event::{AgentState, EndReason, LiveEvent, LiveTurn, SpeechKind, UserState},
    message::{Action, Source},
};

const TYPES: [&str; 18] = [
    "connected",
    "user-state",
    "agent-state",
    "transcript",
    "assistant-started",
    "assistant-text",
    "speaking",
    "clear",
    "interrupted",
    "false-interruption",
    "backchannel",
    "dtmf",
    "tool-call",
    "tool-result",
    "assistant-message",
    "action-detected",
    "error",
    "session-ended",
];

/// How sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoding {
    /// 16-bit little-endian samples.
    Pcm16,
}

/// The form of the sound in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SoundFormat {
    /// How samples are written.
    pub encoding: Encoding,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels, interleaved.
    pub channels: u32,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WireError {
    /// The stable code, for example `VALIDATION_ERROR`.
    pub code: String,
    /// The message for people.
    pub message: String,
    /// The stage that failed: `stt`, `llm`, `tts`, and others.
    pub stage: Option<String>,
    /// Whether the same may succeed when it is tried again.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl From<&Error> for WireError {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            stage: error.stage().map(|stage| stage.as_str().to_owned()),
            retryable: error.retryable(),
            retry_after_ms: error.retry_after().map(milliseconds),
        }
    }
}

/// Where an answer comes from. What the passage says stays with the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WireSource {
    /// The document.
    #[schemars(with = "String")]
    pub document_id: DocumentId,
    /// Its title.
    pub title: String,
    /// The headings under which the passage stands, with ` › ` between them; empty: none.
    pub heading: String,
    /// How much of what was asked is in it, 0–1.
    pub score: f64,
}

impl From<&Source> for WireSource {
    fn from(source: &Source) -> Self {
        Self {
            document_id: source.document_id,
            title: source.title.clone(),
            heading: source.heading.clone(),
            score: source.score,
        }
    }
}

/// What the server says. `Debug` leaves words and sound out.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerMessage {
    /// The session is ready for sound: always the first message.
    Connected {
        /// The version of the protocol.
        version: u32,
        /// The stored session, new or continued.
        #[schemars(with = "String")]
        session_id: SessionId,
        /// The sound that the client sends.
        input: SoundFormat,
        /// The sound that the client is sent.
        output: SoundFormat,
    },
    /// What the user is doing changed.
    UserState {
        /// What it is now.
        state: UserState,
    },
    /// What the agent is doing changed.
    AgentState {
        /// What it is now.
        state: AgentState,
    },
    /// What the user says: interim ones replace each other, the final one ends the user's turn.
    Transcript {
        /// Everything that was recognised in this turn.
        text: String,
        /// Whether it is the last word on it.
        #[serde(rename = "final")]
        is_final: bool,
        /// The language (BCP 47), when it is known.
        language: Option<String>,
    },
    /// A turn of the agent's begins.
    AssistantStarted {
        /// The turn.
        #[schemars(with = "String")]
        turn_id: TurnId,
        /// Why the agent speaks.
        kind: SpeechKind,
    },
    /// The next piece of the agent's text, as it is written.
    AssistantText {
        /// The piece.
        text: String,
    },
    /// What the sound that follows says: captions.
    Speaking {
        /// The words.
        text: String,
        /// Whether they only fill the time that a tool takes.
        filler: bool,
        /// Where in the session's sound they begin, at most a frame too early, in samples.
        position: u64,
    },
    /// The next sound: a binary frame.
    #[serde(skip)]
    Audio {
        /// Where in the session's sound it begins, in samples.
        position: u64,
        /// The samples, one channel.
        samples: Vec<i16>,
    },
    /// Throw away the sound that is not played yet. What is still to be heard of it comes again.
    Clear {
        /// Where in the session's sound the next sound begins, in samples.
        position: u64,
    },
    /// The user interrupted the agent for good.
    Interrupted {
        /// The turn.
        #[schemars(with = "String")]
        turn_id: TurnId,
        /// The words that were heard.
        heard: String,
    },
    /// The agent fell silent because the user seemed to interrupt, and now goes on.
    FalseInterruption,
    /// The user said something that did not ask for an answer.
    Backchannel {
        /// What it was.
        text: String,
    },
    /// Keys of a telephone, once they are complete.
    Dtmf {
        /// The keys.
        keys: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// Names the call within its turn.
        id: String,
        /// The tool.
        name: String,
    },
    /// A tool is done.
    ToolResult {
        /// Names the call within its turn.
        id: String,
        /// The tool.
        name: String,
        /// Whether it failed.
        failed: bool,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// An exchange is over and stored. Its sound came before, in binary frames.
    AssistantMessage {
        /// The turn.
        #[schemars(with = "String")]
        turn_id: TurnId,
        /// Why the agent spoke.
        kind: SpeechKind,
        /// What the user said or typed; empty when the agent spoke by itself.
        transcript: String,
        /// The language of the user (BCP 47), when it is known.
        language: Option<String>,
        /// The language of what was said (BCP 47), where an interpreter speaks; the user's own when something is said again.
        #[serde(default)]
        text_language: Option<String>,
        /// What the agent said and the user heard: this is what is stored.
        text: String,
        /// The documents that the answer is drawn from.
        #[serde(default)]
        sources: Vec<WireSource>,
        /// Whether the user interrupted it.
        interrupted: bool,
        /// Why (part of) the sound is missing, if it is.
        audio_error: Option<Box<WireError>>,
        /// The user's stored message.
        #[schemars(with = "Option<String>")]
        user_message_id: Option<MessageId>,
        /// The agent's stored message.
        #[schemars(with = "Option<String>")]
        assistant_message_id: Option<MessageId>,
        /// From the end of the user's voice to the end of the user's turn, in milliseconds.
        end_of_utterance_delay_ms: Option<u64>,
        /// From the end of the user's voice to the first sound of the answer, in milliseconds.
        response_delay_ms: Option<u64>,
    },
    /// Something that was said has to be acted on. It is stored; told some time after its exchange.
    ActionDetected {
        /// What.
        action: Box<Action>,
    },
    /// Something failed; the session goes on.
    Error {
        /// What.
        error: WireError,
    },
    /// The session is over: always the last message.
    SessionEnded {
        /// The session.
        #[schemars(with = "String")]
        session_id: SessionId,
        /// Why it ended.
        reason: EndReason,
        /// How long it lasted, in milliseconds.
        duration_ms: u64,
        /// How many exchanges were stored.
        turns: u32,
        /// How many of them the user interrupted.
        interruptions: u32,
    },
}

impl ServerMessage {
    /// Reads a frame: for clients in Rust.
    ///
    /// # Errors
    /// As [`ClientMessage::from_frame`](super::ClientMessage::from_frame).
    pub fn from_frame(frame: &Frame) -> Result<Self> {
        match frame {
            Frame::Text(text) => parsed(text, &TYPES),
            Frame::Binary(sound) => {
                let (position, sound) = sound
                    .split_first_chunk::<8>()
                    .ok_or_else(|| malformed(format!("{} bytes of sound are too few to say where", sound.len())))?;
                Ok(Self::Audio { position: u64::from_le_bytes(*position), samples: samples(sound)? })
            }
        }
    }

    /// The frame that says it.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        match self {
            Self::Audio { position, samples } => {
                Frame::Binary(position.to_le_bytes().into_iter().chain(bytes(samples)).collect())
            }
            text => written(text),
        }
    }

    /// The message of an event that says everything by itself.
    pub(super) fn of(event: &LiveEvent) -> Option<Self> {
        Some(match event {
            LiveEvent::UserState(state) => Self::UserState { state: *state },
            LiveEvent::AgentState(state) => Self::AgentState { state: *state },
            LiveEvent::Transcript(said) => {
                Self::Transcript { text: said.text.clone(), is_final: said.is_final, language: said.language.clone() }
            }
            LiveEvent::TurnStarted { turn_id, kind } => Self::AssistantStarted { turn_id: *turn_id, kind: *kind },
            LiveEvent::Text(delta) => Self::AssistantText { text: delta.0.clone() },
            LiveEvent::Interrupted { turn_id, heard } => {
                Self::Interrupted { turn_id: *turn_id, heard: heard.0.clone() }
            }
            LiveEvent::FalseInterruption => Self::FalseInterruption,
            LiveEvent::Backchannel(murmur) => Self::Backchannel { text: murmur.0.clone() },
            LiveEvent::Dtmf(keys) => Self::Dtmf { keys: keys.0.clone() },
            LiveEvent::ToolCall(call) => Self::ToolCall { id: call.id.clone(), name: call.name.clone() },
            LiveEvent::ToolResult(done) => Self::ToolResult {
                id: done.id.clone(),
                name: done.name.clone(),
                failed: done.failed,
                elapsed_ms: milliseconds(done.elapsed),
            },
            LiveEvent::TurnDone(turn) => turn.as_ref().into(),
            LiveEvent::ActionDetected(action) => Self::ActionDetected { action: action.clone() },
            LiveEvent::Error(error) => Self::Error { error: error.into() },
            LiveEvent::Ended(summary) => Self::SessionEnded {
                session_id: summary.session_id,
                reason: summary.reason,
                duration_ms: milliseconds(summary.duration),
                turns: summary.turns,
                interruptions: summary.interruptions,
            },
            _ => return None,
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::UserState { .. } => "user-state",
            Self::AgentState { .. } => "agent-state",
            Self::Transcript { .. } => "transcript",
            Self::AssistantStarted { .. } => "assistant-started",
            Self::AssistantText { .. } => "assistant-text",
            Self::Speaking { .. } => "speaking",
            Self::Audio { .. } => "audio",
            Self::Clear { .. } => "clear",
            Self::Interrupted { .. } => "interrupted",
            Self::FalseInterruption => "false-interruption",
            Self::Backchannel { .. } => "backchannel",
            Self::Dtmf { .. } => "dtmf",
            Self::ToolCall { .. } => "tool-call",
            Self::ToolResult { .. } => "tool-result",
            Self::AssistantMessage { .. } => "assistant-message",
            Self::ActionDetected { .. } => "action-detected",
            Self::Error { .. } => "error",
            Self::SessionEnded { .. } => "session-ended",
        }
    }
}

impl From<&LiveTurn> for ServerMessage {
    fn from(turn: &LiveTurn) -> Self {
        Self::AssistantMessage {
            turn_id: turn.turn_id,
            kind: turn.kind,
            transcript: turn.transcript.clone(),
            language: turn.language.clone(),
            text_language: turn.text_language.clone(),
            text: turn.text.clone(),
            sources: turn.sources.iter().map(Into::into).collect(),
            interrupted: turn.interrupted,
            audio_error: turn.audio_error.as_ref().map(|error| Box::new(error.into())),
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            end_of_utterance_delay_ms: turn.end_of_utterance_delay.map(milliseconds),
            response_delay_ms: turn.response_delay.map(milliseconds),
        }
    }
}

impl std::fmt::Debug for ServerMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerMessage({})", self.kind())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
