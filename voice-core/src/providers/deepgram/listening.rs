//! Recognition of what is being spoken, over a WebSocket for each utterance; that of the next one is opened when one is over.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, stream};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{self, Message, protocol::CloseFrame, protocol::frame::coding::CloseCode};

use super::spare;
use crate::{
    audio::{Pcm, SPEECH_RATE},
    error::{Error, Result},
    event::Transcript,
    provider::{Kept, ResultStream, SpokenSound},
    providers::http::{Peer, Private, Server, Socket, websocket_error},
};

/// Sound is sent in pieces of at least 80 ms of 16-bit samples.
const PIECE: usize = SPEECH_RATE as usize * 2 * 80 / 1000;

/// How long nothing may be sent; the server gives a silent connection up after ten seconds.
pub(super) const SILENCE: Duration = Duration::from_secs(4);

/// What keeps a connection alive on which nothing is said.
pub(super) fn keep_alive() -> Message {
    Message::text(json!({"type": "KeepAlive"}).to_string())
}

/// The way of a session to its recogniser.
pub(super) struct Line {
    pub(super) server: Server,
    pub(super) url: Url,
    /// Where the connection for the next utterance is kept, if one may wait.
    pub(super) kept: Option<Kept>,
}

/// Recognises one utterance over a WebSocket.
pub(super) async fn listen(line: Line, sound: SpokenSound, private: Private) -> Result<ResultStream<Transcript>> {
    let Line { server, url, kept } = &line;
    let socket = match kept {
        Some(kept) => spare::socket(kept, server, url, &private).await?,
        None => server.websocket(url.clone(), &private).await?,
    };
    let utterance = Utterance {
        socket: Some(socket),
        peer: server.peer.clone(),
        line,
        private,
        sound: Some(sound),
        unsent: Vec::new(),
        has_sent: false,
        sent_at: Instant::now(),
        settled: String::new(),
        tail: String::new(),
        shown: String::new(),
        language: None,
    };
    Ok(stream::unfold(utterance, |mut u| async move { u.next().await.map(|item| (item, u)) }).boxed())
}

/// One utterance on its connection.
struct Utterance {
    /// Gone once all is said.
    socket: Option<Socket>,
    peer: Peer,
    line: Line,
    private: Private,
    /// Gone once it has ended, and the server was told so.
    sound: Option<SpokenSound>,
    /// Sound that does not fill a piece yet.
    unsent: Vec<u8>,
    has_sent: bool,
    /// When something was sent last.
    sent_at: Instant,
    /// The words that stand.
    settled: String,
    /// The words behind them that may still change.
    tail: String,
    /// What the listener was told last.
    shown: String,
    language: Option<String>,
}

/// What happened next.
enum Step {
    Came(Option<Result<Message, tungstenite::Error>>),
    Heard(Option<Pcm>),
    Silence,
}

/// What the server sends, as far as it matters.
enum Incoming {
    /// Words behind those that stand. `completeness` tells how likely the speaker is done.
    Words { text: String, settled: bool, completeness: Option<f32>, language: Option<String> },
    /// All was said that will be.
    Over,
    /// Something failed.
    Error { code: String, words: String },
    /// Anything else.
    Other,
}

impl Utterance {
    async fn next(&mut self) -> Option<Result<Transcript>> {
        while let Some(socket) = &mut self.socket {
            let step = match &mut self.sound {
                Some(sound) => tokio::select! {
                    biased;
                    came = socket.next() => Step::Came(came),
                    pcm = sound.next() => Step::Heard(pcm),
                    () = sleep_until(self.sent_at + SILENCE) => Step::Silence,
                },
                None => Step::Came(socket.next().await),
            };
            let said = match step {
                Step::Came(came) => self.came(came),
                Step::Heard(Some(pcm)) => self.hear(&pcm).await.map(|()| None),
                Step::Heard(None) => self.close().await,
                Step::Silence => self.send(keep_alive()).await.map(|()| None),
            };
            match said {
                Ok(None) => {}
                Ok(Some(said)) => {
                    if said.is_final {
                        self.socket = None;
                        self.prepare_next();
                    }
                    return Some(Ok(said));
                }
                Err(error) => {
                    self.socket = None;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn prepare_next(&self) {
        let Line { server, url, kept } = &self.line;
        if let Some(kept) = kept {
            spare::prepare(kept, server, url, &self.private);
        }
    }

    async fn hear(&mut self, pcm: &Pcm) -> Result<()> {
        self.unsent.extend(pcm.samples().iter().flat_map(|sample| sample.to_le_bytes()));
        if self.unsent.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    /// Sends the sound that waits.
    async fn flush(&mut self) -> Result<()> {
        // An empty frame once meant the end.
        if self.unsent.is_empty() {
            return Ok(());
        }
        self.has_sent = true;
        let bytes = std::mem::take(&mut self.unsent);
        self.send(Message::binary(bytes)).await
    }

    /// The user is done.
    async fn close(&mut self) -> Result<Option<Transcript>> {
        self.sound = None;
        if !self.has_sent && self.unsent.is_empty() {
            return Ok(Some(Transcript::last("")));
        }
        self.flush().await?;
        self.send(Message::text(json!({"type": "CloseStream"}).to_string())).await?;
        Ok(None)
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        self.sent_at = Instant::now();
        let Some(socket) = &mut self.socket else { return Ok(()) };
        socket.send(message).await.map_err(|e| websocket_error(&self.peer, e, false, &self.private).error)
    }

    fn came(&mut self, came: Option<Result<Message, tungstenite::Error>>) -> Result<Option<Transcript>> {
        match came {
            Some(Ok(Message::Text(text))) => {
                let event = serde_json::from_str::<Value>(&text).ok();
                let event = event.ok_or_else(|| self.peer.malformed("sent an event that is not JSON"))?;
                self.read(&event)
            }
            Some(Ok(Message::Close(frame))) => self.closed(frame),
            Some(Ok(_)) => Ok(None),
            Some(Err(error)) => Err(websocket_error(&self.peer, error, false, &self.private).error),
            None => Err(self.peer.cut_short()),
        }
    }

    /// The server has closed the connection, which is right once it was told to.
    fn closed(&self, frame: Option<CloseFrame>) -> Result<Option<Transcript>> {
        let frame = frame.filter(|frame| !matches!(frame.code, CloseCode::Normal | CloseCode::Status));
        match frame {
            Some(frame) => {
                let reason = frame.reason.as_str();
                // Such as `DATA-0000` or `NET-0001`, then words.
                let code = reason.split([' ', ':']).next().filter(|c| !c.is_empty()).unwrap_or("closed");
                Err(self.reported(code, reason))
            }
            None if self.sound.is_none() => Ok(Some(self.last())),
            None => Err(self.peer.cut_short()),
        }
    }

    fn read(&mut self, event: &Value) -> Result<Option<Transcript>> {
        match incoming(event).ok_or_else(|| self.peer.malformed("sent results without a transcript"))? {
            Incoming::Words { text, settled, completeness, language } => {
                self.language = language.or(self.language.take());
                if settled {
                    self.settled = joined(&self.settled, &text);
                    self.tail.clear();
                } else {
                    self.tail = text;
                }
                let text = joined(&self.settled, &self.tail);
                if text.is_empty() || (text == self.shown && completeness.is_none()) {
                    return Ok(None);
                }
                self.shown.clone_from(&text);
                let interim = Transcript::interim(text);
                Ok(Some(match completeness {
                    Some(completeness) => interim.with_completeness(completeness),
                    None => interim,
                }))
            }
            Incoming::Over if self.sound.is_none() => Ok(Some(self.last())),
            Incoming::Error { code, words } => Err(self.reported(&code, &words)),
            Incoming::Over | Incoming::Other => Ok(None),
        }
    }

    fn last(&self) -> Transcript {
        let last = Transcript::last(joined(&self.settled, &self.tail));
        match &self.language {
            Some(code) => last.with_language(code.as_str()),
            None => last,
        }
    }

    /// The error that the server reports, without anything that was said.
    fn reported(&self, code: &str, words: &str) -> Error {
        let mut private = self.private.clone();
        private.extend([self.settled.as_str().into(), self.tail.as_str().into()]);
        // Sound that cannot be decoded; the rest are failures of the server or the way to it.
        let class = if code.starts_with("DATA-") { "invalid_request_error" } else { "" };
        self.peer.reported(&json!({"error": {"type": class, "code": code, "message": words}}), &private)
    }
}

/// What an event says; `None` when it is not what its type promises.
fn incoming(event: &Value) -> Option<Incoming> {
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
                completeness: None,
                language: language.map(str::to_owned),
            }
        }
        "Metadata" => Incoming::Over,
        "TurnInfo" => Incoming::Words {
            text: text("transcript")?.to_owned(),
            settled: text("event") == Some("EndOfTurn"),
            completeness: event.get("end_of_turn_confidence").and_then(Value::as_f64).map(|c| c as f32),
            language: event.pointer("/languages/0").and_then(Value::as_str).map(str::to_owned),
        },
        "Error" => Incoming::Error {
            code: text("code").or(text("variant")).unwrap_or("error").to_owned(),
            words: text("description").or(text("message")).unwrap_or_default().to_owned(),
        },
        _ => Incoming::Other,
    })
}

fn joined(before: &str, text: &str) -> String {
    let both = [before.trim(), text.trim()];
    both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
