//! What a caller can observe while a turn runs.

use std::{fmt, time::Duration};

use crate::{
    audio::Pcm,
    cost::{Cost, Usage},
    error::{Error, Stage},
    id::{SessionId, TurnId},
    message::{Action, Reply, Source, ToolCall, ToolCallRecord},
};

/// Words that were recognised. `Debug` leaves them out.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Transcript {
    /// Everything recognised so far in this utterance; a later transcript replaces an earlier one.
    pub text: String,
    /// Whether this is the last word on the utterance.
    pub is_final: bool,
    /// The language, when the recogniser told: a BCP 47 tag such as `en`.
    pub language: Option<String>,
    /// How likely the speaker is done, 0–1, when the recogniser told.
    pub completeness: Option<f32>,
}

impl Transcript {
    /// A final transcript.
    #[must_use]
    pub fn last(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_final: true, ..Self::default() }
    }

    /// A transcript that may still change.
    #[must_use]
    pub fn interim(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Names the language.
    #[must_use]
    pub fn with_language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    /// Says how likely the speaker is done, 0–1.
    #[must_use]
    pub fn with_completeness(mut self, completeness: f32) -> Self {
        self.completeness = Some(completeness);
        self
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("characters", &self.text.chars().count())
            .field("is_final", &self.is_final)
            .field("language", &self.language)
            .finish()
    }
}

/// One provider call, measured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallMetrics {
    /// The stage it served.
    pub stage: Stage,
    /// The provider that served it, for example `openai/gpt-transcribe`.
    pub provider: String,
    /// From the call to its first result: TTFB, for the language model TTFT.
    pub first_result: Option<Duration>,
    /// From the call to its end.
    pub total: Duration,
    /// How many attempts were made, over all providers of the stage.
    pub attempts: u32,
    /// What it used.
    pub usage: Usage,
    /// What that cost; `None` without a price, or when the provider did not say what was used.
    pub cost: Option<Cost>,
}

/// What happens in a turn, in order. `Done` is the last event of a turn that succeeds; a turn that fails ends with an error
/// instead.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TurnEvent {
    /// The turn was admitted.
    Started {
        /// The session, new or continued.
        session_id: SessionId,
        /// This turn.
        turn_id: TurnId,
    },
    /// What the user said, interim or final.
    Transcript(Transcript),
    /// The passages of documents that the model is given to answer from, the best first. Not told when nothing was found.
    Sources(Vec<Source>),
    /// The documents could not be searched; the turn goes on without them.
    KnowledgeFailed(Error),
    /// The next piece of the answer's text.
    Text(TextDelta),
    /// What the sound that follows says: a sentence or a part of one, for captions that keep up with the sound.
    Speaking(TextDelta),
    /// What the sound that follows says, which is no part of the answer: it fills the time that a tool takes, and is not
    /// stored.
    Filler(TextDelta),
    /// The next piece of the answer's sound, gapless with the one before; every chunk of a turn has the same rate.
    Audio(Pcm),
    /// The model calls a tool.
    ToolCall(Box<ToolCall>),
    /// A tool is done, or failed and the model is told why. The model goes on when all of its calls are.
    ToolResult(Box<ToolCallRecord>),
    /// A provider call ended.
    Metrics(Box<CallMetrics>),
    /// Speech failed after text existed; the turn goes on without (the rest of) its sound.
    AudioFailed(Error),
    /// Something has to be acted on. Told only where [`ActionsConfig::on_replies`](crate::config::ActionsConfig::on_replies) waits
    /// for it, when the turn is stored.
    ActionDetected(Box<Action>),
    /// The turn is complete and stored.
    Done(Box<Reply>),
}

/// A piece of text. `Debug` leaves the words out.
#[derive(Clone, PartialEq, Eq)]
pub struct TextDelta(pub String);

impl fmt::Debug for TextDelta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextDelta({} characters)", self.0.chars().count())
    }
}

impl std::ops::Deref for TextDelta {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
