//! Live sessions.

use napi::bindgen_prelude::{Float32Array, Int16Array, Uint8Array};
use napi_derive::napi;
use voice_bridge::{Frame, LiveSession, LiveWire};

use crate::{
    message::{Bytes, Message, WireFrame},
    port::Port,
    run,
};

/// A live conversation; letting go of it ends it.
#[napi]
pub struct Live(pub(crate) LiveSession);

#[napi]
impl Live {
    /// The stored session.
    #[napi]
    pub fn session_id(&self) -> napi::Result<String> {
        run(|| Ok(self.0.session_id()))
    }

    /// Takes 16-bit samples.
    #[napi]
    pub fn push_samples(&self, samples: Int16Array) -> napi::Result<()> {
        run(|| self.0.push_audio(samples.to_vec()))
    }

    /// Takes 16-bit samples, with the time at which their sender took them, in seconds.
    #[napi]
    pub fn push_samples_at(&self, seconds: f64, samples: Int16Array) -> napi::Result<()> {
        run(|| self.0.push_audio_at(seconds, samples.to_vec()))
    }

    /// Takes float samples, full scale ±1.
    #[napi]
    pub fn push_floats(&self, samples: Float32Array) -> napi::Result<()> {
        run(|| self.0.push_audio_f32(&samples))
    }

    /// Takes something typed.
    #[napi]
    pub fn push_text(&self, text: String) -> napi::Result<()> {
        run(|| self.0.push_text(&text))
    }

    /// Takes keys of the telephone.
    #[napi]
    pub fn push_dtmf(&self, keys: String) -> napi::Result<()> {
        run(|| self.0.push_dtmf(&keys))
    }

    /// Ends the user's turn.
    #[napi]
    pub fn commit(&self) -> napi::Result<()> {
        run(|| self.0.commit())
    }

    /// Has the agent say something.
    #[napi]
    pub fn say(&self, text: String, interruptible: bool) -> napi::Result<()> {
        run(|| self.0.say(&text, interruptible))
    }

    /// Stops what the agent says.
    #[napi]
    pub fn interrupt(&self) -> napi::Result<()> {
        run(|| self.0.interrupt())
    }

    /// Holds the sound back.
    #[napi]
    pub fn pause(&self) -> napi::Result<()> {
        run(|| self.0.pause())
    }

    /// Goes on.
    #[napi]
    pub fn resume(&self) -> napi::Result<()> {
        run(|| self.0.resume())
    }

    /// Says how many seconds were played.
    #[napi]
    pub fn set_playback_position(&self, seconds: f64) -> napi::Result<()> {
        run(|| self.0.set_playback_position(seconds))
    }

    /// Changes the language; none: it is detected.
    #[napi]
    pub fn set_language(&self, language: Option<String>) -> napi::Result<()> {
        run(|| self.0.set_language(language))
    }

    /// Waits for the next events, at most `most`; none: the session is over.
    #[napi]
    pub fn next(&self, port: &Port, id: u32, most: u32) -> napi::Result<()> {
        run(|| {
            port.line.follow(id, self.0.next_batch(most as usize), |done, batch| Message {
                events: Some(batch.into_events().into_iter().map(Into::into).collect()),
                ..done
            })
        })
    }

    /// Ends the session; gives the summary.
    #[napi]
    pub fn end(&self, port: &Port, id: u32) -> napi::Result<()> {
        run(|| {
            let call = self.0.end();
            port.line.follow(id, call, |done, summary| Message { text: Some(summary.to_json()), ..done })
        })
    }

    /// The session as frames for a connection.
    #[napi]
    pub fn wire(&self) -> napi::Result<Connection> {
        run(|| Ok(Connection(self.0.wire()?)))
    }

    /// The session as the frames of a carrier of telephone calls.
    #[napi]
    pub fn phone(&self, protocol: String) -> napi::Result<Connection> {
        run(|| Ok(Connection(self.0.phone(&protocol)?)))
    }
}

/// A live session as frames for a connection.
#[napi]
pub struct Connection(LiveWire);

#[napi]
impl Connection {
    /// Takes a text frame of the client's.
    #[napi]
    pub fn receive_text(&self, text: String) -> napi::Result<()> {
        run(|| self.0.receive(&Frame::Text(text)))
    }

    /// Takes a binary frame of the client's.
    #[napi]
    pub fn receive_bytes(&self, bytes: Uint8Array) -> napi::Result<()> {
        run(|| self.0.receive(&Frame::Binary(bytes.to_vec())))
    }

    /// What a carrier said of the call, as JSON.
    #[napi]
    pub fn call(&self) -> napi::Result<Option<String>> {
        run(|| Ok(self.0.call()))
    }

    /// Has the carrier press keys.
    #[napi]
    pub fn press(&self, keys: String) -> napi::Result<()> {
        run(|| self.0.press(&keys))
    }

    /// Waits for the next frames, at most `most`; none: the session is over.
    #[napi]
    pub fn next(&self, port: &Port, id: u32, most: u32) -> napi::Result<()> {
        run(|| {
            port.line.follow(id, self.0.next_batch(most as usize), |done, frames| Message {
                frames: Some(frames.into_iter().map(Into::into).collect()),
                ..done
            })
        })
    }
}

impl From<Frame> for WireFrame {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self { text: Some(text), bytes: None },
            Frame::Binary(bytes) => Self { text: None, bytes: Some(Bytes(bytes)) },
        }
    }
}
