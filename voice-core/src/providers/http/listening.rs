//! Recognition of what is being spoken, over a WebSocket for each utterance; that of the next one is opened when one is over.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt, stream};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_tungstenite::tungstenite::{self, Message, protocol::CloseFrame, protocol::frame::coding::CloseCode};

use super::{Peer, Private, Server, Socket, websocket_error};
use crate::{
    audio::{Pcm, SPEECH_RATE},
    error::{Error, Result},
    event::Transcript,
    provider::{Kept, ResultStream, SpokenSound},
};

/// How long nothing may be sent. Servers give a connection up on which nothing comes: Deepgram after ten seconds, others later.
pub(super) const SILENCE: Duration = Duration::from_secs(4);

/// How long words that are likely the last ones may stay the last that came.
const PATIENCE: Duration = Duration::from_millis(300);

/// How a provider speaks on its WebSocket. Sound is 16-bit samples, little-endian, mono, 16 kHz.
pub(crate) trait Wire: Clone + Send + Sync + 'static {
    /// Sound is sent in pieces of at least so many milliseconds.
    const PIECE_MS: usize = 100;
    /// The least sound, in milliseconds, of which the server makes words. What is shorter is filled up with silence.
    const LEAST_MS: usize = 0;
    /// How long a connection may wait for somebody to speak.
    const WAITS: Duration;
    /// What stands between words that stand and the words behind them.
    const BETWEEN: &'static str = " ";
    /// Whether a server that was told the end says by closing the connection that all was said.
    const CLOSING_ENDS: bool = false;

    /// Sound as it is sent.
    fn sound(&self, samples: Vec<u8>) -> Message;

    /// The end of an utterance as it is told, with the last of its sound, which may be empty.
    fn end(&self, samples: Vec<u8>) -> Vec<Message>;

    /// What keeps a connection alive on which nothing is said; `None` where only sound does, which is paid for.
    fn keep_alive(&self) -> Option<Message> {
        None
    }

    /// What an event says; `None` when it is not what its type promises.
    fn read(&self, event: &Value) -> Option<Incoming>;

    /// The class of an error with this code, as [`Peer::reported`] knows it; empty: the code says enough.
    fn class(code: &str) -> &'static str {
        let _ = code;
        ""
    }
}

/// What the server sends, as far as it matters.
pub(crate) enum Incoming {
    /// Words behind those that stand.
    Words {
        text: String,
        /// Whether they stand, or may still change.
        settled: bool,
        /// Whether they end the utterance, once the server was told its end.
        last: Last,
        /// How likely the speaker is done, from 0 to 1.
        completeness: Option<f32>,
        language: Option<String>,
    },
    /// All was said that will be.
    #[cfg_attr(not(any(feature = "deepgram", feature = "cartesia")), allow(dead_code))]
    Over,
    /// Something failed; a body for [`Peer::reported`].
    Error(Value),
    /// Anything else.
    Other,
}

/// Whether words are the last ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    No,
    /// Unless they come again in a moment, with more about them.
    #[cfg_attr(not(feature = "elevenlabs"), allow(dead_code))]
    Likely,
    #[cfg_attr(not(feature = "elevenlabs"), allow(dead_code))]
    Yes,
}

/// The body of an error whose code belongs to a class.
pub(crate) fn error_body<W: Wire>(code: &str, words: &str) -> Value {
    json!({"error": {"type": W::class(code), "code": code, "message": words}})
}

/// Sound as a message, if there is any, and what comes behind it.
#[cfg(any(feature = "deepgram", feature = "cartesia"))]
pub(crate) fn binary_before(samples: Vec<u8>, then: &str) -> Vec<Message> {
    let sound = (!samples.is_empty()).then(|| Message::binary(samples));
    sound.into_iter().chain([Message::text(then)]).collect()
}

/// The way of a session to its recogniser.
#[derive(Clone)]
pub(crate) struct Line<W> {
    pub(crate) server: Server,
    pub(crate) url: Url,
    pub(crate) private: Private,
    /// Where the connection for the next utterance is kept, if one may wait.
    pub(crate) kept: Option<Kept>,
    pub(crate) wire: W,
}

impl<W: Wire> Line<W> {
    /// Recognises one utterance over a WebSocket.
    ///
    /// # Errors
    /// When no connection comes about, or the server refuses it; in the stream whatever the server says, and kind
    /// `ConnectionLost` when the connection ends before the last words.
    pub(crate) async fn listen(self, sound: SpokenSound) -> Result<ResultStream<Transcript>> {
        let utterance = Utterance {
            socket: Some(self.socket().await?),
            peer: self.server.peer.clone(),
            line: self,
            sound: Some(sound),
            unsent: Vec::new(),
            sent: 0,
            sent_at: Instant::now(),
            settled: String::new(),
            tail: String::new(),
            shown: String::new(),
            language: None,
            patience: None,
        };
        Ok(stream::unfold(utterance, |mut u| async move { u.next().await.map(|item| (item, u)) }).boxed())
    }
}

/// The bytes of so many milliseconds of sound.
const fn bytes(ms: usize) -> usize {
    SPEECH_RATE as usize * 2 * ms / 1000
}

/// One utterance on its connection.
struct Utterance<W> {
    /// Gone once all is said.
    socket: Option<Socket>,
    peer: Peer,
    line: Line<W>,
    /// Gone once it has ended, and the server was told so.
    sound: Option<SpokenSound>,
    /// Sound that does not fill a piece yet.
    unsent: Vec<u8>,
    /// How many bytes of sound were sent.
    sent: usize,
    /// When something was sent last.
    sent_at: Instant,
    /// The words that stand.
    settled: String,
    /// The words behind them that may still change.
    tail: String,
    /// What the listener was told last.
    shown: String,
    language: Option<String>,
    /// How long something more is waited for behind words that are likely the last.
    patience: Option<Instant>,
}

/// What happened next.
enum Step {
    Came(Option<Result<Message, tungstenite::Error>>),
    Heard(Option<Pcm>),
    Silence,
}

impl<W: Wire> Utterance<W> {
    async fn next(&mut self) -> Option<Result<Transcript>> {
        while let Some(socket) = &mut self.socket {
            let step = match (&mut self.sound, self.patience) {
                (Some(sound), _) => tokio::select! {
                    biased;
                    came = socket.next() => Step::Came(came),
                    pcm = sound.next() => Step::Heard(pcm),
                    () = sleep_until(self.sent_at + SILENCE) => Step::Silence,
                },
                (None, Some(until)) => Step::Came(timeout_at(until, socket.next()).await.unwrap_or(None)),
                (None, None) => Step::Came(socket.next().await),
            };
            let said = match step {
                Step::Came(came) => self.came(came),
                Step::Heard(Some(pcm)) => self.hear(&pcm).await.map(|()| None),
                Step::Heard(None) => self.end().await,
                Step::Silence => self.stay().await.map(|()| None),
            };
            match said {
                Ok(None) => {}
                Ok(Some(said)) => {
                    if said.is_final {
                        self.socket = None;
                        self.line.prepare();
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

    async fn hear(&mut self, pcm: &Pcm) -> Result<()> {
        self.unsent.extend(pcm.samples().iter().flat_map(|sample| sample.to_le_bytes()));
        if self.unsent.len() < bytes(W::PIECE_MS) {
            return Ok(());
        }
        let samples = std::mem::take(&mut self.unsent);
        self.sent += samples.len();
        self.send(self.line.wire.sound(samples)).await
    }

    /// Nothing was sent for a while.
    async fn stay(&mut self) -> Result<()> {
        let wire = &self.line.wire;
        let message = wire.keep_alive().unwrap_or_else(|| wire.sound(vec![0; bytes(W::PIECE_MS)]));
        self.send(message).await
    }

    /// The user is done.
    async fn end(&mut self) -> Result<Option<Transcript>> {
        self.sound = None;
        if self.sent == 0 && self.unsent.is_empty() {
            return Ok(Some(Transcript::last("")));
        }
        let mut samples = std::mem::take(&mut self.unsent);
        let least = bytes(W::LEAST_MS).saturating_sub(self.sent);
        samples.resize(samples.len().max(least), 0);
        for message in self.line.wire.end(samples) {
            self.send(message).await?;
        }
        Ok(None)
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        self.sent_at = Instant::now();
        let Some(socket) = &mut self.socket else { return Ok(()) };
        let sent = socket.send(message).await;
        sent.map_err(|e| websocket_error(&self.peer, e, false, &self.line.private).error)
    }

    fn came(&mut self, came: Option<Result<Message, tungstenite::Error>>) -> Result<Option<Transcript>> {
        match came {
            Some(Ok(Message::Text(text))) => {
                let event = serde_json::from_str::<Value>(&text).ok();
                let event = event.ok_or_else(|| self.peer.malformed("sent an event that is not JSON"))?;
                self.read(&event)
            }
            Some(Ok(Message::Close(frame))) if self.patience.is_none() => self.closed(frame),
            Some(Ok(message)) if !message.is_close() => Ok(None),
            // The words are there; how the connection ends matters no more.
            _ if self.patience.is_some() => Ok(Some(self.last())),
            Some(Err(error)) => Err(websocket_error(&self.peer, error, false, &self.line.private).error),
            _ => Err(self.peer.cut_short()),
        }
    }

    /// The server has closed the connection.
    fn closed(&self, frame: Option<CloseFrame>) -> Result<Option<Transcript>> {
        match frame.filter(|frame| !matches!(frame.code, CloseCode::Normal | CloseCode::Status)) {
            Some(frame) => {
                let reason = frame.reason.as_str();
                // Such as `DATA-0000: …` or `quota_exceeded`.
                let code = reason.split([' ', ':']).next().filter(|word| word.contains(['-', '_']));
                Err(self.reported(&error_body::<W>(code.unwrap_or("closed"), reason)))
            }
            None if W::CLOSING_ENDS && self.sound.is_none() => Ok(Some(self.last())),
            None => Err(self.peer.cut_short()),
        }
    }

    fn read(&mut self, event: &Value) -> Result<Option<Transcript>> {
        let incoming = self.line.wire.read(event);
        match incoming.ok_or_else(|| self.peer.malformed("sent results without a transcript"))? {
            Incoming::Words { text, settled, last, completeness, language } => {
                self.language = language.or(self.language.take());
                if settled {
                    self.settled = joined::<W>(&self.settled, &text);
                    self.tail.clear();
                } else {
                    self.tail = text;
                }
                match last {
                    Last::Yes if self.sound.is_none() => return Ok(Some(self.last())),
                    Last::Likely if self.sound.is_none() => self.patience = Some(Instant::now() + PATIENCE),
                    _ => {}
                }
                let text = self.text();
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
            Incoming::Error(body) => Err(self.reported(&body)),
            Incoming::Over | Incoming::Other => Ok(None),
        }
    }

    fn text(&self) -> String {
        joined::<W>(&self.settled, &self.tail).trim().to_owned()
    }

    fn last(&self) -> Transcript {
        let last = Transcript::last(self.text());
        match &self.language {
            Some(code) => last.with_language(code.as_str()),
            None => last,
        }
    }

    /// The error that the server reports, without anything that was said.
    fn reported(&self, body: &Value) -> Error {
        let mut private = self.line.private.clone();
        private.extend([self.settled.as_str().into(), self.tail.as_str().into()]);
        self.peer.reported(body, &private)
    }
}

/// Words and the words behind them.
fn joined<W: Wire>(before: &str, text: &str) -> String {
    // Where nothing stands between, the words bring their own spaces.
    if W::BETWEEN.is_empty() {
        return format!("{before}{text}");
    }
    let both = [before.trim(), text.trim()];
    both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(W::BETWEEN)
}
