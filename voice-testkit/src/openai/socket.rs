//! WebSockets of other APIs: what goes out when something comes in, by script.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};

use super::{
    State, lock,
    realtime::{Open, Socket},
    record::Entry,
    reply::{End, Reply},
};

/// What happens on a socket.
#[derive(Clone, Debug, Default)]
pub(super) struct SocketScript {
    early: VecDeque<String>,
    answers: Vec<(String, Vec<String>)>,
    pub(super) close: Option<(u16, String)>,
}

impl SocketScript {
    pub(super) fn early(frames: impl IntoIterator<Item = Value>) -> Self {
        Self { early: frames.into_iter().map(text).collect(), ..Self::default() }
    }

    pub(super) fn answer(&mut self, kind: &str, frames: impl IntoIterator<Item = Value>) {
        self.answers.push((kind.into(), frames.into_iter().map(text).collect()));
    }
}

fn text(frame: Value) -> String {
    match frame {
        Value::String(text) => text,
        frame => frame.to_string(),
    }
}

/// The name by which a text frame is answered: its type, or itself where it is a bare word. `None`: it is sound, and ends nothing.
fn name(frame: &Value) -> Option<&str> {
    if frame["message_type"] == "input_audio_chunk" {
        return (frame["commit"] == true).then_some("commit");
    }
    Some(frame["type"].as_str().or(frame.as_str()).unwrap_or_default())
}

/// Holds one socket: every frame is recorded, and answered as the script has it.
pub(super) async fn serve(
    upgrade: OnUpgrade,
    entry: Arc<Entry>,
    state: Arc<State>,
    reset: Arc<AtomicBool>,
    reply: Reply,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let _open = Open::new(&state);
    let mut script = reply.socket_script();
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let mut player = Player { socket, end: reply.end, reset, sent: 0 };
    while let Some(Ok(message)) = player.socket.next().await {
        let (frames, answered) = match message {
            Message::Binary(bytes) => {
                lock(&entry.frames).push(json!({"binary": STANDARD.encode(&bytes)}));
                (script.early.pop_front().into_iter().collect(), false)
            }
            Message::Text(text) => {
                let event = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_str()));
                lock(&entry.frames).push(event.clone());
                let name = name(&event);
                match script.answers.iter().find(|(kind, _)| name == Some(kind)) {
                    Some((_, frames)) => (script.early.drain(..).chain(frames.iter().cloned()).collect(), true),
                    None if name.is_none() => (script.early.pop_front().into_iter().collect(), false),
                    None => (Vec::new(), false),
                }
            }
            _ => continue,
        };
        if !player.play(frames).await {
            return;
        }
        if answered && let Some((code, reason)) = script.close.take() {
            let frame = CloseFrame { code: code.into(), reason: reason.into() };
            // Whoever is gone already needs no word of it.
            let _ = player.socket.close(Some(frame)).await;
            while let Some(Ok(_)) = player.socket.next().await {}
            return;
        }
    }
}

struct Player {
    socket: Socket,
    end: End,
    reset: Arc<AtomicBool>,
    sent: usize,
}

impl Player {
    /// Sends frames; `false` when the connection is to end.
    async fn play(&mut self, frames: Vec<String>) -> bool {
        let mut frames = frames.into_iter();
        loop {
            match self.end {
                End::Stop(n) | End::Cut(n) if self.sent >= n => return false,
                End::Reset(n) if self.sent >= n => {
                    yield_now().await;
                    self.reset.store(true, Ordering::Relaxed);
                    return false;
                }
                End::Hang(n) if self.sent >= n => return std::future::pending().await,
                _ => {}
            }
            let Some(frame) = frames.next() else { return true };
            if self.socket.send(Message::text(frame)).await.is_err() {
                return false;
            }
            self.sent += 1;
        }
    }
}
