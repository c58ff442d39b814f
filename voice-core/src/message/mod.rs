//! What is said: roles, messages, calls of tools, and the reply of a turn.

mod action;
mod source;
mod tool;
pub(crate) mod words;

pub use action::Action;
pub use source::Source;
pub use tool::{ToolCall, ToolCallRecord};

use std::{fmt, sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    audio::Pcm,
    cost::{Cost, Usage},
    error::Error,
    id::{MessageId, SessionId, TurnId},
    time::Timestamp,
};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The agent.
    Assistant,
    /// Instructions.
    System,
    /// A tool: a call of it, and the result.
    Tool,
}

impl Role {
    /// The role as it is stored and written in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
            Self::Tool => "tool",
        }
    }

    /// The role that is stored under this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::Assistant, Self::System, Self::Tool].into_iter().find(|r| r.as_str() == name)
    }
}

/// One stored message. `Debug` leaves its content out.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The turn in which it was said.
    pub turn_id: TurnId,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: String,
    /// Where its sound is kept, if it is: a reference into a blob store.
    pub audio_ref: Option<String>,
    /// The language of the words (BCP 47), when it is known. An interpreter's are always: who spoke is told by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// When it was said.
    pub created_at: Timestamp,
}

impl Message {
    /// A message with a fresh id and no sound kept.
    #[must_use]
    pub fn new(session_id: SessionId, turn_id: TurnId, role: Role, content: impl Into<String>, at: Timestamp) -> Self {
        Self {
            id: MessageId::new(),
            session_id,
            turn_id,
            role,
            content: content.into(),
            audio_ref: None,
            language: None,
            created_at: at,
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("session_id", &self.session_id)
            .field("role", &self.role)
            .field("characters", &self.content.chars().count())
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// When the stages of a turn came through, each measured from the start of the turn. `None`: did not happen.
///
/// Written in JSON, every field is a number of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[non_exhaustive]
pub struct Timings {
    /// The audio was decoded.
    #[schemars(with = "Option<f64>")]
    pub audio_ready: Option<Duration>,
    /// The transcript was final.
    #[schemars(with = "Option<f64>")]
    pub transcript: Option<Duration>,
    /// The documents were searched.
    #[schemars(with = "Option<f64>")]
    pub searched: Option<Duration>,
    /// The language model's first token came.
    #[schemars(with = "Option<f64>")]
    pub first_token: Option<Duration>,
    /// The first sentence was complete and went to speech.
    #[schemars(with = "Option<f64>")]
    pub first_sentence: Option<Duration>,
    /// The first chunk of sound came: time to first audio.
    #[schemars(with = "Option<f64>")]
    pub first_audio: Option<Duration>,
    /// The text was complete.
    #[schemars(with = "Option<f64>")]
    pub text_done: Option<Duration>,
    /// The last chunk of sound came.
    #[schemars(with = "Option<f64>")]
    pub audio_done: Option<Duration>,
    /// Both messages were saved.
    #[schemars(with = "Option<f64>")]
    pub stored: Option<Duration>,
    /// Everything was done.
    #[schemars(with = "f64")]
    pub total: Duration,
}

impl Serialize for Timings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ms = |d: Duration| (d.as_secs_f64() * 1e4).round() / 10.0;
        let stages = [
            ("audio_ready", self.audio_ready),
            ("transcript", self.transcript),
            ("searched", self.searched),
            ("first_token", self.first_token),
            ("first_sentence", self.first_sentence),
            ("first_audio", self.first_audio),
            ("text_done", self.text_done),
            ("audio_done", self.audio_done),
            ("stored", self.stored),
            ("total", Some(self.total)),
        ];
        serializer.collect_map(stages.into_iter().map(|(name, at)| (name, at.map(ms))))
    }
}

/// What a turn gives back. `Debug` leaves the words and the sound out.
#[derive(Clone)]
#[non_exhaustive]
pub struct Reply {
    /// What the user said.
    pub transcript: String,
    /// What the agent answered; empty when all that the model did was to call tools.
    pub text: String,
    /// The answer's sound; empty when speech failed (see `audio_error`) or was not wanted.
    pub audio: Pcm,
    /// Why sound is missing or incomplete although there is text.
    pub audio_error: Option<Error>,
    /// The language of the user's words, when the recogniser told: a BCP 47 tag such as `en`.
    pub language: Option<String>,
    /// The language of the answer, where an interpreter speaks; the user's own when the interpretation before is repeated. `None`:
    /// nobody interprets, or the words were in neither of the two languages.
    pub text_language: Option<String>,
    /// What has to be acted on, where [`ActionsConfig::on_replies`](crate::config::ActionsConfig::on_replies) waits for it.
    pub actions: Vec<Action>,
    /// The passages of documents that the model was given to answer from, the best first.
    pub sources: Vec<Source>,
    /// Why the documents could not be searched, if they could not: the answer does without them.
    pub knowledge_error: Option<Error>,
    /// The session, new or continued.
    pub session_id: SessionId,
    /// This turn.
    pub turn_id: TurnId,
    /// The tools that the model called, in the order of its calls.
    pub tool_calls: Vec<ToolCallRecord>,
    /// The stored message of the user.
    pub user_message_id: MessageId,
    /// The stored message of the agent.
    pub assistant_message_id: MessageId,
    /// When each stage came through.
    pub timings: Timings,
    /// What was used.
    pub usage: Usage,
    /// What that cost; `None` unless every model that was called has a price in [`Config::prices`](crate::Config::prices).
    pub cost: Option<Cost>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("session_id", &self.session_id)
            .field("turn_id", &self.turn_id)
            .field("transcript_characters", &self.transcript.chars().count())
            .field("text_characters", &self.text.chars().count())
            .field("audio", &self.audio)
            .field("audio_error", &self.audio_error)
            .field("sources", &self.sources)
            .field("knowledge_error", &self.knowledge_error)
            .field("tool_calls", &self.tool_calls)
            .field("timings", &self.timings)
            .field("usage", &self.usage)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl Error {
    /// Keeps the reply that was already produced when the error came, as when saving it failed after it was spoken.
    #[must_use]
    pub fn with_reply(self, reply: Reply) -> Self {
        self.with_attachment(Arc::new(reply))
    }

    /// The reply that had been produced before the failure: present when saving failed after speech.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        self.attachment()?.downcast_ref()
    }
}
