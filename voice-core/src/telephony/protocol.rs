//! The carriers, and what tells one's protocol from another's.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    codec::{ByteOrder, PhoneEncoding},
    json::{at, text},
};
use crate::error::{Error, ErrorKind, Result};

/// Whose media stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Protocol {
    /// Twilio Media Streams, bidirectional (`<Connect><Stream>`).
    Twilio,
    /// Plivo Audio Streaming, bidirectional.
    Plivo,
    /// Vobiz Audio Streams: Plivo's protocol, but for what its end and its marks are.
    Vobiz,
    /// Exotel's AgentStream (Voicebot applet).
    Exotel,
    /// Telnyx media streaming, bidirectional in RTP mode.
    Telnyx,
    /// Vonage WebSockets: sound in binary frames.
    Vonage,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 6] = [Self::Twilio, Self::Plivo, Self::Vobiz, Self::Exotel, Self::Telnyx, Self::Vonage];

    /// The name by which it is asked for, `twilio` for example.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Plivo => "plivo",
            Self::Vobiz => "vobiz",
            Self::Exotel => "exotel",
            Self::Telnyx => "telnyx",
            Self::Vonage => "vonage",
        }
    }

    /// The protocol of a carrier's message, from what only its messages have. `None`: it may be several's.
    pub(super) fn told_by(event: &str, message: &Value) -> Option<Self> {
        let start = at(message, &["start"]).unwrap_or(&Value::Null);
        match event {
            name if name.starts_with("websocket:") => Some(Self::Vonage),
            "connected" if at(message, &["protocol"]).is_some() => Some(Self::Twilio),
            "connected" if at(message, &["version"]).is_some() => Some(Self::Telnyx),
            "connected" => Some(Self::Exotel),
            "start" if at(start, &["call_control_id"]).is_some() => Some(Self::Telnyx),
            "start" if at(start, &["call_sid", "stream_sid"]).is_some() => Some(Self::Exotel),
            "start" if at(start, &["callSid", "streamSid"]).is_some() => Some(Self::Twilio),
            // Both are alike but for the first number.
            "start" if at(start, &["callId", "streamId"]).is_some() => {
                Some(if text(message, &["sequenceNumber"]).as_deref() == Some("0") { Self::Vobiz } else { Self::Plivo })
            }
            _ => None,
        }
    }

    /// The byte order of 16-bit samples; `None`: what the carrier says of it contradicts itself, so that it is heard.
    pub(super) const fn heard_order(self) -> Option<ByteOrder> {
        match self {
            Self::Vobiz | Self::Telnyx => None,
            Self::Twilio | Self::Plivo | Self::Exotel | Self::Vonage => Some(ByteOrder::Little),
        }
    }

    /// The order in which it is spoken to, given the one that is heard from it.
    pub(super) const fn spoken_order(self, heard: ByteOrder) -> ByteOrder {
        match self {
            Self::Telnyx => heard,
            _ => ByteOrder::Little,
        }
    }

    /// How many samples go out in one piece: 20 ms, but as many bytes as Exotel asks for.
    pub(super) fn piece(self, encoding: PhoneEncoding, rate: u32) -> usize {
        match self {
            Self::Exotel => EXOTEL_LEAST / encoding.bytes(),
            _ => (rate / 50).max(1) as usize,
        }
    }

    /// Whether a piece must not be shorter than that: the last one is then filled up with silence.
    pub(super) const fn fills_pieces(self) -> bool {
        matches!(self, Self::Exotel | Self::Vonage)
    }
}

/// The fewest bytes of a message of sound to Exotel.
const EXOTEL_LEAST: usize = 3_200;

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Protocol {
    type Err = Error;

    /// Reads the name that `Display` writes.
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|known| known.as_str()).collect();
            Error::new(
                ErrorKind::InvalidField,
                format!("there is no telephony protocol {name:?}; known: {}", known.join(", ")),
            )
        })
    }
}
