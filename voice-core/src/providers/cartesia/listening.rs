//! What Ink says on its WebSocket, `/stt/websocket` (<https://docs.cartesia.ai/api-reference/stt/websocket>).

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use super::language::tag;
use crate::providers::http::{Incoming, Last, Wire, binary_before};

/// The events of a session in which the end of an utterance is told by us.
#[derive(Clone)]
pub(super) struct Events;

impl Wire for Events {
    /// Connections on which no sound came were once closed after 20 s, and those that are open are counted.
    const WAITS: Duration = Duration::from_secs(16);
    /// The words bring their own spaces.
    const BETWEEN: &'static str = "";

    fn sound(&self, samples: Vec<u8>) -> Message {
        Message::binary(samples)
    }

    fn end(&self, samples: Vec<u8>) -> Vec<Message> {
        // A bare word. All sound is recognised before `done` comes.
        binary_before(samples, "close")
    }

    fn read(&self, event: &Value) -> Option<Incoming> {
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        Some(match text("type").unwrap_or_default() {
            "transcript" => Incoming::Words {
                text: text("text")?.to_owned(),
                settled: event.get("is_final").and_then(Value::as_bool).unwrap_or(false),
                last: Last::No,
                completeness: None,
                language: text("language").and_then(tag),
            },
            "done" => Incoming::Over,
            "error" => Incoming::Error(event.clone()),
            _ => Incoming::Other,
        })
    }
}
