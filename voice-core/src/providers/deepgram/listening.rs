//! What Deepgram says on its WebSockets: Nova's `/v1/listen` and Flux's `/v2/listen`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::providers::http::{Incoming, Last, Wire, binary_before, error_body};

/// The events of both models; their types are different ones.
#[derive(Clone)]
pub(super) struct Events;

impl Wire for Events {
    const PIECE_MS: usize = 80;
    /// Sound is paid for, waiting is not; but servers count connections.
    const WAITS: Duration = Duration::from_secs(60);
    const CLOSING_ENDS: bool = true;

    fn sound(&self, samples: Vec<u8>) -> Message {
        Message::binary(samples)
    }

    fn end(&self, samples: Vec<u8>) -> Vec<Message> {
        // An empty frame of sound once meant the end; none is sent.
        binary_before(samples, &json!({"type": "CloseStream"}).to_string())
    }

    fn keep_alive(&self) -> Option<Message> {
        Some(Message::text(json!({"type": "KeepAlive"}).to_string()))
    }

    fn read(&self, event: &Value) -> Option<Incoming> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let is = |name: &str| event.get(name).and_then(Value::as_bool).unwrap_or(false);
        Some(match text("type").unwrap_or_default() {
            "Results" => {
                let alternatives = event.pointer("/channel/alternatives")?.as_array()?;
                let first = alternatives.first();
                let transcript = match first {
                    Some(first) => first.get("transcript")?.as_str()?,
                    None => "",
                };
                let language = first.and_then(|f| f.pointer("/languages/0")).and_then(Value::as_str);
                Incoming::Words {
                    text: transcript.to_owned(),
                    settled: is("is_final"),
                    last: Last::No,
                    completeness: None,
                    language: language.map(str::to_owned),
                }
            }
            "Metadata" => Incoming::Over,
            "TurnInfo" => Incoming::Words {
                text: text("transcript")?.to_owned(),
                settled: text("event") == Some("EndOfTurn"),
                last: Last::No,
                completeness: event.get("end_of_turn_confidence").and_then(Value::as_f64).map(|c| c as f32),
                language: event.pointer("/languages/0").and_then(Value::as_str).map(str::to_owned),
            },
            "Error" => Incoming::Error(error_body::<Self>(
                text("code").or(text("variant")).unwrap_or("error"),
                text("description").or(text("message")).unwrap_or_default(),
            )),
            _ => Incoming::Other,
        })
    }

    fn class(code: &str) -> &'static str {
        // Sound that cannot be decoded; the rest are failures of the server or the way to it.
        if code.starts_with("DATA-") { "invalid_request_error" } else { "" }
    }
}
