//! A carrier: it sends what a caller says and plays what it is sent, in the messages that its documentation shows.

use std::collections::VecDeque;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use voice_core::{AudioFormat, Pcm, live::wire::Frame, telephony::Protocol};

/// How a carrier writes samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    MuLaw,
    ALaw,
    Little,
    Big,
}

enum Queued {
    Sound(VecDeque<i16>),
    Mark(String),
}

pub(crate) struct Carrier {
    pub(crate) protocol: Protocol,
    /// How it writes and how it reads samples.
    pub(crate) writes: Writes,
    pub(crate) reads: Writes,
    pub(crate) rate: u32,
    queue: VecDeque<Queued>,
    /// What the caller heard.
    pub(crate) played: Vec<i16>,
    /// Everything that it was sent, and how many bytes of sound each message held.
    pub(crate) sent: Vec<Value>,
    pub(crate) pieces: Vec<usize>,
    /// How many marks it sends back before it falls silent about them.
    pub(crate) marks: usize,
    number: u64,
    chunk: u64,
}

impl Carrier {
    pub(crate) fn new(protocol: Protocol, writes: Writes, rate: u32) -> Self {
        Self {
            protocol,
            writes,
            reads: writes,
            rate,
            queue: VecDeque::new(),
            played: Vec::new(),
            sent: Vec::new(),
            pieces: Vec::new(),
            marks: usize::MAX,
            number: 0,
            chunk: 0,
        }
    }

    fn next(&mut self) -> String {
        self.number += 1;
        self.number.to_string()
    }

    /// What it says before any sound.
    pub(crate) fn opening(&mut self) -> Vec<Frame> {
        let rate = self.rate;
        let l16 = matches!(self.writes, Writes::Little | Writes::Big);
        let x = if l16 { "audio/x-l16" } else { "audio/x-mulaw" };
        let messages = match self.protocol {
            Protocol::Twilio => vec![
                json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
                json!({"event": "start", "sequenceNumber": self.next(), "streamSid": "MZ1", "start": {
                    "accountSid": "AC1", "streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"],
                    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                    "customParameters": {"user": "u1"}}}),
            ],
            Protocol::Plivo | Protocol::Vobiz => {
                let first = u64::from(self.protocol == Protocol::Plivo);
                self.number = first;
                vec![
                    json!({"sequenceNumber": first, "event": "start", "extra_headers": "{\"user\": \"u1\"}", "start": {
                    "callId": "CA1", "streamId": "MZ1", "accountId": "AC1", "tracks": ["inbound"],
                    "mediaFormat": {"encoding": x, "sampleRate": rate}}}),
                ]
            }
            Protocol::Exotel => vec![
                json!({"event": "connected"}),
                json!({"event": "start", "sequence_number": self.next(), "stream_sid": "MZ1", "start": {
                    "stream_sid": "MZ1", "call_sid": "CA1", "account_sid": "AC1", "from": "+911", "to": "02",
                    "custom_parameters": {"user": "u1"},
                    "media_format": {"encoding": "audio/x-raw", "sample_rate": rate.to_string(), "bit_rate": "16"}}}),
            ],
            Protocol::Telnyx => vec![
                json!({"event": "connected", "version": "1.0.0"}),
                json!({"event": "start", "sequence_number": self.next(), "stream_id": "MZ1", "start": {
                    "user_id": "AC1", "call_control_id": "CA1", "call_session_id": "s", "from": "+1", "to": "+2", "tags": [],
                    "client_state": "c", "custom_parameters": {"user": "u1"},
                    "media_format": {
                        "encoding": match self.writes { Writes::MuLaw => "PCMU", Writes::ALaw => "PCMA", _ => "L16" },
                        "sample_rate": rate, "channels": 1}}}),
            ],
            _ => vec![
                json!({"event": "websocket:connected", "content-type": format!("audio/l16;rate={rate}"), "user": "u1"}),
            ],
        };
        messages.into_iter().map(text).collect()
    }

    /// What the caller says next.
    pub(crate) fn media(&mut self, samples: &[i16]) -> Frame {
        self.chunk += 1;
        let (chunk, number) = (self.chunk, self.next());
        let bytes = written(samples, self.writes);
        let at = (chunk * 20).to_string();
        let payload = STANDARD.encode(&bytes);
        text(match self.protocol {
            Protocol::Twilio => json!({"event": "media", "sequenceNumber": number, "streamSid": "MZ1", "media": {
                "track": "inbound", "chunk": chunk.to_string(), "timestamp": at, "payload": payload}}),
            Protocol::Plivo | Protocol::Vobiz => {
                json!({"sequenceNumber": self.number, "streamId": "MZ1", "event": "media",
                "media": {"track": "inbound", "timestamp": "1714393342123", "chunk": chunk, "payload": payload},
                "extra_headers": "{}"})
            }
            Protocol::Exotel => json!({"event": "media", "sequence_number": number, "stream_sid": "MZ1", "media": {
                "chunk": chunk.to_string(), "timestamp": at, "payload": payload}}),
            Protocol::Telnyx => json!({"event": "media", "sequence_number": number, "stream_id": "MZ1", "media": {
                "track": "inbound", "chunk": chunk.to_string(), "timestamp": at, "payload": payload}}),
            _ => return Frame::Binary(bytes),
        })
    }

    /// A key that the caller presses.
    pub(crate) fn key(&mut self, digit: &str) -> Frame {
        let number = self.next();
        text(match self.protocol {
            Protocol::Twilio => json!({"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": number,
                "dtmf": {"track": "inbound_track", "digit": digit}}),
            Protocol::Plivo | Protocol::Vobiz => {
                json!({"event": "dtmf", "streamId": "MZ1", "sequenceNumber": self.number,
                "dtmf": {"track": "inbound", "digit": digit, "timestamp": "1714393342123"}})
            }
            Protocol::Exotel => json!({"event": "dtmf", "sequence_number": number, "stream_sid": "MZ1",
                "dtmf": {"duration": "120", "digit": digit}}),
            Protocol::Telnyx => {
                json!({"event": "dtmf", "stream_id": "MZ1", "sequence_number": number, "dtmf": {"digit": digit}})
            }
            _ => json!({"event": "websocket:dtmf", "digit": digit, "duration": 260}),
        })
    }

    /// The caller hangs up. With Vobiz, that is only the end of the connection.
    pub(crate) fn stop(&mut self) -> Option<Frame> {
        let number = self.next();
        let stop = match self.protocol {
            Protocol::Vobiz => return None,
            Protocol::Vonage => json!({"event": "websocket:disconnected"}),
            Protocol::Exotel => json!({"event": "stop", "sequence_number": number, "stream_sid": "MZ1",
                "stop": {"call_sid": "CA1", "account_sid": "AC1", "reason": "callended"}}),
            Protocol::Telnyx => json!({"event": "stop", "sequence_number": number, "stream_id": "MZ1",
                "stop": {"user_id": "AC1", "call_control_id": "CA1"}}),
            _ => json!({"event": "stop", "sequenceNumber": number, "streamSid": "MZ1",
                "stop": {"accountSid": "AC1", "callSid": "CA1"}}),
        };
        Some(text(stop))
    }

    fn mark(&mut self, name: &str) -> Option<Frame> {
        let number = self.next();
        self.marks = self.marks.checked_sub(1)?;
        Some(text(match self.protocol {
            Protocol::Twilio => {
                json!({"event": "mark", "sequenceNumber": number, "streamSid": "MZ1", "mark": {"name": name}})
            }
            Protocol::Plivo => {
                json!({"event": "playedStream", "sequenceNumber": self.number, "streamId": "MZ1", "name": name})
            }
            Protocol::Vobiz => json!({"event": "playedStream", "name": name}),
            Protocol::Exotel => {
                json!({"event": "mark", "sequence_number": number, "stream_sid": "MZ1", "mark": {"name": name}})
            }
            Protocol::Telnyx => {
                json!({"event": "mark", "sequence_number": number, "stream_id": "MZ1", "mark": {"name": name}})
            }
            _ => json!({"event": "websocket:notify", "payload": {"name": name}}),
        }))
    }

    /// Takes what it is sent; gives what it says to that at once.
    pub(crate) fn take(&mut self, frame: Frame) -> Vec<Frame> {
        let message = match frame {
            Frame::Binary(bytes) => {
                assert_eq!(self.protocol, Protocol::Vonage, "only Vonage takes binary frames");
                self.queue_sound(&bytes);
                return Vec::new();
            }
            Frame::Text(text) => serde_json::from_str::<Value>(&text).unwrap(),
        };
        self.sent.push(message.clone());
        let kind = message["event"].as_str().or(message["action"].as_str()).unwrap();
        let key = match self.protocol {
            Protocol::Twilio => Some("streamSid"),
            Protocol::Exotel => Some("stream_sid"),
            Protocol::Plivo | Protocol::Vobiz if kind != "playAudio" => Some("streamId"),
            _ => None,
        };
        if let Some(key) = key {
            assert_eq!(message[key], "MZ1", "{message}");
        }
        match kind {
            "media" | "playAudio" => {
                let bytes = STANDARD.decode(message["media"]["payload"].as_str().unwrap()).unwrap();
                self.queue_sound(&bytes);
            }
            "mark" => self.queue.push_back(Queued::Mark(message["mark"]["name"].as_str().unwrap().into())),
            "checkpoint" => self.queue.push_back(Queued::Mark(message["name"].as_str().unwrap().into())),
            "notify" => self.queue.push_back(Queued::Mark(message["payload"]["name"].as_str().unwrap().into())),
            "clear" | "clearAudio" => return self.clear(),
            "stop" => assert_eq!(self.protocol, Protocol::Vobiz),
            other => panic!("{other} is none of {}'s messages", self.protocol),
        }
        Vec::new()
    }

    fn queue_sound(&mut self, bytes: &[u8]) {
        self.pieces.push(bytes.len());
        self.queue.push_back(Queued::Sound(read(bytes, self.reads).into()));
    }

    /// Twilio and Telnyx send the marks of what they threw away, too.
    fn clear(&mut self) -> Vec<Frame> {
        let thrown: Vec<Queued> = self.queue.drain(..).collect();
        match self.protocol {
            Protocol::Plivo | Protocol::Vobiz => vec![text(json!({"event": "clearedAudio", "streamId": "MZ1"}))],
            Protocol::Vonage => vec![text(json!({"event": "websocket:cleared"}))],
            _ => {
                let names = thrown.into_iter().filter_map(|queued| match queued {
                    Queued::Mark(name) => Some(name),
                    Queued::Sound(_) => None,
                });
                names.collect::<Vec<_>>().iter().filter_map(|name| self.mark(name)).collect()
            }
        }
    }

    /// Plays for as long as this; gives the marks that were reached.
    pub(crate) fn play(&mut self, ms: u32) -> Vec<Frame> {
        let mut left = (self.rate * ms / 1_000) as usize;
        let mut told = Vec::new();
        while let Some(first) = self.queue.front_mut() {
            match first {
                Queued::Mark(name) => {
                    let name = name.clone();
                    self.queue.pop_front();
                    told.extend(self.mark(&name));
                }
                Queued::Sound(_) if left == 0 => break,
                Queued::Sound(sound) => {
                    let count = left.min(sound.len());
                    self.played.extend(sound.drain(..count));
                    left -= count;
                    if sound.is_empty() {
                        self.queue.pop_front();
                    }
                }
            }
        }
        told
    }

    /// How much waits to be played, in milliseconds.
    pub(crate) fn waiting(&self) -> usize {
        let sound = |queued: &Queued| if let Queued::Sound(sound) = queued { sound.len() } else { 0 };
        self.queue.iter().map(sound).sum::<usize>() * 1_000 / self.rate as usize
    }

    /// How much of what was played was sound, in milliseconds.
    pub(crate) fn loud(&self) -> usize {
        let is_loud = |window: &&[i16]| window.iter().any(|sample| sample.unsigned_abs() > 1_000);
        self.played.chunks(self.rate as usize / 100).filter(is_loud).count() * 10
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.sent.iter().filter(|message| message["event"] == kind || message["action"] == kind).count()
    }
}

fn text(message: Value) -> Frame {
    Frame::Text(message.to_string())
}

fn written(samples: &[i16], writes: Writes) -> Vec<u8> {
    let encoded = |format| Pcm::new(samples, 8_000).encode(format).unwrap().to_vec();
    match writes {
        Writes::MuLaw => encoded(AudioFormat::MuLaw),
        Writes::ALaw => encoded(AudioFormat::ALaw),
        Writes::Little => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        Writes::Big => samples.iter().flat_map(|sample| sample.to_be_bytes()).collect(),
    }
}

fn read(bytes: &[u8], reads: Writes) -> Vec<i16> {
    let pairs = || bytes.chunks(2).map(|pair| [pair[0], pair[1]]);
    match reads {
        Writes::MuLaw => bytes.iter().map(|&code| ulaw(code)).collect(),
        Writes::ALaw => bytes.iter().map(|&code| alaw(code)).collect(),
        Writes::Little => pairs().map(i16::from_le_bytes).collect(),
        Writes::Big => pairs().map(i16::from_be_bytes).collect(),
    }
}

/// G.711 as the standard's tables have it, written apart from the library's.
fn ulaw(code: u8) -> i16 {
    let code = !code;
    let magnitude = ((i32::from(code & 15) * 8 + 132) << (code >> 4 & 7)) - 132;
    (if code & 128 == 0 { magnitude } else { -magnitude }) as i16
}

fn alaw(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = (code >> 4 & 7, i32::from(code & 15));
    let magnitude = if segment == 0 { step * 16 + 8 } else { (step * 16 + 264) << (segment - 1) };
    (if code & 128 == 0 { -magnitude } else { magnitude }) as i16
}
