//! Replies and events as plain owned records.

use std::sync::Arc;

use serde_json::json;
use voice_core::{CallMetrics, Pcm, Reply, TurnEvent};

use crate::{ErrorRecord, Outcome};

/// A reply as every language sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplyRecord {
    inner: Arc<Reply>,
}

impl ReplyRecord {
    pub(crate) fn new(reply: Reply) -> Self {
        Self { inner: Arc::new(reply) }
    }

    /// The reply itself, for its plain fields.
    #[must_use]
    pub fn get(&self) -> &Reply {
        &self.inner
    }

    /// Why sound is missing although there is text.
    #[must_use]
    pub fn audio_error(&self) -> Option<ErrorRecord> {
        self.inner.audio_error.as_ref().map(Into::into)
    }

    /// The sound as a file of `format` (`wav`, `ogg_opus`, `mu_law`, `a_law`, `pcm`).
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for an unknown format.
    pub fn encoded(&self, format: &str) -> Outcome<Vec<u8>> {
        let format = format.parse().map_err(ErrorRecord::from)?;
        Ok(self.inner.audio.encode(format)?.into())
    }

    /// Writes the sound to a file, in the format that its name says.
    ///
    /// # Errors
    /// `INVALID_REQUEST` when the file cannot be written or its name says no known format.
    pub fn save(&self, path: &str) -> Outcome<()> {
        Ok(self.inner.audio.save(path)?)
    }

    /// Everything but the sound, as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.json().to_string()
    }

    fn json(&self) -> serde_json::Value {
        let reply = &self.inner;
        json!({
            "transcript": reply.transcript,
            "text": reply.text,
            "language": reply.language,
            "session_id": reply.session_id,
            "turn_id": reply.turn_id,
            "user_message_id": reply.user_message_id,
            "assistant_message_id": reply.assistant_message_id,
            "sample_rate": reply.audio.sample_rate(),
            "audio_seconds": reply.audio.duration().as_secs_f64(),
            "audio_error": self.audio_error(),
            "timings_ms": reply.timings,
            "usage": reply.usage,
        })
    }
}

/// An event of a turn as every language sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventRecord {
    /// The turn was admitted.
    Started {
        /// The session, new or continued.
        session_id: String,
        /// This turn.
        turn_id: String,
    },
    /// What the user said.
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
        /// Mono 16-bit sound.
        pcm: Pcm,
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
        error: ErrorRecord,
    },
    /// The turn is complete and stored.
    Done {
        /// Its reply.
        reply: ReplyRecord,
    },
}

impl EventRecord {
    /// The record of an event; `None` for a kind that this version of the bridge does not know.
    pub(crate) fn new(event: TurnEvent) -> Option<Self> {
        Some(match event {
            TurnEvent::Started { session_id, turn_id } => {
                Self::Started { session_id: session_id.to_string(), turn_id: turn_id.to_string() }
            }
            TurnEvent::Transcript(t) => Self::Transcript { text: t.text, is_final: t.is_final, language: t.language },
            TurnEvent::Text(delta) => Self::Text { delta: delta.0 },
            TurnEvent::Audio(pcm) => Self::Audio { pcm },
            TurnEvent::Metrics(metrics) => Self::metrics(&metrics),
            TurnEvent::AudioFailed(error) => Self::AudioFailed { error: error.into() },
            TurnEvent::Done(reply) => Self::Done { reply: ReplyRecord::new(*reply) },
            _ => return None,
        })
    }

    fn metrics(metrics: &CallMetrics) -> Self {
        let ms = |d: std::time::Duration| d.as_secs_f64() * 1e3;
        Self::Metrics {
            stage: metrics.stage.as_str().to_owned(),
            provider: metrics.provider.clone(),
            first_result_ms: metrics.first_result.map(ms),
            total_ms: ms(metrics.total),
            attempts: metrics.attempts,
        }
    }

    /// The event as JSON, its kind as `type`; of sound the number of samples and the rate, of a reply what
    /// [`ReplyRecord::to_json`] gives.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = match self {
            Self::Started { session_id, turn_id } => json!({ "session_id": session_id, "turn_id": turn_id }),
            Self::Transcript { text, is_final, language } => {
                json!({ "text": text, "final": is_final, "language": language })
            }
            Self::Text { delta } => json!({ "text": delta }),
            Self::Audio { pcm } => json!({ "samples": pcm.samples().len(), "sample_rate": pcm.sample_rate() }),
            Self::Metrics { stage, provider, first_result_ms, total_ms, attempts } => json!({
                "stage": stage, "provider": provider, "first_result_ms": first_result_ms, "total_ms": total_ms,
                "attempts": attempts,
            }),
            Self::AudioFailed { error } => json!({ "error": error }),
            Self::Done { reply } => json!({ "reply": reply.json() }),
        };
        value["type"] = self.kind().into();
        value.to_string()
    }

    /// The kind of event, the same word in every language: `started`, `transcript`, `text`, `audio`, `metrics`,
    /// `audio_failed`, `done`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Transcript { .. } => "transcript",
            Self::Text { .. } => "text",
            Self::Audio { .. } => "audio",
            Self::Metrics { .. } => "metrics",
            Self::AudioFailed { .. } => "audio_failed",
            Self::Done { .. } => "done",
        }
    }
}
