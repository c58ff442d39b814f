//! The WebSocket side of the double.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE},
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{task::yield_now, time::sleep};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{
    Route, State, conversation, lock,
    record::Entry,
    reply::{EVENT_ID, End, RESPONSE_ID, Reply},
    server::Body,
};

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Whether a request asks for a WebSocket.
pub(super) fn wanted<B>(request: &Request<B>) -> bool {
    request.headers().get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The answer that opens it.
pub(super) fn switching(key: &str) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|e| match e {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, hyper::header::HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = derive_accept_key(key.as_bytes()).parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Counts an open socket for as long as it lives.
pub(super) struct Open(Arc<State>);

impl Open {
    pub(super) fn new(state: &Arc<State>) -> Self {
        state.sockets.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Holds one session: every frame is recorded, `session.update` is confirmed, each `response.create` plays a reply, and so does
/// each utterance: what can be said before its end comes a frame for each piece of sound, the rest when it is committed.
pub(super) async fn serve(upgrade: OnUpgrade, entry: Arc<Entry>, state: Arc<State>, reset: Arc<AtomicBool>) {
    let Ok(upgraded) = upgrade.await else { return };
    let _open = Open::new(&state);
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let kind = if entry.request.path.contains("intent=transcription") { "transcription" } else { "realtime" };
    let mut session = json!({"type": kind, "object": format!("realtime.{kind}_session"), "id": "sess_1"});
    if let Some(expires) = state.next(Route::RealtimeSession).session_end() {
        session["expires_at"] = expires.into();
    }
    if !send(&mut socket, &json!({"type": "session.created", "event_id": "e0", "session": session})).await {
        return;
    }
    let model = lock(&state.conversation).clone().filter(|_| kind == "realtime");
    if let Some(model) = model {
        conversation::serve(socket, entry, Arc::clone(&state), model).await;
        return;
    }
    let mut utterance: Option<Playing> = None;
    let mut utterances = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(event) = serde_json::from_str::<Value>(&text) else { return };
        lock(&entry.frames).push(event.clone());
        let event_id = event.get("event_id").and_then(Value::as_str).unwrap_or_default();
        let goes_on = match event.get("type").and_then(Value::as_str) {
            Some("session.update") => {
                let updated = json!({"type": "session.updated", "event_id": "e0", "session": event["session"]});
                send(&mut socket, &updated).await
            }
            Some("response.create") => {
                let mut reply = Playing::new(state.next(Route::Realtime), &entry);
                reply.play(&mut socket, usize::MAX, &format!("resp_{event_id}"), event_id, &reset).await
            }
            Some("input_audio_buffer.append") => {
                let spoken = utterance.get_or_insert_with(|| {
                    utterances += 1;
                    Playing::new(state.next(Route::LiveTranscription), &entry)
                });
                let until = spoken.early.min(spoken.sent + 1);
                spoken.play(&mut socket, until, &format!("item_{utterances}"), "", &reset).await
            }
            Some("input_audio_buffer.commit") => match utterance.take() {
                Some(mut spoken) => {
                    spoken.play(&mut socket, usize::MAX, &format!("item_{utterances}"), event_id, &reset).await
                }
                None => {
                    let error = json!({"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "message": "the buffer is empty", "param": null, "event_id": event_id});
                    send(&mut socket, &json!({"type": "error", "event_id": "e1", "error": error})).await
                }
            },
            _ => true,
        };
        if !goes_on {
            return;
        }
    }
}

async fn send(socket: &mut Socket, event: &Value) -> bool {
    socket.send(Message::text(event.to_string())).await.is_ok()
}

/// A reply that is being played.
struct Playing {
    reply: Reply,
    frames: std::vec::IntoIter<Bytes>,
    /// How many frames may go before the end of an utterance.
    early: usize,
    sent: usize,
    begun: bool,
}

impl Playing {
    fn new(reply: Reply, entry: &Entry) -> Self {
        let (frames, _) = reply.render(&entry.request);
        Self { early: reply.early(), frames: frames.into_iter(), reply, sent: 0, begun: false }
    }

    /// Plays until so many frames were sent; `false` when the connection is to end.
    async fn play(&mut self, socket: &mut Socket, until: usize, of: &str, event_id: &str, reset: &AtomicBool) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            match self.reply.first_byte {
                Some(delay) => sleep(delay).await,
                None => return std::future::pending().await,
            }
        }
        loop {
            match self.reply.end {
                End::Stop(n) | End::Cut(n) if self.sent >= n => return false,
                End::Reset(n) if self.sent >= n => {
                    yield_now().await;
                    reset.store(true, Ordering::Relaxed);
                    return false;
                }
                End::Hang(n) if self.sent >= n => return std::future::pending().await,
                _ => {}
            }
            if self.sent >= until {
                return true;
            }
            let Some(frame) = self.frames.next() else { return true };
            if self.sent > 0 {
                sleep(self.reply.gap).await;
            }
            let text = String::from_utf8_lossy(&frame).replace(RESPONSE_ID, of).replace(EVENT_ID, event_id);
            if socket.send(Message::text(text)).await.is_err() {
                return false;
            }
            self.sent += 1;
        }
    }
}
