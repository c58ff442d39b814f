//! What is said to a carrier.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    codec::{ByteOrder, PhoneEncoding},
    message::PhoneCall,
    protocol::Protocol,
};
use crate::{
    error::{Error, ErrorKind, Result},
    live::wire::Frame,
};

/// The keys of a telephone.
const KEYS: &str = "0123456789*#ABCD";
const MOST_KEYS: usize = 100;

/// Writes what one call's carrier is told.
#[derive(Debug)]
pub(super) struct Speaker {
    protocol: Protocol,
    stream: String,
    encoding: PhoneEncoding,
    sample_rate: u32,
}

impl Speaker {
    pub(super) fn new(call: &PhoneCall) -> Self {
        Self {
            protocol: call.protocol,
            stream: call.stream_id.clone().unwrap_or_default(),
            encoding: call.encoding,
            sample_rate: call.sample_rate,
        }
    }

    /// Sound to be played after what was sent before.
    pub(super) fn sound(&self, samples: &[i16], order: ByteOrder) -> Frame {
        let bytes = self.encoding.encode(samples, order);
        let (stream, payload) = (self.stream.as_str(), STANDARD.encode(&bytes));
        text(&match self.protocol {
            Protocol::Vonage => return Frame::Binary(bytes),
            Protocol::Twilio => json!({"event": "media", "streamSid": stream, "media": {"payload": payload}}),
            Protocol::Exotel => json!({"event": "media", "stream_sid": stream, "media": {"payload": payload}}),
            Protocol::Telnyx => json!({"event": "media", "media": {"payload": payload}}),
            Protocol::Plivo | Protocol::Vobiz => {
                let kind = if self.encoding == PhoneEncoding::L16 { "audio/x-l16" } else { "audio/x-mulaw" };
                let media = json!({"contentType": kind, "sampleRate": self.sample_rate, "payload": payload});
                match self.protocol {
                    Protocol::Vobiz => json!({"event": "playAudio", "streamId": stream, "media": media}),
                    _ => json!({"event": "playAudio", "media": media}),
                }
            }
        })
    }

    /// A mark that comes back once the sound before it was played.
    pub(super) fn mark(&self, name: &str) -> Frame {
        let stream = self.stream.as_str();
        text(&match self.protocol {
            Protocol::Twilio => json!({"event": "mark", "streamSid": stream, "mark": {"name": name}}),
            Protocol::Exotel => json!({"event": "mark", "stream_sid": stream, "mark": {"name": name}}),
            Protocol::Telnyx => json!({"event": "mark", "mark": {"name": name}}),
            Protocol::Plivo | Protocol::Vobiz => json!({"event": "checkpoint", "streamId": stream, "name": name}),
            Protocol::Vonage => json!({"action": "notify", "payload": {"name": name}}),
        })
    }

    /// Throws away the sound that is not played yet.
    pub(super) fn clear(&self) -> Frame {
        let stream = self.stream.as_str();
        text(&match self.protocol {
            Protocol::Twilio => json!({"event": "clear", "streamSid": stream}),
            Protocol::Exotel => json!({"event": "clear", "stream_sid": stream}),
            Protocol::Telnyx => json!({"event": "clear"}),
            Protocol::Plivo | Protocol::Vobiz => json!({"event": "clearAudio", "streamId": stream}),
            Protocol::Vonage => json!({"action": "clear"}),
        })
    }

    /// What says that the agent is done with the call, where more is needed for that than closing the connection.
    pub(super) fn end(&self) -> Option<Frame> {
        let is_told = self.protocol == Protocol::Vobiz;
        is_told.then(|| text(&json!({"event": "stop", "streamId": self.stream})))
    }

    /// Presses keys.
    pub(super) fn keys(&self, keys: &str) -> Result<Frame> {
        if keys.is_empty() || keys.len() > MOST_KEYS || !keys.chars().all(|key| KEYS.contains(key)) {
            return Err(Error::new(
                ErrorKind::InvalidField,
                format!("1 to {MOST_KEYS} keys of a telephone can be pressed: 0–9, *, # and A–D"),
            ));
        }
        match self.protocol {
            Protocol::Plivo => Ok(text(&json!({"event": "sendDTMF", "dtmf": keys}))),
            other => Err(Error::new(
                ErrorKind::Unsupported,
                format!("{other} takes no keys over a media stream; press them through its REST interface"),
            )),
        }
    }
}

fn text(message: &Value) -> Frame {
    Frame::Text(message.to_string())
}
