//! What Scribe says on its WebSocket, `/v1/speech-to-text/realtime`
//! (<https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime>).

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::language::tag;
use crate::{
    audio::SPEECH_RATE,
    providers::http::{Incoming, Last, Wire, error_body},
};

/// The events of a session in which the end of an utterance is told by us.
#[derive(Clone)]
pub(super) struct Events {
    /// Whether the language is asked for. It comes with the times of the words, in an event of its own beside the plain one.
    pub(super) detects: bool,
}

impl Events {
    fn chunk(samples: &[u8], is_end: bool) -> Message {
        let chunk = json!({
            "message_type": "input_audio_chunk",
            "audio_base_64": STANDARD.encode(samples),
            "commit": is_end,
            "sample_rate": SPEECH_RATE,
        });
        Message::text(chunk.to_string())
    }
}

impl Wire for Events {
    /// A commit of less than 0.3 s was seen to be refused; the documentation says nothing of it.
    const LEAST_MS: usize = 500;
    /// Connections on which no sound comes were seen to be closed after 15 s; the documentation says nothing of it.
    const WAITS: Duration = Duration::from_secs(12);

    fn sound(&self, samples: Vec<u8>) -> Message {
        Self::chunk(&samples, false)
    }

    fn end(&self, samples: Vec<u8>) -> Vec<Message> {
        vec![Self::chunk(&samples, true)]
    }

    fn read(&self, event: &Value) -> Option<Incoming> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let kind = text("message_type").unwrap_or_default();
        let (settled, last) = match kind {
            "partial_transcript" => (false, Last::No),
            "committed_transcript" if self.detects => (false, Last::Likely),
            "committed_transcript" | "committed_transcript_with_timestamps" => (true, Last::Yes),
            // Every failure has a type of its own, and new ones come.
            _ => {
                let words = text("error");
                let code = text("error_type").unwrap_or(kind);
                return Some(words.map_or(Incoming::Other, |words| Incoming::Error(error_body::<Self>(code, words))));
            }
        };
        Some(Incoming::Words {
            text: text("text")?.to_owned(),
            settled,
            last,
            completeness: None,
            language: text("language_code").and_then(tag),
        })
    }

    fn class(code: &str) -> &'static str {
        match code {
            "auth_error" => "authentication_error",
            "commit_throttled" => "rate_limit_error",
            "input_error" | "invalid_request" | "chunk_size_exceeded" | "unaccepted_terms" => "invalid_request_error",
            _ => "",
        }
    }
}
