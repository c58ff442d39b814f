//! What a carrier says.

use std::fmt;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    codec::PhoneEncoding,
    json::{at, number, object, text},
    protocol::Protocol,
};
use crate::error::{Error, ErrorKind, Result};

/// The longest message that is read, in bytes: half a minute of sound, which no carrier sends at once.
const LONGEST: usize = 1 << 20;
/// What a carrier may name as a rate.
const RATES: std::ops::RangeInclusive<u64> = 4_000..=48_000;
const PHONE_RATE: u32 = 8_000;
/// Some leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A call whose media stream began: what the carrier says of it. Printed, it names nobody, nor what the host gave along.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct PhoneCall {
    /// Whose media stream it is.
    #[schemars(with = "String")]
    pub protocol: Protocol,
    /// The carrier's name for the stream; none with Vonage, where a connection is one.
    pub stream_id: Option<String>,
    /// The carrier's name for the call: `callSid`, `callId`, `call_control_id`.
    pub call_id: Option<String>,
    /// The carrier's name for the host's account.
    pub account_id: Option<String>,
    /// Who calls, where the carrier says it here.
    pub from_number: Option<String>,
    /// Who is called, where the carrier says it here.
    pub to_number: Option<String>,
    /// How samples are written, in both directions: `mu_law`, `a_law` or `l16`.
    #[schemars(with = "String")]
    pub encoding: PhoneEncoding,
    /// Samples a second, in both directions.
    pub sample_rate: u32,
    /// What the host gave the stream along: custom parameters, extra headers.
    pub parameters: Map<String, Value>,
    /// Everything that the carrier said, as it said it.
    pub details: Map<String, Value>,
}

impl PhoneCall {
    /// Reads what a carrier says first: the call, or `None` for a greeting before it. So a host learns whose call it is before it
    /// starts a session for it; the message then goes to the session's [`PhoneWire`](super::PhoneWire) as well.
    ///
    /// `protocol` is the carrier's; `None`: it is told from the message.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when the message is no such message, or the call's encoding is not supported.
    pub fn read(message: &str, protocol: Option<Protocol>) -> Result<Option<Self>> {
        let message = parsed(message)?;
        match Received::of(&message, protocol)? {
            Received::Started(call) => Ok(Some(*call)),
            Received::Connected { .. } => Ok(None),
            _ => Err(malformed("the carrier's first message is none that begins a media stream")),
        }
    }

    fn of(message: &Value, protocol: Protocol) -> Result<Self> {
        let begun =
            if protocol == Protocol::Vonage { message } else { at(message, &["start"]).unwrap_or(&Value::Null) };
        let Value::Object(details) = begun else {
            return Err(malformed("the field `start` is missing or no object"));
        };
        let format = at(begun, &["mediaFormat", "media_format"]).unwrap_or(&Value::Null);
        let named = text(format, &["encoding"]).or_else(|| text(begun, &["content-type", "contentType"]));
        let (encoding, beside) = match named {
            Some(name) => PhoneEncoding::named(&name)?,
            None if matches!(protocol, Protocol::Exotel | Protocol::Vonage) => (PhoneEncoding::L16, None),
            None => (PhoneEncoding::MuLaw, None),
        };
        let rate = number(format, &["sampleRate", "sample_rate"]).or(beside.map(u64::from));
        let sample_rate = match rate {
            None => PHONE_RATE,
            Some(rate) if RATES.contains(&rate) => rate as u32,
            Some(rate) => return Err(malformed(format!("a rate of {rate} samples a second is none of a call"))),
        };
        let either = |names: &[&str]| text(begun, names).or_else(|| text(message, names));
        let parameters = match protocol {
            Protocol::Plivo | Protocol::Vobiz => object(message, &["extra_headers", "extraHeaders"]),
            Protocol::Vonage => {
                let own = |(name, _): &(&String, &Value)| !["event", "content-type"].contains(&name.as_str());
                details.iter().filter(own).map(|(name, value)| (name.clone(), value.clone())).collect()
            }
            _ => object(begun, &["customParameters", "custom_parameters"]),
        };
        Ok(Self {
            protocol,
            stream_id: either(&["streamSid", "stream_sid", "streamId", "stream_id"]),
            call_id: either(&["callSid", "call_sid", "callId", "call_id", "call_control_id"]),
            account_id: either(&["accountSid", "account_sid", "accountId", "account_id", "user_id"]),
            from_number: either(&["from"]),
            to_number: either(&["to"]),
            encoding,
            sample_rate,
            parameters,
            details: details.clone(),
        })
    }
}

impl fmt::Debug for PhoneCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhoneCall")
            .field("protocol", &self.protocol)
            .field("stream_id", &self.stream_id)
            .field("call_id", &self.call_id)
            .field("encoding", &self.encoding)
            .field("sample_rate", &self.sample_rate)
            .finish_non_exhaustive()
    }
}

/// One message of a carrier's, understood.
pub(super) enum Received {
    /// It is there; the call follows.
    Connected { protocol: Option<Protocol> },
    /// The call's media stream begins.
    Started(Box<PhoneCall>),
    /// Sound, as the call's encoding writes it; none of another track than the caller's.
    Sound { number: Option<u64>, bytes: Vec<u8> },
    /// Keys that the caller pressed.
    Keys(String),
    /// The sound before this mark was played, or thrown away.
    Mark(String),
    /// The media stream is over.
    Stopped,
    /// Something is wrong at the carrier's.
    Fault { code: String },
    /// Nothing that matters here.
    Other,
}

impl Received {
    /// Understands a message; `protocol` as far as it is known.
    pub(super) fn of(message: &Value, protocol: Option<Protocol>) -> Result<Self> {
        let Some(event) = message.get("event").and_then(Value::as_str) else {
            return Err(malformed("a carrier's message is a JSON object with an `event`"));
        };
        let named = event.strip_prefix("websocket:").unwrap_or(event);
        let protocol = protocol.or_else(|| Protocol::told_by(event, message));
        Ok(match named {
            "connected" if protocol != Some(Protocol::Vonage) => Self::Connected { protocol },
            "start" | "connected" => {
                let protocol = protocol.ok_or_else(|| malformed("no carrier begins a media stream like this"))?;
                Self::Started(Box::new(PhoneCall::of(message, protocol)?))
            }
            "media" => Self::sound(at(message, &["media"]).unwrap_or(&Value::Null))?,
            "dtmf" => {
                let keys = at(message, &["dtmf"]).unwrap_or(message);
                Self::Keys(text(keys, &["digit", "digits"]).ok_or_else(|| malformed("the field `digit` is missing"))?)
            }
            "mark" => Self::Mark(mark(at(message, &["mark"]).unwrap_or(&Value::Null))?),
            "playedStream" => Self::Mark(mark(message)?),
            // A host may have had its own notice sent.
            "notify" => mark(at(message, &["payload"]).unwrap_or(&Value::Null)).map_or(Self::Other, Self::Mark),
            "stop" | "disconnected" => Self::Stopped,
            "error" => {
                let fault = at(message, &["payload"]).unwrap_or(message);
                Self::Fault { code: text(fault, &["code"]).unwrap_or_default() }
            }
            _ => Self::Other,
        })
    }

    fn sound(media: &Value) -> Result<Self> {
        let payload = media.get("payload").and_then(Value::as_str);
        let payload = payload.ok_or_else(|| malformed("the field `payload` of the sound is missing"))?;
        let number = number(media, &["chunk"]);
        let bytes = match text(media, &["track"]).as_deref() {
            None | Some("inbound" | "inbound_track") => BASE64.decode(payload).map_err(|_| not_base64())?,
            // What the other side hears; it counts among the pieces.
            Some(_) => Vec::new(),
        };
        Ok(Self::Sound { number, bytes })
    }
}

/// Reads a message as JSON. What serde says of a fault may quote the text, so that only the place is kept.
pub(super) fn parsed(message: &str) -> Result<Value> {
    if message.len() > LONGEST {
        return Err(malformed(format!(
            "a message of {} bytes is too long; carriers send less than {LONGEST}",
            message.len()
        )));
    }
    serde_json::from_str(message).map_err(|fault| {
        malformed(format!("the carrier's message is not JSON (line {}, column {})", fault.line(), fault.column()))
    })
}

fn mark(value: &Value) -> Result<String> {
    text(value, &["name"]).ok_or_else(|| malformed("the field `name` of the mark is missing"))
}

fn not_base64() -> Error {
    malformed("the sound is not base64")
}

pub(super) fn malformed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidField, message)
}

pub(super) fn not_begun() -> Error {
    Error::new(ErrorKind::Unsupported, "the media stream has not begun yet; wait for the call")
}
