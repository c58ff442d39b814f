//! Replies and events.

use voice_bridge::{Cost, EventRecord, ReplyRecord, ToolCallRecord, Usage, action_json, sources_json};

use crate::{
    error::{ErrorDetails, Failure, guarded},
    live::{LiveSummaryFields, LiveTurnFields},
    to_bytes,
};

/// A call of a tool, and what came of it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ToolCallFields {
    /// Names the call within its turn.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments that the model gave, as JSON.
    pub arguments_json: String,
    /// What the model was told.
    pub result: String,
    /// Whether it failed.
    pub failed: bool,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

impl From<&ToolCallRecord> for ToolCallFields {
    fn from(call: &ToolCallRecord) -> Self {
        Self {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments_json: call.arguments.to_string(),
            result: call.result.clone(),
            failed: call.failed,
            elapsed_ms: u64::try_from(call.elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// What a turn gave, but for its sound.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ReplyFields {
    /// What the user said.
    pub transcript: String,
    /// What the agent answered.
    pub text: String,
    /// The language of the user's words, when the recogniser told.
    pub language: Option<String>,
    /// The language of the answer, where an interpreter speaks.
    pub text_language: Option<String>,
    /// What has to be acted on, as JSON, where the turn waits for it.
    pub actions_json: Vec<String>,
    /// Why the documents could not be searched, if they could not.
    pub knowledge_error: Option<ErrorDetails>,
    /// The session, new or continued.
    pub session_id: String,
    /// This turn.
    pub turn_id: String,
    /// The stored message of the user.
    pub user_message_id: String,
    /// The stored message of the agent.
    pub assistant_message_id: String,
    /// The rate of the sound.
    pub sample_rate: u32,
    /// How long the sound lasts.
    pub audio_seconds: f64,
    /// Why sound is missing although there is text.
    pub audio_error: Option<ErrorDetails>,
    /// The tools that the model called, in the order of its calls.
    pub tool_calls: Vec<ToolCallFields>,
    /// What it cost, where every model that was called has a price.
    pub cost: Option<CostFields>,
}

/// What a turn gave.
#[derive(Debug, uniffi::Object)]
pub struct Reply {
    record: ReplyRecord,
}

impl Reply {
    pub(crate) fn new(record: ReplyRecord) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self { record })
    }
}

#[uniffi::export]
impl Reply {
    /// Everything but the sound.
    pub fn fields(&self) -> ReplyFields {
        let reply = self.record.get();
        ReplyFields {
            transcript: reply.transcript.clone(),
            text: reply.text.clone(),
            language: reply.language.clone(),
            text_language: reply.text_language.clone(),
            actions_json: reply.actions.iter().map(action_json).collect(),
            knowledge_error: self.record.knowledge_error().map(Into::into),
            session_id: reply.session_id.to_string(),
            turn_id: reply.turn_id.to_string(),
            user_message_id: reply.user_message_id.to_string(),
            assistant_message_id: reply.assistant_message_id.to_string(),
            sample_rate: reply.audio.sample_rate(),
            audio_seconds: reply.audio.duration().as_secs_f64(),
            audio_error: self.record.audio_error().map(Into::into),
            tool_calls: reply.tool_calls.iter().map(Into::into).collect(),
            cost: reply.cost.map(Into::into),
        }
    }

    /// Everything but the sound as JSON, with times and usage.
    pub fn json(&self) -> String {
        self.record.to_json()
    }

    /// The sound: mono, 16 bits, little-endian.
    pub fn pcm(&self) -> Vec<u8> {
        to_bytes(self.record.get().audio.samples())
    }

    /// The sound as a file of `format` (`wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`).
    pub fn encoded(&self, format: &str) -> Result<Vec<u8>, Failure> {
        guarded(|| self.record.encoded(format))
    }

    /// Writes the sound to a file, in the format that its name says.
    pub fn save(&self, path: &str) -> Result<(), Failure> {
        guarded(|| self.record.save(path))
    }
}

/// How much was used, as far as the providers say.
#[derive(Clone, Debug, uniffi::Record)]
pub struct UsageFields {
    /// Tokens in the language model's prompt.
    pub input_tokens: u64,
    /// Of those, tokens that were served from a cache.
    pub cached_tokens: u64,
    /// Tokens that the language model wrote.
    pub output_tokens: u64,
    /// Seconds of speech that were transcribed.
    pub stt_seconds: f64,
    /// Characters that were spoken.
    pub tts_characters: u64,
    /// Seconds of speech that were produced.
    pub tts_seconds: f64,
}

impl From<Usage> for UsageFields {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            cached_tokens: usage.cached_tokens,
            output_tokens: usage.output_tokens,
            stt_seconds: usage.stt_seconds,
            tts_characters: usage.tts_characters,
            tts_seconds: usage.tts_seconds,
        }
    }
}

/// An amount of money.
#[derive(Clone, Debug, uniffi::Record)]
pub struct CostFields {
    /// The currency: three capital letters (ISO 4217).
    pub currency: String,
    /// The amount as a decimal number, exactly.
    pub amount: String,
    /// The amount in millionths of the currency's unit, rounded to the nearest.
    pub micros: u64,
}

impl From<Cost> for CostFields {
    fn from(cost: Cost) -> Self {
        Self { currency: cost.currency().as_str().to_owned(), amount: cost.amount(), micros: cost.micros() }
    }
}

/// What happens in a turn or in a live session.
#[derive(uniffi::Enum)]
#[allow(clippy::large_enum_variant, reason = "an event is on its way to another language, where every field is a copy")]
pub enum Event {
    /// The turn was admitted.
    Started {
        /// The session, new or continued.
        session_id: String,
        /// This turn.
        turn_id: String,
    },
    /// What the user said so far.
    Transcript {
        /// Everything recognised so far.
        text: String,
        /// Whether this is the last word on it.
        is_final: bool,
        /// BCP 47, when the recogniser told.
        language: Option<String>,
    },
    /// The passages of documents that the model is given to answer from.
    Sources {
        /// The best first, as JSON.
        sources_json: String,
    },
    /// The documents could not be searched; the turn goes on.
    KnowledgeFailed {
        /// Why.
        error: ErrorDetails,
    },
    /// The next piece of text.
    Text {
        /// The piece.
        delta: String,
    },
    /// The next piece of sound.
    Audio {
        /// Mono, 16 bits, little-endian.
        pcm: Vec<u8>,
        /// Samples a second.
        sample_rate: u32,
    },
    /// A provider call ended.
    Metrics {
        /// `stt`, `llm`, `tts`.
        stage: String,
        /// `provider/model`.
        provider: String,
        /// From the call to its first result, in milliseconds.
        first_result_ms: Option<f64>,
        /// From the call to its end, in milliseconds.
        total_ms: f64,
        /// Attempts made.
        attempts: u32,
        /// What it used.
        usage: UsageFields,
        /// What that cost, where it has a price.
        cost: Option<CostFields>,
    },
    /// Speech failed; the turn goes on.
    AudioFailed {
        /// Why.
        error: ErrorDetails,
    },
    /// The turn is complete and stored.
    Done {
        /// Its reply.
        reply: std::sync::Arc<Reply>,
    },
    /// Live: the session is ready for sound.
    LiveStarted {
        /// The session, new or continued.
        session_id: String,
        /// The rate of the sound that is given out.
        sample_rate: u32,
    },
    /// Live: what the user is doing changed.
    UserState {
        /// `listening`, `speaking`, `away`.
        state: String,
    },
    /// Live: what the agent is doing changed.
    AgentState {
        /// `listening`, `thinking`, `speaking`.
        state: String,
    },
    /// Live: a turn of the agent's begins.
    TurnStarted {
        /// The turn.
        turn_id: String,
        /// Why the agent speaks.
        kind: String,
    },
    /// What the sound that follows says.
    Speaking {
        /// The words.
        text: String,
    },
    /// What the sound that follows says to fill the time that a tool takes.
    Filler {
        /// The words.
        text: String,
    },
    /// The model calls a tool.
    ToolCall {
        /// Names the call within its turn.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments as JSON.
        arguments_json: String,
    },
    /// A tool is done, or failed.
    ToolResult {
        /// The call, and what came of it.
        call: ToolCallFields,
    },
    /// Live: sound that is not played yet is to be thrown away.
    Clear {
        /// Where in the session's sound the next sound begins, in seconds.
        position: f64,
    },
    /// Live: the user interrupted the agent.
    Interrupted {
        /// The turn.
        turn_id: String,
        /// The words that were heard.
        heard: String,
    },
    /// Live: the agent goes on after what seemed an interruption.
    FalseInterruption,
    /// Live: the user said something that did not ask for an answer.
    Backchannel {
        /// What it was.
        text: String,
    },
    /// Live: keys of the telephone.
    Dtmf {
        /// The keys.
        keys: String,
    },
    /// Live: an exchange is over and stored.
    TurnDone {
        /// The exchange.
        turn: LiveTurnFields,
    },
    /// Something that was said has to be acted on.
    ActionDetected {
        /// What, as JSON.
        action_json: String,
    },
    /// Live: something failed; the session goes on.
    Failed {
        /// What.
        error: ErrorDetails,
    },
    /// Live: the recording of the whole session is kept.
    Recorded {
        /// Where it lies.
        recording: String,
    },
    /// Live: the session is over.
    Ended {
        /// What it came to.
        summary: LiveSummaryFields,
    },
    /// A kind that this layer does not know.
    Other {
        /// The event as JSON.
        json: String,
    },
}

impl From<EventRecord> for Event {
    fn from(event: EventRecord) -> Self {
        match event {
            EventRecord::Started { session_id, turn_id } => Self::Started { session_id, turn_id },
            EventRecord::Transcript { text, is_final, language } => Self::Transcript { text, is_final, language },
            EventRecord::Sources { sources } => Self::Sources { sources_json: sources_json(&sources) },
            EventRecord::KnowledgeFailed { error } => Self::KnowledgeFailed { error: error.into() },
            EventRecord::Text { delta } => Self::Text { delta },
            EventRecord::Audio { pcm } => Self::Audio { pcm: to_bytes(pcm.samples()), sample_rate: pcm.sample_rate() },
            EventRecord::Metrics { stage, provider, first_result_ms, total_ms, attempts, usage, cost } => {
                Self::Metrics {
                    stage,
                    provider,
                    first_result_ms,
                    total_ms,
                    attempts,
                    usage: usage.into(),
                    cost: cost.map(Into::into),
                }
            }
            EventRecord::AudioFailed { error } => Self::AudioFailed { error: error.into() },
            EventRecord::Done { reply } => Self::Done { reply: Reply::new(reply) },
            EventRecord::LiveStarted { session_id, sample_rate } => Self::LiveStarted { session_id, sample_rate },
            EventRecord::UserState { state } => Self::UserState { state: state.to_owned() },
            EventRecord::AgentState { state } => Self::AgentState { state: state.to_owned() },
            EventRecord::TurnStarted { turn_id, kind } => Self::TurnStarted { turn_id, kind: kind.to_owned() },
            EventRecord::Speaking { text } => Self::Speaking { text },
            EventRecord::Filler { text } => Self::Filler { text },
            EventRecord::ToolCall { call } => {
                Self::ToolCall { id: call.id, name: call.name, arguments_json: call.arguments.to_string() }
            }
            EventRecord::ToolResult { call } => Self::ToolResult { call: (&*call).into() },
            EventRecord::Clear { position } => Self::Clear { position },
            EventRecord::Interrupted { turn_id, heard } => Self::Interrupted { turn_id, heard },
            EventRecord::FalseInterruption => Self::FalseInterruption,
            EventRecord::Backchannel { text } => Self::Backchannel { text },
            EventRecord::Dtmf { keys } => Self::Dtmf { keys },
            EventRecord::TurnDone { turn } => Self::TurnDone { turn: (*turn).into() },
            EventRecord::ActionDetected { action } => Self::ActionDetected { action_json: action_json(&action) },
            EventRecord::Error { error } => Self::Failed { error: error.into() },
            EventRecord::Recorded { recording } => Self::Recorded { recording },
            EventRecord::Ended { summary } => Self::Ended { summary: summary.into() },
            other => Self::Other { json: other.to_json() },
        }
    }
}
