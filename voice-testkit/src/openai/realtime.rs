//! The WebSocket side of the double.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

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
    Route, State, lock,
    record::Entry,
    reply::{EVENT_ID, End, RESPONSE_ID, Reply},
    server::Body,
};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

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

/// Holds one session: every frame is recorded, `session.update` is confirmed, each `response.create` plays a reply.
pub(super) async fn serve(upgrade: OnUpgrade, entry: Arc<Entry>, state: Arc<State>, reset: Arc<AtomicBool>) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let session = json!({"type": "realtime", "object": "realtime.session", "id": "sess_1"});
    let created = json!({"type": "session.created", "event_id": "e0", "session": session});
    if socket.send(Message::text(created.to_string())).await.is_err() {
        return;
    }
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let Ok(event) = serde_json::from_str::<Value>(&text) else { return };
        lock(&entry.frames).push(event.clone());
        match event.get("type").and_then(Value::as_str) {
            Some("session.update") => {
                let updated = json!({"type": "session.updated", "event_id": "e0", "session": event["session"]});
                if socket.send(Message::text(updated.to_string())).await.is_err() {
                    return;
                }
            }
            Some("response.create") => {
                let reply = state.next(Route::Realtime);
                if !play(&mut socket, &reply, &event, &entry, &reset).await {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// Plays a reply; `false` when the connection is to end.
async fn play(socket: &mut Socket, reply: &Reply, asked: &Value, entry: &Entry, reset: &AtomicBool) -> bool {
    let (frames, _) = reply.render(&entry.request);
    let event_id = asked.get("event_id").and_then(Value::as_str).unwrap_or_default();
    let response_id = format!("resp_{event_id}");
    match reply.first_byte {
        Some(delay) => sleep(delay).await,
        None => return std::future::pending().await,
    }
    for (sent, frame) in frames.iter().map(Some).chain([None]).enumerate() {
        match reply.end {
            End::Stop(n) | End::Cut(n) if sent >= n => return false,
            End::Reset(n) if sent >= n => {
                yield_now().await;
                reset.store(true, Ordering::Relaxed);
                return false;
            }
            End::Hang(n) if sent >= n => return std::future::pending().await,
            _ => {}
        }
        let Some(frame) = frame else { break };
        if sent > 0 {
            sleep(reply.gap).await;
        }
        let text = String::from_utf8_lossy(frame).replace(RESPONSE_ID, &response_id).replace(EVENT_ID, event_id);
        if socket.send(Message::text(text)).await.is_err() {
            return false;
        }
    }
    true
}
