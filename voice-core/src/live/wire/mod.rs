//! A live session over a connection of the host's own, a WebSocket for example: what is said in both directions, as pure
//! encoders and decoders.
//!
//! Text frames are JSON objects whose `type` says what they are: [`ClientMessage`] and [`ServerMessage`] list them. Fields that
//! a side does not know are ignored; a type that it does not know is an error, after which the session goes on. Binary frames
//! are sound:
//!
//! | from | a binary frame is |
//! |---|---|
//! | the client | 16-bit little-endian samples, at the rate and with the channels that `connected` names |
//! | the server | where in the session's sound it begins, as a 64-bit little-endian number of samples; then 16-bit little-endian samples, one channel, at the rate that `connected` names |
//!
//! A client that plays the sound says now and then how far it is ([`ClientMessage::Playback`]): the position of the frame that
//! it plays and the samples of it that were heard. History then holds what was heard and no more. After
//! [`ServerMessage::Clear`] it throws away what it has not played; the positions of the frames that follow tell where they
//! belong.
//!
//! Someone who goes on speaking before anything of the answer was heard takes the question back: [`ServerMessage::Interrupted`]
//! comes with nothing heard, no [`ServerMessage::AssistantMessage`] follows for that turn, and the next transcript begins with the
//! same words.
//!
//! ```no_run
//! # use voice_core::live::{LiveSession, wire::{ClientMessage, Frame, Wire}};
//! # async fn received() -> Option<Frame> { None }
//! # async fn send(_frame: Frame) {}
//! # async fn serve(session: LiveSession) {
//! let mut wire = session.wire();
//! loop {
//!     tokio::select! {
//!         event = session.next() => match event {
//!             Some(event) => if let Some(frame) = wire.encode(&event) { send(frame).await },
//!             None => break,
//!         },
//!         frame = received() => match frame {
//!             Some(frame) => if let Err(error) = ClientMessage::from_frame(&frame).and_then(|said| session.receive(said)) {
//!                 send(Wire::error(&error)).await;
//!             },
//!             None => break, // Dropping the session ends it.
//!         },
//!     }
//! }
//! # }
//! ```

mod client;
mod server;

pub use client::ClientMessage;
pub use server::{Encoding, ServerMessage, SoundFormat, WireError, WireSource};

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::event::LiveEvent;
use crate::error::{Error, ErrorKind, Result};

/// The version of the protocol that `connected` names. It is raised when a client that knows the last one would be misled.
pub const VERSION: u32 = 1;

/// One message of a connection that knows texts and bytes, as a WebSocket does.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text frame: JSON.
    Text(String),
    /// A binary frame: sound.
    Binary(Vec<u8>),
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}

/// Writes the events of one live session as frames for its client. Made by [`LiveSession::wire`](super::LiveSession::wire).
#[derive(Clone, Debug)]
pub struct Wire {
    input: SoundFormat,
    output_rate: u32,
    /// Where in the session's sound the next sound begins, in samples.
    position: u64,
}

impl Wire {
    pub(super) fn new(input_rate: u32, input_channels: u32) -> Self {
        let input = SoundFormat { encoding: Encoding::Pcm16, sample_rate: input_rate, channels: input_channels };
        Self { input, output_rate: 0, position: 0 }
    }

    /// The frame that tells the client of an event, if it is for the client: what providers took and cost is not, nor are the
    /// arguments and results of tools and the words of documents. Every event has to be shown, in order.
    pub fn encode(&mut self, event: &LiveEvent) -> Option<Frame> {
        self.message(event).map(|message| message.to_frame())
    }

    fn message(&mut self, event: &LiveEvent) -> Option<ServerMessage> {
        match event {
            LiveEvent::Started { session_id, sample_rate } => {
                self.output_rate = *sample_rate;
                let output = SoundFormat { encoding: Encoding::Pcm16, sample_rate: *sample_rate, channels: 1 };
                Some(ServerMessage::Connected { version: VERSION, session_id: *session_id, input: self.input, output })
            }
            LiveEvent::Audio(pcm) => {
                let position = self.position;
                self.position += pcm.samples().len() as u64;
                Some(ServerMessage::Audio { position, samples: pcm.samples().to_vec() })
            }
            LiveEvent::Clear { position } => {
                self.position = (position.as_secs_f64() * f64::from(self.output_rate)).round() as u64;
                Some(ServerMessage::Clear { position: self.position })
            }
            LiveEvent::Speaking(words) => {
                Some(ServerMessage::Speaking { text: words.0.clone(), filler: false, position: self.position })
            }
            LiveEvent::Filler(words) => {
                Some(ServerMessage::Speaking { text: words.0.clone(), filler: true, position: self.position })
            }
            other => ServerMessage::of(other),
        }
    }

    /// The frame that tells the client what went wrong with something it sent.
    #[must_use]
    pub fn error(error: &Error) -> Frame {
        ServerMessage::Error { error: error.into() }.to_frame()
    }

    /// The JSON schema of the text frames: `ClientMessage` and `ServerMessage` among its `$defs`.
    #[must_use]
    pub fn json_schema() -> Value {
        let mut generator = SchemaSettings::draft2020_12().into_generator();
        let (client, server) = (refer::<ClientMessage>(&mut generator), refer::<ServerMessage>(&mut generator));
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Messages of a live session",
            "description": format!("The text frames of version {VERSION} of the protocol, from the client or from the server."),
            "anyOf": [client, server],
            "$defs": generator.take_definitions(true),
        })
    }
}

fn refer<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// 16-bit little-endian samples.
fn samples(bytes: &[u8]) -> Result<Vec<i16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(malformed(format!("{} bytes of sound are no whole number of 16-bit samples", bytes.len())));
    }
    Ok(pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}

fn bytes(samples: &[i16]) -> impl Iterator<Item = u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes())
}

/// A message of type `T`. What serde says of a fault may quote the text, so that only the place is kept.
fn parsed<T: serde::de::DeserializeOwned>(text: &str, types: &[&str]) -> Result<T> {
    serde_json::from_str(text).map_err(|fault| {
        let kind = serde_json::from_str::<Value>(text).ok().map(|value| value["type"].as_str().map(str::to_owned));
        malformed(match kind {
            None => format!("the message is not JSON (line {}, column {})", fault.line(), fault.column()),
            Some(None) => format!("a message is a JSON object with a `type`, one of {}", types.join(", ")),
            Some(Some(kind)) => match types.iter().find(|known| **known == kind) {
                Some(known) => format!("a field of the message `{known}` is missing or of a wrong type"),
                None => format!("there is no message of that type; known: {}", types.join(", ")),
            },
        })
    })
}

fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, message)
}

/// A message as JSON. Strings, numbers and flags always have one.
fn written<T: serde::Serialize>(message: &T) -> Frame {
    Frame::Text(serde_json::to_string(message).unwrap_or_default())
}
