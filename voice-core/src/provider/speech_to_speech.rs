//! What a model is that hears and speaks by itself, and the two directions of a conversation with it.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::time::Instant;

use super::{CallContext, PromptMessage, ResultStream, ToolSpec};
use crate::{
    audio::Pcm,
    cost::TokensUsed,
    error::{Error, ErrorKind, Result},
    event::Transcript,
    message::ToolCall,
    secret::Secret,
    time::Timestamp,
};

/// What is told to the model, in order. It ends when nobody talks any more.
pub type ConversationInput = BoxStream<'static, ToModel>;

/// A conversation that is to be begun, or gone on with over a new connection. `Debug` leaves the words out.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConversationRequest {
    /// Who the model is and how it answers.
    pub instructions: Arc<str>,
    /// What was said before, oldest first; no system message.
    pub history: Vec<PromptMessage>,
    /// The tools that it may call.
    pub tools: Arc<[ToolSpec]>,
    /// The language to expect (BCP 47); `None`: detect it.
    pub language: Option<String>,
    /// The most tokens of one answer.
    pub max_tokens: u32,
    /// Whether it speaks; otherwise it writes.
    pub speak: bool,
    /// Who says that the user's turn is over.
    pub turns: Turns,
}

impl ConversationRequest {
    /// A conversation with the defaults: no history, no tools, 500 tokens, spoken, turns told by the model from the user's voice.
    #[must_use]
    pub fn new(instructions: impl Into<Arc<str>>) -> Self {
        Self {
            instructions: instructions.into(),
            history: Vec::new(),
            tools: Arc::default(),
            language: None,
            max_tokens: 500,
            speak: true,
            turns: Turns::default(),
        }
    }
}

impl fmt::Debug for ConversationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationRequest")
            .field("history", &self.history.len())
            .field("tools", &self.tools.len())
            .field("language", &self.language)
            .field("speak", &self.speak)
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}

/// Who says that the user's turn is over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Turns {
    /// The model, which hears when the user speaks and is done.
    Automatic {
        /// Whether the user's voice stops an answer. If so, the model stops it by itself and answers by itself; otherwise it
        /// waits for [`ToModel::Answer`].
        interruptible: bool,
        /// How sure it must be that there is voice, 0–1.
        threshold: f32,
        /// How much sound before the voice belongs to it.
        prefix_padding: Duration,
        /// How much silence ends the turn, where silence alone decides.
        silence: Duration,
    },
    /// The host, by [`ToModel::Commit`] and [`ToModel::Answer`].
    Manual,
}

impl Default for Turns {
    fn default() -> Self {
        Self::Automatic {
            interruptible: true,
            threshold: 0.5,
            prefix_padding: Duration::from_millis(300),
            silence: Duration::from_millis(500),
        }
    }
}

/// One thing that the model is told. `Debug` leaves words and sound out.
#[derive(Clone)]
#[non_exhaustive]
pub enum ToModel {
    /// The user's next sound, 16 kHz, at the pace at which it is spoken.
    Sound(Pcm),
    /// The sound so far is what the user said.
    Commit,
    /// What the user typed.
    Typed(Arc<str>),
    /// What was said elsewhere, to be known and not answered: messages, calls of tools, their results.
    Remember(Vec<PromptMessage>),
    /// The result of a tool that it called.
    ToolResult {
        /// The call, by [`ToolCall::id`].
        call: String,
        /// The result, or why there is none.
        result: Arc<str>,
    },
    /// It shall answer what it knows now.
    Answer {
        /// Whether it may call tools in this.
        tools: bool,
    },
    /// It shall read these words aloud, outside the conversation.
    Say {
        /// What [`FromModel::Begun`] calls it by.
        id: u64,
        /// The words.
        text: Arc<str>,
    },
    /// It shall stop what it is making.
    Cancel {
        /// Which, by [`FromModel::Begun`].
        response: String,
    },
    /// Of this item only so much was heard.
    Heard {
        /// The item, by [`FromModel::Sound`].
        item: String,
        /// How much of its sound.
        until: Duration,
    },
}

impl fmt::Debug for ToModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sound(pcm) => write!(f, "Sound({:?})", pcm.duration()),
            Self::Commit => f.write_str("Commit"),
            Self::Typed(text) => write!(f, "Typed({} characters)", text.chars().count()),
            Self::Remember(messages) => write!(f, "Remember({messages:?})"),
            Self::ToolResult { call, .. } => write!(f, "ToolResult({call})"),
            Self::Answer { tools } => write!(f, "Answer(tools: {tools})"),
            Self::Say { id, text } => write!(f, "Say({id}, {} characters)", text.chars().count()),
            Self::Cancel { response } => write!(f, "Cancel({response})"),
            Self::Heard { item, until } => write!(f, "Heard({item}, {until:?})"),
        }
    }
}

/// One thing that comes from the model. `Debug` leaves words and sound out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FromModel {
    /// The user began to speak.
    SpeechStarted {
        /// Where in the sound that was told over this connection.
        at: Duration,
    },
    /// The user stopped speaking.
    SpeechStopped {
        /// Where in the sound the voice ended.
        at: Duration,
    },
    /// What the user said became an item of the conversation: the turn is over.
    Committed {
        /// The item.
        item: String,
    },
    /// What an item of the user's says, as far as it is recognised. The final one may come long after the answer has begun.
    Transcript {
        /// The item.
        item: String,
        /// Everything recognised of it so far.
        transcript: Transcript,
    },
    /// An item of the user's could not be recognised.
    Unheard {
        /// The item.
        item: String,
        /// Why.
        error: Error,
    },
    /// An answer is begun.
    Begun {
        /// What everything of it is named by.
        response: String,
        /// The [`ToModel::Say`] that it reads aloud; `None`: it is part of the conversation.
        says: Option<u64>,
    },
    /// The next words of an answer: what its sound says, which may come before or after them.
    Text {
        /// The answer.
        response: String,
        /// The item.
        item: String,
        /// The words.
        delta: crate::event::TextDelta,
    },
    /// The next sound of an answer.
    Sound {
        /// The answer.
        response: String,
        /// The item.
        item: String,
        /// The sound.
        pcm: Pcm,
    },
    /// It calls a tool, and goes on once it has the result and is told to.
    ToolCall {
        /// The answer.
        response: String,
        /// The call, complete.
        call: ToolCall,
    },
    /// An answer is over.
    Done {
        /// The answer.
        response: String,
        /// How.
        end: AnswerEnd,
        /// What it used, where that is told.
        usage: Option<TokensUsed>,
    },
    /// Something that it was told to make is not begun.
    Refused(Error),
    /// Something failed that the conversation outlives.
    Fault(Error),
}

/// How an answer ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnswerEnd {
    /// It is complete.
    Complete,
    /// It was cancelled, by the user's voice or when told to.
    Cancelled,
    /// It failed, or was not allowed to go on.
    Failed(Error),
}

/// A conversation that runs.
#[non_exhaustive]
pub struct Conversation {
    /// What comes from the model. Dropping it ends the conversation; an error or its end means that the connection is gone.
    pub events: ResultStream<FromModel>,
    /// Until when it may be used; `None`: for ever. It is then gone on with over a new connection.
    pub good_until: Option<Instant>,
}

impl Conversation {
    /// A conversation without an end of its own.
    #[must_use]
    pub fn new(events: ResultStream<FromModel>) -> Self {
        Self { events, good_until: None }
    }

    /// Says until when it may be used.
    #[must_use]
    pub fn with_good_until(mut self, until: Instant) -> Self {
        self.good_until = Some(until);
        self
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("good_until", &self.good_until).finish_non_exhaustive()
    }
}

/// How a client secret is to be made. `Debug` leaves the words out.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientSecretRequest {
    /// What the session that it opens is set up with.
    pub session: ConversationRequest,
    /// The voice; `None`: that of the model.
    pub voice: Option<String>,
    /// For how long a session may be begun with it.
    pub valid: Duration,
}

impl ClientSecretRequest {
    /// A secret for one minute.
    #[must_use]
    pub fn new(session: ConversationRequest) -> Self {
        Self { session, voice: None, valid: Duration::from_secs(60) }
    }
}

impl fmt::Debug for ClientSecretRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecretRequest").field("session", &self.session).field("valid", &self.valid).finish()
    }
}

/// What opens one session, or several until it expires, without the key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientSecret {
    /// The secret, for the browser.
    pub value: Secret,
    /// Until when a session may be begun with it. One that runs goes on.
    pub expires_at: Timestamp,
    /// The session as the provider set it up.
    pub session: serde_json::Value,
}

impl ClientSecret {
    /// A secret.
    #[must_use]
    pub fn new(value: impl Into<Secret>, expires_at: Timestamp, session: serde_json::Value) -> Self {
        Self { value: value.into(), expires_at, session }
    }
}

/// The answer to a browser's offer of a WebRTC connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallAnswer {
    /// The session description that answers the offer.
    pub sdp: String,
    /// What the provider calls the call.
    pub call_id: Option<String>,
}

impl CallAnswer {
    /// An answer.
    #[must_use]
    pub fn new(sdp: impl Into<String>, call_id: Option<String>) -> Self {
        Self { sdp: sdp.into(), call_id }
    }
}

/// Hears and speaks by itself: speech to text, language model and text to speech in one, over one connection.
#[async_trait]
pub trait SpeechToSpeech: Send + Sync {
    /// `provider/model`, for errors, logs and metrics.
    fn name(&self) -> &str;

    /// Begins a conversation: returns once the model is ready and has agreed to the settings. `input` is taken as it comes;
    /// what is told meanwhile waits. Dropping the conversation ends it.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error; also inside the stream, which then ends. A retryable one is tried again.
    async fn converse(
        &self,
        request: ConversationRequest,
        input: ConversationInput,
        ctx: &CallContext,
    ) -> Result<Conversation>;

    /// Makes a secret with which a browser opens a session without the key.
    ///
    /// # Errors
    /// Whatever the provider says. `INVALID_REQUEST` (kind `Unsupported`) by default.
    async fn client_secret(&self, request: ClientSecretRequest, ctx: &CallContext) -> Result<ClientSecret> {
        let (_, _) = (request, ctx);
        Err(Error::new(ErrorKind::Unsupported, format!("{} makes no client secrets", self.name())))
    }

    /// Answers a browser's offer of a WebRTC connection to the provider, on which the session is then held without this library.
    ///
    /// # Errors
    /// Whatever the provider says. `INVALID_REQUEST` (kind `Unsupported`) by default.
    async fn answer_call(&self, offer: &str, request: ClientSecretRequest, ctx: &CallContext) -> Result<CallAnswer> {
        let (_, _, _) = (offer, request, ctx);
        Err(Error::new(ErrorKind::Unsupported, format!("{} takes no WebRTC offers", self.name())))
    }
}
