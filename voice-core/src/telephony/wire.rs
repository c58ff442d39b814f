//! A carrier and a live session, put together.

use std::time::Duration;

use super::{
    codec::ByteOrder,
    ear::Ear,
    message::{PhoneCall, Received, malformed, parsed},
    mouth::Mouth,
    protocol::Protocol,
};
use crate::{
    error::Result,
    live::{
        LiveEvent, LiveSession,
        wire::{ClientMessage, Frame},
    },
};

/// A live session that speaks with a carrier: what the carrier sends is done on the session, the session's events become what the
/// carrier is sent. Knows no connection and no clock.
///
/// Until the carrier says that its media stream begins, the session holds its sound back, so that nothing of a greeting is lost.
pub struct PhoneWire {
    protocol: Option<Protocol>,
    order: Option<ByteOrder>,
    input_rate: u32,
    channels: usize,
    output_rate: u32,
    /// Where in the session's sound the next sound begins, in samples.
    position: u64,
    stream: Option<Stream>,
    /// How long the caller was heard: the only clock there is.
    heard: Duration,
    is_over: bool,
}

/// A media stream that began.
struct Stream {
    call: PhoneCall,
    ear: Ear,
    mouth: Mouth,
}

impl PhoneWire {
    /// For one session, before anything of its events was taken. `protocol` is the carrier's; `None`: it is told from its first
    /// messages.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `Closed`) when the session is over already.
    pub fn new(session: &LiveSession, protocol: Option<Protocol>) -> Result<Self> {
        session.pause()?;
        Ok(Self {
            protocol,
            order: None,
            input_rate: session.input_rate(),
            channels: session.input_channels(),
            output_rate: session.output_rate(),
            position: 0,
            stream: None,
            heard: Duration::ZERO,
            is_over: false,
        })
    }

    /// Says in which order the carrier sends the bytes of 16-bit samples. Default: what its documentation says, and where that
    /// contradicts itself (Vobiz, Telnyx), what is heard.
    #[must_use]
    pub fn byte_order(mut self, order: ByteOrder) -> Self {
        self.order = Some(order);
        self
    }

    /// The call, once the carrier has said that its media stream begins.
    #[must_use]
    pub fn call(&self) -> Option<&PhoneCall> {
        self.stream.as_ref().map(|stream| &stream.call)
    }

    /// Takes a message of the carrier's and does on the session what it says: the caller is heard, keys are pressed, sound was
    /// played, the call is over. Events that are not known are nothing.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no message of a carrier's: not JSON, no `event`, sound that is not base64, 1 MiB and more; and
    /// for a call whose encoding is not supported, which is ended. Otherwise those of the session's calls. Whatever it is, the next
    /// message may be taken.
    pub fn receive(&mut self, session: &LiveSession, frame: &Frame) -> Result<()> {
        if self.is_over {
            return Ok(());
        }
        match frame {
            Frame::Text(text) => {
                let message = parsed(text)?;
                let protocol = self.call().map(|call| call.protocol).or(self.protocol);
                let received = Received::of(&message, protocol);
                if received.is_err() && self.stream.is_none() && message["event"] == "start" {
                    self.end(session)?;
                }
                self.take(session, received?)
            }
            Frame::Binary(sound) if self.call().is_some_and(|call| call.protocol == Protocol::Vonage) => {
                self.hear(session, None, sound)
            }
            Frame::Binary(_) => Err(malformed("this carrier sends text messages only")),
        }
    }

    fn take(&mut self, session: &LiveSession, received: Received) -> Result<()> {
        match received {
            Received::Connected { protocol } => self.protocol = protocol,
            Received::Started(call) => self.start(session, *call)?,
            Received::Sound { number, bytes } => self.hear(session, number, &bytes)?,
            Received::Keys(keys) => {
                keys.chars().try_for_each(|key| session.push_dtmf(key.to_ascii_uppercase()))?;
            }
            Received::Mark(name) => {
                if let Some(position) = self.stream.as_mut().and_then(|stream| stream.mouth.played(&name)) {
                    session.receive(ClientMessage::Playback { position })?;
                }
            }
            Received::Stopped => self.end(session)?,
            Received::Fault { code } => tracing::warn!(%code, "the carrier of a call reports an error"),
            Received::Other => {}
        }
        Ok(())
    }

    fn start(&mut self, session: &LiveSession, call: PhoneCall) -> Result<()> {
        // A carrier that begins a second time tells nothing new.
        if self.stream.is_none() {
            let ear = Ear::new(&call, self.order, self.input_rate, self.channels);
            let mouth = Mouth::new(&call, self.output_rate, self.position);
            self.stream = Some(Stream { call, ear, mouth });
            session.resume()?;
        }
        Ok(())
    }

    fn hear(&mut self, session: &LiveSession, number: Option<u64>, bytes: &[u8]) -> Result<()> {
        let Some(Stream { call, ear, mouth }) = &mut self.stream else {
            return Err(malformed("sound comes before the message that begins the media stream"));
        };
        let samples = bytes.len() / call.encoding.bytes();
        self.heard += Duration::from_secs_f64(samples as f64 / f64::from(call.sample_rate));
        let sound = ear.hear(call, number, bytes)?;
        if let Some(position) = mouth.overdue(self.heard) {
            session.receive(ClientMessage::Playback { position })?;
        }
        if sound.is_empty() { Ok(()) } else { session.push_audio(sound) }
    }

    fn end(&mut self, session: &LiveSession) -> Result<()> {
        session.receive(ClientMessage::EndSession)?;
        self.is_over = true;
        Ok(())
    }

    /// What the carrier is sent because of an event. Every event has to be shown, in order.
    pub fn encode(&mut self, event: &LiveEvent) -> Vec<Frame> {
        let mut out = Vec::new();
        match event {
            LiveEvent::Audio(pcm) => {
                self.position += pcm.samples().len() as u64;
                if let Some(Stream { ear, mouth, .. }) = &mut self.stream {
                    mouth.say(pcm.samples(), ear.answered(), self.heard, &mut out);
                }
            }
            LiveEvent::SoundDone => {
                if let Some(Stream { ear, mouth, .. }) = &mut self.stream {
                    mouth.finish(ear.answered(), self.heard, &mut out);
                }
            }
            LiveEvent::Clear { position } => {
                self.position = (position.as_secs_f64() * f64::from(self.output_rate)).round() as u64;
                if let Some(Stream { mouth, .. }) = &mut self.stream {
                    mouth.clear(self.position, self.heard, &mut out);
                }
            }
            LiveEvent::Ended(_) => {
                self.is_over = true;
                out.extend(self.stream.as_ref().and_then(|stream| stream.mouth.speaker().end()));
            }
            _ => {}
        }
        out
    }

    /// What has the carrier press keys, `0`–`9`, `*`, `#`, `A`–`D`: to be sent after what was sent before.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what are no keys; `INVALID_REQUEST` (kind `Unsupported`) before the media stream has begun, and with
    /// carriers that take no keys over it: only Plivo does.
    pub fn press(&self, keys: &str) -> Result<Frame> {
        match &self.stream {
            Some(stream) => stream.mouth.speaker().keys(keys),
            None => Err(super::message::not_begun()),
        }
    }
}

impl std::fmt::Debug for PhoneWire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneWire")
            .field("protocol", &self.protocol)
            .field("call", &self.call())
            .field("heard", &self.heard)
            .finish_non_exhaustive()
    }
}
