//! One WebSocket to the Realtime API: opening it, and what comes in, under its present and its beta names.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

use super::super::call::Endpoint;
use crate::{
    error::{ErrorKind, Result},
    providers::http::{Peer, Private, Socket, websocket, websocket_error},
    time::{Clock, SystemClock},
};

/// The server ends a session after 60 minutes without a word; a connection is not used that long.
const LIFE: Duration = Duration::from_secs(55 * 60);

/// How long before its announced end a session is not used any more: a sentence must fit in.
const MARGIN: Duration = Duration::from_secs(60);

pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) peer: Peer,
    /// Until when a new response may be begun.
    pub(super) good_until: Instant,
    /// How the session is set up, and the id of the event that did so.
    pub(super) session: Value,
    pub(super) session_event: String,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Speaking, with the model that the address names.
    Speech,
    /// Recognising, with the model that the session names.
    Transcription,
}

/// What the server sends, as far as it matters for speaking and for recognising.
pub(super) enum Incoming {
    /// A response was taken on.
    Created { response: String },
    /// A piece of sound.
    Sound { response: Option<String>, base64: String },
    /// A response is over.
    Done { response: Option<String>, outcome: Value },
    /// More words of an item of sound.
    Words { item: Option<String>, delta: String },
    /// All words of an item of sound, and their language where it was recognised.
    Transcript { item: Option<String>, text: String, language: Option<String> },
    /// An item of sound cannot be recognised.
    Unheard { item: Option<String>, body: Value },
    /// The sound so far became an item.
    Committed { item: Option<String> },
    /// Something failed; `answers` names the event of ours that it is about.
    Error { answers: Option<String>, body: Value },
    /// Anything else.
    Other,
}

impl Connection {
    /// Opens a connection and sets its session up. The answer is not waited for: events are worked off in order, and a refusal
    /// names the event.
    ///
    /// # Errors
    /// When no connection comes about, or the server refuses it.
    pub(super) async fn open(endpoint: &Endpoint, purpose: Purpose, session: Value, private: &Private) -> Result<Self> {
        let peer = endpoint.peer.clone();
        let mut url = Url::parse(&format!("{}/realtime", endpoint.config.base_url)).map_err(|_| {
            let message = "the base URL must begin with http:// or https:// and name a host";
            peer.error(ErrorKind::InvalidConfig, message)
        })?;
        match purpose {
            Purpose::Speech => url.query_pairs_mut().append_pair("model", &endpoint.model),
            Purpose::Transcription => url.query_pairs_mut().append_pair("intent", "transcription"),
        };
        let headers = endpoint.headers()?.into_iter().collect();
        let socket = websocket(&peer, url, headers, endpoint.config.connect_timeout, private).await?;
        let session_event = Uuid::now_v7().to_string();
        let event = json!({"type": "session.update", "event_id": session_event, "session": session});
        let mut connection = Self { socket, peer, good_until: Instant::now() + LIFE, session, session_event };
        connection.send(&event).await?;
        Ok(connection)
    }

    pub(super) async fn send(&mut self, event: &Value) -> Result<()> {
        let sent = self.socket.send(Message::text(event.to_string())).await;
        sent.map_err(|e| websocket_error(&self.peer, e, false, &Private::new()).error)
    }

    /// The next event, as far as it matters for speaking and for recognising. Dropping the future loses nothing.
    pub(super) async fn receive(&mut self, private: &Private) -> Result<Incoming> {
        Ok(read(self.event(private).await?))
    }

    /// The next event as it came. Dropping the future loses nothing.
    pub(super) async fn event(&mut self, private: &Private) -> Result<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text)
                        .map_err(|_| self.peer.malformed("sent an event that is not JSON"))?;
                    self.note_the_end(&event);
                    return Ok(event);
                }
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|f| f.reason.to_string()).filter(|r| !r.is_empty());
                    return Err(match reason {
                        // Such as `invalid_request_error.invalid_api_key`.
                        Some(reason) => self.peer.reported(&json!({"error": {"code": reason}}), private),
                        None => self.peer.cut_short(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(websocket_error(&self.peer, error, false, private).error),
                None => return Err(self.peer.cut_short()),
            }
        }
    }

    /// Takes note of when the session ends, where the event says so.
    fn note_the_end(&mut self, event: &Value) {
        let expires = event.pointer("/session/expires_at").and_then(Value::as_i64).filter(|at| *at > 0);
        if let Some(expires) = expires {
            let left = expires.saturating_sub(SystemClock.now().as_second());
            let left = Duration::from_secs(u64::try_from(left).unwrap_or(0)).saturating_sub(MARGIN);
            self.good_until = self.good_until.min(Instant::now() + left.min(LIFE));
        }
    }
}

fn read(event: Value) -> Incoming {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(str::to_owned);
    match event.get("type").and_then(Value::as_str).map(str::trim).unwrap_or_default() {
        "response.created" => text("/response/id").map_or(Incoming::Other, |response| Incoming::Created { response }),
        "response.output_audio.delta" | "response.audio.delta" => match text("/delta") {
            Some(base64) => Incoming::Sound { response: text("/response_id"), base64 },
            None => Incoming::Other,
        },
        "response.done" => Incoming::Done {
            response: text("/response/id"),
            outcome: event.get("response").cloned().unwrap_or_default(),
        },
        "conversation.item.input_audio_transcription.delta" => match text("/delta") {
            Some(delta) => Incoming::Words { item: text("/item_id"), delta },
            None => Incoming::Other,
        },
        "conversation.item.input_audio_transcription.completed" => Incoming::Transcript {
            item: text("/item_id"),
            text: text("/transcript").unwrap_or_default(),
            language: text("/languages/0/code"),
        },
        "conversation.item.input_audio_transcription.failed" => {
            Incoming::Unheard { item: text("/item_id"), body: event }
        }
        "input_audio_buffer.committed" => Incoming::Committed { item: text("/item_id") },
        "error" => Incoming::Error { answers: text("/error/event_id"), body: event },
        _ => Incoming::Other,
    }
}
