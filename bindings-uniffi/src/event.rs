//! Replies and events.

use voice_bridge::{EventRecord, ReplyRecord};

use crate::{
    error::{ErrorDetails, Failure, guarded},
    to_bytes,
};

/// What a turn gave, but for its sound.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ReplyFields {
    /// What the user said.
    pub transcript: String,
    /// What the agent answered.
    pub text: String,
    /// The language of the user's words, when the recogniser told.
    pub language: Option<String>,
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
    /// Everything but the sound as JSON, with times and usage.
    pub json: String,
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
            session_id: reply.session_id.to_string(),
            turn_id: reply.turn_id.to_string(),
            user_message_id: reply.user_message_id.to_string(),
            assistant_message_id: reply.assistant_message_id.to_string(),
            sample_rate: reply.audio.sample_rate(),
            audio_seconds: reply.audio.duration().as_secs_f64(),
            audio_error: self.record.audio_error().map(Into::into),
            json: self.record.to_json(),
        }
    }

    /// The sound: mono, 16 bits, little-endian.
    pub fn pcm(&self) -> Vec<u8> {
        to_bytes(self.record.get().audio.samples())
    }

    /// The sound as a file of `format` (`wav`, `ogg_opus`, `mu_law`, `a_law`, `pcm`).
    pub fn encoded(&self, format: &str) -> Result<Vec<u8>, Failure> {
        guarded(|| self.record.encoded(format))
    }

    /// Writes the sound to a file, in the format that its name says.
    pub fn save(&self, path: &str) -> Result<(), Failure> {
        guarded(|| self.record.save(path))
    }
}

/// What happens in a turn.
#[derive(uniffi::Enum)]
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
            EventRecord::Text { delta } => Self::Text { delta },
            EventRecord::Audio { pcm } => Self::Audio { pcm: to_bytes(pcm.samples()), sample_rate: pcm.sample_rate() },
            EventRecord::Metrics { stage, provider, first_result_ms, total_ms, attempts } => {
                Self::Metrics { stage, provider, first_result_ms, total_ms, attempts }
            }
            EventRecord::AudioFailed { error } => Self::AudioFailed { error: error.into() },
            EventRecord::Done { reply } => Self::Done { reply: Reply::new(reply) },
            other => Self::Other { json: other.to_json() },
        }
    }
}
