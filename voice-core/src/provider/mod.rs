//! What a provider is: three traits for the stages of a turn and one for models that are all of them, their requests, and the
//! context of a call.
//!
//! Every call returns a stream of results. Dropping the stream (or the future) cancels the call: a provider stops its
//! work then and leaves nothing behind. Work on other threads watches [`CallContext::cancel`].

mod listening;
mod speech_to_speech;
#[cfg(any(feature = "openai", feature = "local"))]
mod thoughts;
mod turn_end;
mod voices;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    audio::{Pcm, Utterance},
    cost::{Ledger, Usage},
    error::{Error, ErrorKind, Result, Stage},
    event::Transcript,
    id::{SessionId, TurnId},
    message::{Role, Source, ToolCall},
    telemetry::Scope,
};

pub(crate) use listening::Kept;
pub use listening::{ListenRequest, SpokenSound};
pub use speech_to_speech::{
    AnswerEnd, CallAnswer, ClientSecret, ClientSecretRequest, Conversation, ConversationInput, ConversationRequest,
    FromModel, SpeechToSpeech, ToModel, Turns,
};
#[cfg(any(feature = "openai", feature = "local"))]
pub(crate) use thoughts::Thoughts;
pub use turn_end::TurnDetector;
pub use voices::{Voice, VoiceChoice, VoiceGender, VoicesPage, VoicesRequest};

/// What comes back from a provider: items, or the error that ended them.
pub type ResultStream<T> = BoxStream<'static, Result<T>>;

/// Who calls, until when, and how the call is cancelled. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallContext {
    /// The session of the turn.
    pub session_id: SessionId,
    /// The turn.
    pub turn_id: TurnId,
    /// Whose session it is: the host's own name for the user, when there is one.
    pub user: Option<Arc<str>>,
    /// When the whole turn must be over.
    pub deadline: Option<Instant>,
    /// Cancelled when nobody wants the result any more.
    pub cancel: CancellationToken,
    /// Where what calls cost is entered.
    pub(crate) ledger: Ledger,
    /// What they are measured as a part of.
    pub(crate) scope: Scope,
    /// What a tool of the library's own has found for the answer.
    pub(crate) found: Found,
}

/// Passages that were found while an answer was made. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found(Arc<Mutex<Vec<Source>>>);

impl Found {
    pub(crate) fn add(&self, sources: Vec<Source>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(sources);
    }

    /// What was found since this was last asked.
    pub(crate) fn take(&self) -> Vec<Source> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CallContext {
    /// A context without a deadline, for calls outside a turn and for tests.
    #[must_use]
    pub fn new() -> Self {
        Self {
            session_id: SessionId::new(),
            turn_id: TurnId::new(),
            user: None,
            deadline: None,
            cancel: CancellationToken::new(),
            ledger: Ledger::default(),
            scope: Scope::default(),
            found: Found::default(),
        }
    }

    /// The time that is left, if there is a deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|d| d.saturating_duration_since(Instant::now()))
    }

    /// Whether the call should go on.
    ///
    /// # Errors
    /// `CANCELLED` when it was cancelled, `TIMEOUT` when the deadline has passed.
    pub fn check(&self) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "the turn was cancelled"));
        }
        if self.deadline.is_some_and(|d| Instant::now() >= d) {
            return Err(Error::new(ErrorKind::DeadlineExceeded, "the turn's deadline has passed"));
        }
        Ok(())
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::new()
    }
}

/// What a speech recogniser can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SttCapabilities {
    /// It yields interim transcripts.
    pub interim: bool,
    /// It recognises speech while it is spoken: [`SpeechToText::listen`].
    pub streaming: bool,
    /// It detects the language by itself.
    pub detects_language: bool,
    /// The languages it knows (BCP 47); empty: many, or not said.
    pub languages: Vec<String>,
}

impl SttCapabilities {
    /// Says whether speech is recognised while it is spoken.
    #[must_use]
    pub fn with_streaming(mut self, streaming: bool) -> Self {
        self.streaming = streaming;
        self
    }
}

/// A request to transcribe one utterance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TranscribeRequest {
    /// The utterance.
    pub audio: Utterance,
    /// The language to expect (BCP 47); `None`: detect it.
    pub language: Option<String>,
}

impl TranscribeRequest {
    /// A request that leaves the language open.
    #[must_use]
    pub fn new(audio: Utterance) -> Self {
        Self { audio, language: None }
    }

    /// Names the language to expect (BCP 47).
    #[must_use]
    pub fn with_language(mut self, language: Option<String>) -> Self {
        self.language = language;
        self
    }
}

/// Turns speech into text.
#[async_trait]
pub trait SpeechToText: Send + Sync {
    /// `provider/model`, for errors, logs and metrics.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default()
    }

    /// Transcribes one utterance: interim transcripts if any, then exactly one final one. An utterance without speech
    /// gives a final transcript with empty text, not an error.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error; also inside the stream.
    async fn transcribe(&self, request: TranscribeRequest, ctx: &CallContext) -> Result<ResultStream<Transcript>>;

    /// Recognises one utterance while it is spoken: interim transcripts as they come, each with everything said so far, then,
    /// once the sound has ended, exactly one final one, which may be empty. Dropping the stream cancels. Only called when
    /// [`SttCapabilities::streaming`] says so; live sessions do, one-shot turns never.
    ///
    /// The sound comes at the pace at which it is spoken. It waits while it is not taken: a recogniser that takes none for the
    /// idle time-out counts as failed. Whatever fails here costs no words: the utterance is then given to
    /// [`transcribe`](Self::transcribe), this provider's or the next one's in the list.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error; also inside the stream. `INVALID_REQUEST` (kind `Unsupported`) by default.
    async fn listen(
        &self,
        request: ListenRequest,
        sound: SpokenSound,
        ctx: &CallContext,
    ) -> Result<ResultStream<Transcript>> {
        let (_, _, _) = (request, sound, ctx);
        Err(Error::new(ErrorKind::Unsupported, format!("{} recognises whole utterances only", self.name())))
    }

    /// Gets ready for the first utterance of a live session that begins, of which every [`listen`](Self::listen) is given a clone of this
    /// request: opens a connection, say, in a task of its own. Does nothing by default; must not block, and nobody waits for it.
    fn prepare_to_listen(&self, request: &ListenRequest) {
        let _ = request;
    }

    /// `provider/model` of what listens, where that is another model than the one that transcribes.
    fn listening_name(&self) -> &str {
        self.name()
    }

    /// Gets ready (opens a connection, loads a model), so that the first call is fast. Does nothing by default.
    ///
    /// # Errors
    /// When it cannot get ready.
    async fn warm_up(&self) -> Result<()> {
        Ok(())
    }
}

/// One message of a prompt.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What is said; of a tool, its result.
    pub content: Arc<str>,
    /// The tools that the assistant calls with this message. Each call is answered by a message of role `tool` among those
    /// that follow at once.
    pub tool_calls: Arc<[ToolCall]>,
    /// The call that a message of role `tool` answers; of no other.
    pub answers: Option<AnsweredCall>,
}

/// Which call the result of a tool belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnsweredCall {
    /// The call's id, different for every call of a prompt: nine letters and digits, which every provider accepts.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Whether it failed; the result then says why.
    pub failed: bool,
}

impl PromptMessage {
    /// A message of a prompt.
    #[must_use]
    pub fn new(role: Role, content: impl Into<Arc<str>>) -> Self {
        Self { role, content: content.into(), tool_calls: Arc::default(), answers: None }
    }

    /// The assistant's calls of tools, with what it says before them (which may be nothing).
    #[must_use]
    pub fn calling(content: impl Into<Arc<str>>, calls: impl Into<Arc<[ToolCall]>>) -> Self {
        Self { tool_calls: calls.into(), ..Self::new(Role::Assistant, content) }
    }

    /// The result of a tool.
    #[must_use]
    pub fn tool_result(call: &ToolCall, failed: bool, result: impl Into<Arc<str>>) -> Self {
        let answers = AnsweredCall { id: call.id.clone(), name: call.name.clone(), failed };
        Self { answers: Some(answers), ..Self::new(Role::Tool, result) }
    }
}

impl fmt::Debug for PromptMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PromptMessage({}, {} characters)", self.role.as_str(), self.content.chars().count())
    }
}

/// A tool, as a language model is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolSpec {
    /// Its name: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`.
    pub name: String,
    /// What it does and when to call it, in words.
    pub description: String,
    /// The JSON schema of its arguments, which are always an object.
    pub parameters: serde_json::Value,
}

impl ToolSpec {
    /// A tool.
    #[must_use]
    pub fn new(name: impl Into<String>, description: impl Into<String>, parameters: serde_json::Value) -> Self {
        Self { name: name.into(), description: description.into(), parameters }
    }
}

/// Whether a model may call tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// As it sees fit.
    #[default]
    Auto,
    /// It shall answer in words now, whatever tools there are.
    None,
}

/// A request to write an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GenerateRequest {
    /// The prompt: system first, then history, then what the user just said.
    pub messages: Arc<[PromptMessage]>,
    /// The most tokens to write.
    pub max_tokens: u32,
    /// The sampling temperature, 0–2.
    pub temperature: f32,
    /// The tools that the model may call. Only a model whose [`LlmCapabilities::tools`] says so is ever given any.
    pub tools: Arc<[ToolSpec]>,
    /// Whether it may call them now.
    pub tool_choice: ToolChoice,
    /// Whether it may ask for several calls at once.
    pub parallel_tool_calls: bool,
}

impl GenerateRequest {
    /// A request with the defaults: 500 tokens, temperature 0.7, no tools.
    #[must_use]
    pub fn new(messages: impl Into<Arc<[PromptMessage]>>) -> Self {
        Self {
            messages: messages.into(),
            max_tokens: 500,
            temperature: 0.7,
            tools: Arc::default(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
        }
    }
}

/// What a language model yields.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LlmEvent {
    /// The next piece of text; never empty.
    Text(String),
    /// A call of a tool, complete. The answer goes on in the next request, which holds the result.
    ToolCall(ToolCall),
    /// What was used; at most once, near the end.
    Usage(Usage),
    /// The model stopped; the last event of a complete answer.
    Finished(FinishReason),
}

/// Why a model stopped writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It waits for the results of the tools that it called.
    ToolCalls,
    /// It reached the most tokens allowed.
    Length,
    /// The provider withheld (the rest of) the answer.
    ContentFilter,
    /// Something else.
    Other,
}

/// What a language model can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LlmCapabilities {
    /// It can call tools. One that cannot is never given any, nor a prompt with calls and results in it.
    pub tools: bool,
}

impl LlmCapabilities {
    /// Says whether the model can call tools.
    #[must_use]
    pub fn with_tools(mut self, tools: bool) -> Self {
        self.tools = tools;
        self
    }
}

/// Writes answers.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// `provider/model`, for errors, logs and metrics.
    fn name(&self) -> &str;

    /// What it can do. Default: write, but not call tools.
    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default()
    }

    /// Writes the answer to a prompt, piece by piece.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error; also inside the stream.
    async fn generate(&self, request: GenerateRequest, ctx: &CallContext) -> Result<ResultStream<LlmEvent>>;

    /// Gets ready (opens a connection, loads a model, reads the system prompt), so that the first call is fast.
    ///
    /// # Errors
    /// When it cannot get ready.
    async fn warm_up(&self, system_prompt: &str) -> Result<()> {
        let _ = system_prompt;
        Ok(())
    }

    /// [`warm_up`](Self::warm_up) for prompts that also tell of tools. Default: without them.
    ///
    /// # Errors
    /// When it cannot get ready.
    async fn warm_up_with_tools(&self, system_prompt: &str, tools: &[ToolSpec]) -> Result<()> {
        let _ = tools;
        self.warm_up(system_prompt).await
    }
}

/// What a speech synthesiser can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TtsCapabilities {
    /// The most characters of one call; longer text is split at sentence ends before it is sent.
    pub max_characters: usize,
    /// Whether sound starts sooner when the first piece is cut at a clause instead of a sentence (slow local voices).
    pub prefers_short_first_piece: bool,
}

impl Default for TtsCapabilities {
    fn default() -> Self {
        Self { max_characters: 4096, prefers_short_first_piece: false }
    }
}

/// A request to speak a piece of text. `Debug` leaves the words out.
#[derive(Clone)]
#[non_exhaustive]
pub struct SynthesisRequest {
    /// What to say: one sentence or a few.
    pub text: Arc<str>,
    /// The language of the text (BCP 47), when it is known.
    pub language: Option<String>,
    /// Whether somebody wants to know when each word is heard ([`Pcm::with_words`]), if the provider can tell: live sessions do,
    /// to keep exactly what was heard of an answer that was interrupted.
    pub word_times: bool,
    /// What was said just before it in the same answer, as far as it matters for how this is said; `None` at the beginning. A voice
    /// that cannot make use of it leaves it alone: it is never spoken.
    pub previous_text: Option<Arc<str>>,
}

impl SynthesisRequest {
    /// A request with the provider's own voice and pace.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), language: None, word_times: false, previous_text: None }
    }
}

impl fmt::Debug for SynthesisRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SynthesisRequest")
            .field("characters", &self.text.chars().count())
            .field("language", &self.language)
            .field("word_times", &self.word_times)
            .field("follows", &self.previous_text.is_some())
            .finish()
    }
}

/// Speaks.
#[async_trait]
pub trait TextToSpeech: Send + Sync {
    /// `provider/model`, for errors, logs and metrics.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::default()
    }

    /// Speaks a text: chunks of sound as they come, all of one rate.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error; also inside the stream.
    async fn synthesize(&self, request: SynthesisRequest, ctx: &CallContext) -> Result<ResultStream<Pcm>>;

    /// Lists the voices that it has, a page at a time.
    ///
    /// # Errors
    /// Whatever the provider says, as a typed error. `INVALID_REQUEST` (kind `Unsupported`) by default.
    async fn voices(&self, request: VoicesRequest, ctx: &CallContext) -> Result<VoicesPage> {
        let (_, _) = (request, ctx);
        Err(no_list(self.name()))
    }

    /// The same provider, speaking with another of its voices or other settings: for previews, and for assistants that name a
    /// provider of the host's own. The library's own providers are made anew from their config instead.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a voice or a setting that cannot be. `INVALID_REQUEST` (kind `Unsupported`) by default.
    fn with_voice(&self, choice: &VoiceChoice) -> Result<Arc<dyn TextToSpeech>> {
        let _ = choice;
        let message = format!(
            "{} has one voice here: leave voice and settings out, or name a provider by its config in its place",
            self.name()
        );
        Err(Error::new(ErrorKind::Unsupported, message).with_stage(Stage::Tts).with_provider(self.name()))
    }

    /// Gets ready (opens a connection, loads a model), so that the first call is fast. Does nothing by default.
    ///
    /// # Errors
    /// When it cannot get ready.
    async fn warm_up(&self) -> Result<()> {
        Ok(())
    }
}

/// The error of a provider that does not say which voices it has.
pub(crate) fn no_list(provider: &str) -> Error {
    let message = format!(
        "{provider} does not say which voices it has: look them up in its documentation, and name one as `voice` in the config or \
         as an assistant's `voice_id`"
    );
    Error::new(ErrorKind::Unsupported, message).with_stage(Stage::Tts).with_provider(provider)
}
