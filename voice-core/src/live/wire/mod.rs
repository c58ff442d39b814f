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
pub use server::{AudioFormat, Encoding, ServerMessage, WireError};

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
    input: AudioFormat,
    output_rate: u32,
    /// Where in the session's sound the next sound begins, in samples.
    position: u64,
}

impl Wire {
    pub(super) fn new(input_rate: u32, input_channels: u32) -> Self {
        let input = AudioFormat { encoding: Encoding::Pcm16, sample_rate: input_rate, channels: input_channels };
        Self { input, output_rate: 0, position: 0 }
    }

    /// The frame that tells the client of an event, if it is for the client: what providers took and cost is not, nor are the
    /// arguments and results of tools. Every event has to be shown, in order.
    pub fn encode(&mut self, event: &LiveEvent) -> Option<Frame> {
        self.message(event).map(|message| message.to_frame())
    }

    fn message(&mut self, event: &LiveEvent) -> Option<ServerMessage> {
        match event {
            LiveEvent::Started { session_id, sample_rate } => {
                self.output_rate = *sample_rate;
                let output = AudioFormat { encoding: Encoding::Pcm16, sample_rate: *sample_rate, channels: 1 };
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        audio::Pcm,
        event::TextDelta,
        id::{MessageId, SessionId, TurnId},
        live::{AgentState, EndReason, SpeechKind, UserState},
    };

    fn text() -> impl Strategy<Value = String> {
        vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect())
    }

    fn maybe<T: Clone + std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
        proptest::option::of(of)
    }

    fn client_message() -> impl Strategy<Value = ClientMessage> {
        prop_oneof![
            vec(any::<i16>(), 0..50).prop_map(ClientMessage::Audio),
            text().prop_map(|text| ClientMessage::UserMessage { text }),
            text().prop_map(|keys| ClientMessage::Dtmf { keys }),
            Just(ClientMessage::Commit),
            Just(ClientMessage::Interrupt),
            Just(ClientMessage::Pause),
            Just(ClientMessage::Resume),
            any::<u64>().prop_map(|position| ClientMessage::Playback { position }),
            maybe(text()).prop_map(|language| ClientMessage::Language { language }),
            Just(ClientMessage::EndSession),
        ]
    }

    fn error() -> impl Strategy<Value = WireError> {
        (text(), text(), maybe(text()), any::<bool>(), maybe(any::<u64>())).prop_map(
            |(code, message, stage, retryable, retry_after_ms)| WireError {
                code,
                message,
                stage,
                retryable,
                retry_after_ms,
            },
        )
    }

    fn format() -> impl Strategy<Value = AudioFormat> {
        (any::<u32>(), any::<u32>()).prop_map(|(sample_rate, channels)| AudioFormat {
            encoding: Encoding::Pcm16,
            sample_rate,
            channels,
        })
    }

    fn done() -> impl Strategy<Value = ServerMessage> {
        (text(), maybe(text()), text(), any::<bool>(), maybe(error()), maybe(any::<u64>())).prop_map(
            |(transcript, language, text, interrupted, audio_error, delay)| ServerMessage::AssistantMessage {
                turn_id: TurnId::new(),
                kind: SpeechKind::Answer,
                transcript,
                language,
                text,
                interrupted,
                audio_error,
                user_message_id: interrupted.then(MessageId::new),
                assistant_message_id: Some(MessageId::new()),
                end_of_utterance_delay_ms: delay,
                response_delay_ms: delay,
            },
        )
    }

    fn server_message() -> impl Strategy<Value = ServerMessage> {
        let session_id = SessionId::new();
        prop_oneof![
            (any::<u32>(), format(), format()).prop_map(move |(version, input, output)| ServerMessage::Connected {
                version,
                session_id,
                input,
                output
            }),
            Just(ServerMessage::UserState { state: UserState::Away }),
            Just(ServerMessage::AgentState { state: AgentState::Thinking }),
            (text(), any::<bool>(), maybe(text())).prop_map(|(text, is_final, language)| ServerMessage::Transcript {
                text,
                is_final,
                language
            }),
            Just(ServerMessage::AssistantStarted { turn_id: TurnId::new(), kind: SpeechKind::Greeting }),
            text().prop_map(|text| ServerMessage::AssistantText { text }),
            (text(), any::<bool>(), any::<u64>()).prop_map(|(text, filler, position)| ServerMessage::Speaking {
                text,
                filler,
                position
            }),
            (any::<u64>(), vec(any::<i16>(), 0..50))
                .prop_map(|(position, samples)| ServerMessage::Audio { position, samples }),
            any::<u64>().prop_map(|position| ServerMessage::Clear { position }),
            text().prop_map(|heard| ServerMessage::Interrupted { turn_id: TurnId::new(), heard }),
            Just(ServerMessage::FalseInterruption),
            text().prop_map(|text| ServerMessage::Backchannel { text }),
            text().prop_map(|keys| ServerMessage::Dtmf { keys }),
            (text(), text()).prop_map(|(id, name)| ServerMessage::ToolCall { id, name }),
            (text(), text(), any::<bool>(), any::<u64>()).prop_map(|(id, name, failed, elapsed_ms)| {
                ServerMessage::ToolResult { id, name, failed, elapsed_ms }
            }),
            done(),
            error().prop_map(|error| ServerMessage::Error { error }),
            (any::<u64>(), any::<u32>(), any::<u32>()).prop_map(move |(duration_ms, turns, interruptions)| {
                ServerMessage::SessionEnded {
                    session_id,
                    reason: EndReason::Goodbye,
                    duration_ms,
                    turns,
                    interruptions,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_a_client_says_is_read_as_it_was_written(message in client_message()) {
            prop_assert_eq!(ClientMessage::from_frame(&message.to_frame()).unwrap(), message);
        }

        #[test]
        fn what_the_server_says_is_read_as_it_was_written(message in server_message()) {
            prop_assert_eq!(ServerMessage::from_frame(&message.to_frame()).unwrap(), message);
        }

        #[test]
        fn no_frame_is_too_strange_to_be_refused(
            bytes in vec(any::<u8>(), 0..200), message in client_message(), cut in any::<usize>(), put in any::<char>(),
        ) {
            let mut frames = vec![
                Frame::Text(String::from_utf8_lossy(&bytes).into_owned()),
                Frame::Binary(bytes),
            ];
            if let Frame::Text(text) = message.to_frame() {
                let mut chars: Vec<char> = text.chars().collect();
                let at = cut % chars.len();
                chars[at] = put;
                frames.push(Frame::Text(chars.iter().collect()));
                frames.push(Frame::Text(chars[..at].iter().collect()));
            }
            for frame in &frames {
                if let Err(error) = ClientMessage::from_frame(frame) {
                    prop_assert_eq!(error.kind(), ErrorKind::InvalidField);
                }
                let _read = ServerMessage::from_frame(frame);
            }
        }
    }

    fn refusal(text: &str) -> String {
        ClientMessage::from_frame(&Frame::Text(text.to_owned())).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_frame_is_refused_for_what_is_wrong_with_it_and_never_quoted() {
        assert_eq!(refusal("hush"), "the message is not JSON (line 1, column 1)");
        assert!(refusal("[1]").starts_with("a message is a JSON object with a `type`, one of user-message, dtmf"));
        assert!(refusal(r#"{"type":"hush"}"#).starts_with("there is no message of that type; known: user-message"));
        let wrong = "a field of the message `user-message` is missing or of a wrong type";
        assert_eq!(refusal(r#"{"type":"user-message"}"#), wrong);
        assert_eq!(refusal(r#"{"type":"user-message","text":["hush"]}"#), wrong);
        let odd = ClientMessage::from_frame(&Frame::Binary(vec![0; 3])).unwrap_err();
        assert_eq!(odd.message(), "3 bytes of sound are no whole number of 16-bit samples");
    }

    #[test]
    fn fields_that_are_not_known_do_no_harm() {
        let frame = Frame::Text(r#"{"type":"commit","since":2030}"#.into());
        assert_eq!(ClientMessage::from_frame(&frame).unwrap(), ClientMessage::Commit);
    }

    #[test]
    fn sound_says_where_in_the_session_it_belongs() {
        let mut wire = Wire::new(48_000, 1);
        let sound = |count: usize| LiveEvent::Audio(Pcm::new(vec![7; count], 24_000));
        let started = LiveEvent::Started { session_id: SessionId::new(), sample_rate: 24_000 };
        let mut seen = Vec::new();
        for event in
            [started, sound(480), sound(480), LiveEvent::Clear { position: Duration::from_millis(25) }, sound(10)]
        {
            match ServerMessage::from_frame(&wire.encode(&event).unwrap()).unwrap() {
                ServerMessage::Connected { input, output, .. } => {
                    seen.extend([input.sample_rate, output.sample_rate].map(u64::from));
                }
                ServerMessage::Audio { position, .. } | ServerMessage::Clear { position } => seen.push(position),
                _ => {}
            }
        }
        assert_eq!(seen, [48_000, 24_000, 0, 480, 600, 600]);
    }

    #[test]
    fn the_form_of_the_messages_is_the_one_that_is_written_down() {
        let mut wire = Wire::new(16_000, 1);
        let murmur = wire.encode(&LiveEvent::Backchannel(TextDelta("mm-hm".into())));
        assert_eq!(murmur, Some(Frame::Text(r#"{"type":"backchannel","text":"mm-hm"}"#.into())));
        let state = wire.encode(&LiveEvent::AgentState(AgentState::Thinking));
        assert_eq!(state, Some(Frame::Text(r#"{"type":"agent-state","state":"thinking"}"#.into())));
    }

    #[test]
    fn every_type_is_in_the_schema() {
        let schema = Wire::json_schema();
        for (name, count) in [("ClientMessage", 9), ("ServerMessage", 17)] {
            assert_eq!(schema["$defs"][name]["oneOf"].as_array().map(Vec::len), Some(count), "{name}");
        }
    }
}
