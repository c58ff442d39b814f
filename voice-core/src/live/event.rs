//! What a live session tells its host.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    audio::Pcm,
    cost::{Cost, Usage},
    error::Error,
    event::{CallMetrics, TextDelta, Transcript},
    id::{MessageId, SessionId, TurnId},
    message::{Action, Source, Timings, ToolCall, ToolCallRecord},
    store::BlobRef,
};

/// What the user is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UserState {
    /// Nothing, or listening.
    Listening,
    /// Speaking.
    Speaking,
    /// Silent for so long that the reminder was spoken.
    Away,
}

impl UserState {
    /// The state as it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Speaking => "speaking",
            Self::Away => "away",
        }
    }
}

/// What the agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AgentState {
    /// Listening.
    Listening,
    /// Working on an answer of which nothing was heard yet.
    Thinking,
    /// Speaking.
    Speaking,
}

impl AgentState {
    /// The state as it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}

/// Why a live session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The host ended it, or let go of it.
    Host,
    /// The agent was closed.
    AgentClosed,
    /// Nobody said anything for too long.
    Silence,
    /// It lasted as long as it may.
    MaxDuration,
    /// The agent said one of the phrases that end a call.
    EndCallPhrase,
    /// The user said goodbye.
    Goodbye,
    /// Nobody took the events for too long.
    NobodyListens,
    /// The connection to a model that hears and speaks by itself was lost, and could not be had again.
    ConnectionLost,
    /// The stored session was deleted meanwhile, so that nothing more of it is kept.
    SessionGone,
}

impl EndReason {
    /// The reason as it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::AgentClosed => "agent_closed",
            Self::Silence => "silence",
            Self::MaxDuration => "max_duration",
            Self::EndCallPhrase => "end_call_phrase",
            Self::Goodbye => "goodbye",
            Self::NobodyListens => "nobody_listens",
            Self::ConnectionLost => "connection_lost",
            Self::SessionGone => "session_gone",
        }
    }
}

/// Why the agent speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SpeechKind {
    /// It answers the user.
    Answer,
    /// It says its first message.
    Greeting,
    /// The host told it what to say.
    Said,
    /// It asks whether the user is still there.
    Reminder,
    /// It says its last words.
    Farewell,
    /// It tells the result of a tool that outlasted its turn.
    ToolResult,
}

impl SpeechKind {
    /// The kind as it is written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Greeting => "greeting",
            Self::Said => "said",
            Self::Reminder => "reminder",
            Self::Farewell => "farewell",
            Self::ToolResult => "tool_result",
        }
    }
}

/// One exchange that is over and stored. `Debug` leaves the words out.
#[derive(Clone)]
#[non_exhaustive]
pub struct LiveTurn {
    /// The turn.
    pub turn_id: TurnId,
    /// Why the agent spoke.
    pub kind: SpeechKind,
    /// What the user said or typed; empty when the agent spoke by itself.
    pub transcript: String,
    /// The language of the user, when it is known (BCP 47).
    pub language: Option<String>,
    /// The language of what was said, where an interpreter speaks; the user's own when the interpretation before is repeated.
    /// `None`: nobody interprets, or the words were in neither of the two languages.
    pub text_language: Option<String>,
    /// What the agent said and the user heard: this is what is stored.
    pub text: String,
    /// The tools that the model called, in the order in which they were done.
    pub tool_calls: Vec<ToolCallRecord>,
    /// The passages of documents that the model was given to answer from.
    pub sources: Vec<Source>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// Why (part of) the sound is missing, if it is.
    pub audio_error: Option<Error>,
    /// The user's stored message.
    pub user_message_id: Option<MessageId>,
    /// The agent's stored message.
    pub assistant_message_id: Option<MessageId>,
    /// From the end of the user's voice to the end of the user's turn.
    pub end_of_utterance_delay: Option<Duration>,
    /// From the end of the user's voice to the first sound of the answer.
    pub response_delay: Option<Duration>,
    /// When the stages of the answer came through, from when it was begun.
    pub timings: Timings,
    /// What was used since the exchange before: for this one, and for what came to nothing between them.
    pub usage: Usage,
    /// What that cost; `None` unless every model that was called has a price in [`Config::prices`](crate::Config::prices). A call that
    /// is cut short before its provider says what it used counts for nothing.
    pub cost: Option<Cost>,
}

impl fmt::Debug for LiveTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTurn")
            .field("turn_id", &self.turn_id)
            .field("kind", &self.kind)
            .field("transcript_characters", &self.transcript.chars().count())
            .field("characters", &self.text.chars().count())
            .field("tool_calls", &self.tool_calls)
            .field("interrupted", &self.interrupted)
            .field("response_delay", &self.response_delay)
            .finish_non_exhaustive()
    }
}

/// What a whole live session came to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct LiveSummary {
    /// The session.
    pub session_id: SessionId,
    /// Why it ended.
    pub reason: EndReason,
    /// How long it lasted.
    pub duration: Duration,
    /// How many exchanges were stored.
    pub turns: u32,
    /// How many of them the user interrupted.
    pub interruptions: u32,
    /// What was used in all of it.
    pub usage: Usage,
    /// What that cost, as in [`LiveTurn::cost`].
    pub cost: Option<Cost>,
}

/// What happens in a live session, in order. `Ended` is the last.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LiveEvent {
    /// The session is ready for sound.
    Started {
        /// The stored session, new or continued.
        session_id: SessionId,
        /// The rate of the sound that is given out.
        sample_rate: u32,
    },
    /// What the user is doing changed.
    UserState(UserState),
    /// What the agent is doing changed.
    AgentState(AgentState),
    /// What the user says: interim ones replace each other, the final one ends the user's turn.
    Transcript(Transcript),
    /// A turn of the agent's begins: text and sound until its end are its own.
    TurnStarted {
        /// The turn.
        turn_id: TurnId,
        /// Why the agent speaks.
        kind: SpeechKind,
    },
    /// The passages of documents that the model is given to answer from, the best first. Not told when nothing was found.
    Sources(Vec<Source>),
    /// The next piece of the agent's text, as it is written.
    Text(TextDelta),
    /// What the sound that follows says.
    Speaking(TextDelta),
    /// What the sound that follows says to fill the time that a tool takes; it is not stored.
    Filler(TextDelta),
    /// The next sound, gapless with the one before.
    Audio(Pcm),
    /// All sound of what the agent says now was given out, unless some of it is thrown away and comes again.
    SoundDone,
    /// Throw away the sound that was given out and is not played yet. What is still to be heard of it comes again.
    Clear {
        /// Where in the session's sound the next sound begins: who counts what was played counts on from here.
        position: Duration,
    },
    /// The user interrupted the agent for good. `heard` is what was heard.
    Interrupted {
        /// The turn.
        turn_id: TurnId,
        /// The words that were heard.
        heard: TextDelta,
    },
    /// The agent fell silent because the user seemed to interrupt, and now goes on.
    FalseInterruption,
    /// The user said something that did not ask for an answer: a murmur over the agent's speech.
    Backchannel(TextDelta),
    /// Keys of the telephone that were pressed, once they are complete.
    Dtmf(TextDelta),
    /// The model calls a tool.
    ToolCall(Box<ToolCall>),
    /// A tool is done, or failed and the model is told why. Between turns it is one that outlasted its own.
    ToolResult(Box<ToolCallRecord>),
    /// A provider call ended.
    Metrics(Box<CallMetrics>),
    /// An exchange is over and stored.
    TurnDone(Box<LiveTurn>),
    /// Something that was said has to be acted on: see [`ActionsConfig`](crate::config::ActionsConfig). It is kept. Told some time
    /// after the exchange in which it was said.
    ActionDetected(Box<Action>),
    /// Something failed; the session goes on.
    Error(Error),
    /// The session is over.
    Ended(Box<LiveSummary>),
    /// The recording of the whole session is kept: see [`RecordingsConfig::live`](crate::config::RecordingsConfig::live). Told just
    /// before the end.
    Recorded {
        /// Where it lies, as the store of recordings knows it.
        recording: BlobRef,
    },
}
