//! Live sessions.

use std::sync::Arc;

use voice_bridge::{Frame, LiveSession as Session, LiveSummaryRecord, LiveTurnRecord};

use crate::{
    error::{ErrorDetails, Failure, guarded},
    event::CostFields,
    event::{Event, ToolCallFields},
    floats_from_bytes, from_bytes,
};

/// An exchange of a live session that is over and stored.
#[derive(uniffi::Record)]
pub struct LiveTurnFields {
    /// The turn.
    pub turn_id: String,
    /// Why the agent spoke.
    pub kind: String,
    /// What the user said or typed.
    pub transcript: String,
    /// The language of the user, when it is known.
    pub language: Option<String>,
    /// The language of what was said, where an interpreter speaks.
    pub text_language: Option<String>,
    /// What the agent said and the user heard.
    pub text: String,
    /// The tools that the model called, in the order in which they were done.
    pub tool_calls: Vec<ToolCallFields>,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Why (part of) the sound is missing, if it is.
    pub audio_error: Option<ErrorDetails>,
    /// The user's stored message.
    pub user_message_id: Option<String>,
    /// The agent's stored message.
    pub assistant_message_id: Option<String>,
    /// From the end of the user's voice to the end of the user's turn, in milliseconds.
    pub end_of_utterance_delay_ms: Option<f64>,
    /// From the end of the user's voice to the first sound of the answer, in milliseconds.
    pub response_delay_ms: Option<f64>,
    /// What was spent since the exchange before, where every model that was called has a price.
    pub cost: Option<CostFields>,
    /// Everything as JSON, with times and usage.
    pub json: String,
}

impl From<LiveTurnRecord> for LiveTurnFields {
    fn from(turn: LiveTurnRecord) -> Self {
        Self {
            json: turn.to_json(),
            cost: turn.cost.map(Into::into),
            turn_id: turn.turn_id,
            kind: turn.kind.to_owned(),
            transcript: turn.transcript,
            language: turn.language,
            text_language: turn.text_language,
            text: turn.text,
            tool_calls: turn.tool_calls.iter().map(Into::into).collect(),
            interrupted: turn.interrupted,
            audio_error: turn.audio_error.map(Into::into),
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            end_of_utterance_delay_ms: turn.end_of_utterance_delay_ms,
            response_delay_ms: turn.response_delay_ms,
        }
    }
}

/// What a whole live session came to.
#[derive(uniffi::Record)]
pub struct LiveSummaryFields {
    /// The session.
    pub session_id: String,
    /// Why it ended.
    pub reason: String,
    /// How long it lasted, in seconds.
    pub duration_seconds: f64,
    /// How many exchanges were stored.
    pub turns: u32,
    /// How many of them were interrupted.
    pub interruptions: u32,
    /// What all of it cost, where every model that was called has a price.
    pub cost: Option<CostFields>,
    /// Everything as JSON, with usage.
    pub json: String,
}

impl From<LiveSummaryRecord> for LiveSummaryFields {
    fn from(summary: LiveSummaryRecord) -> Self {
        Self {
            json: summary.to_json(),
            cost: summary.cost.map(Into::into),
            session_id: summary.session_id,
            reason: summary.reason.to_owned(),
            duration_seconds: summary.duration_seconds,
            turns: summary.turns,
            interruptions: summary.interruptions,
        }
    }
}

/// A live conversation. Dropping it ends it.
#[derive(uniffi::Object)]
pub struct LiveSession {
    session: Session,
}

impl LiveSession {
    pub(crate) fn new(session: Session) -> Arc<Self> {
        Arc::new(Self { session })
    }
}

#[uniffi::export]
impl LiveSession {
    /// The stored session.
    pub fn session_id(&self) -> String {
        self.session.session_id()
    }

    /// Takes interleaved 16-bit samples, little-endian.
    pub fn push_pcm(&self, data: Vec<u8>) -> Result<(), Failure> {
        guarded(|| self.session.push_audio(from_bytes(&data)))
    }

    /// Takes interleaved 16-bit samples, little-endian, with the time at which their sender took them, in seconds.
    pub fn push_pcm_at(&self, seconds: f64, data: Vec<u8>) -> Result<(), Failure> {
        guarded(|| self.session.push_audio_at(seconds, from_bytes(&data)))
    }

    /// Takes interleaved 32-bit float samples, little-endian, full scale ±1.
    pub fn push_pcm_f32(&self, data: Vec<u8>) -> Result<(), Failure> {
        guarded(|| self.session.push_audio_f32(&floats_from_bytes(&data)))
    }

    /// Takes something typed.
    pub fn push_text(&self, text: &str) -> Result<(), Failure> {
        guarded(|| self.session.push_text(text))
    }

    /// Takes keys of the telephone.
    pub fn push_dtmf(&self, keys: &str) -> Result<(), Failure> {
        guarded(|| self.session.push_dtmf(keys))
    }

    /// Ends the user's turn: push to talk.
    pub fn commit(&self) -> Result<(), Failure> {
        guarded(|| self.session.commit())
    }

    /// Has the agent say something.
    pub fn say(&self, text: &str, interruptible: bool) -> Result<(), Failure> {
        guarded(|| self.session.say(text, interruptible))
    }

    /// Stops what the agent says.
    pub fn interrupt(&self) -> Result<(), Failure> {
        guarded(|| self.session.interrupt())
    }

    /// Holds the sound back.
    pub fn pause(&self) -> Result<(), Failure> {
        guarded(|| self.session.pause())
    }

    /// Goes on.
    pub fn resume(&self) -> Result<(), Failure> {
        guarded(|| self.session.resume())
    }

    /// Says how many seconds were played.
    pub fn set_playback_position(&self, seconds: f64) -> Result<(), Failure> {
        guarded(|| self.session.set_playback_position(seconds))
    }

    /// Changes the language; none: it is detected.
    pub fn set_language(&self, language: Option<String>) -> Result<(), Failure> {
        guarded(|| self.session.set_language(language))
    }

    /// Waits for the next events, at least one and at most `max`. Empty: the session is over. Giving up loses none.
    pub async fn next_batch(&self, max: u32) -> Result<Vec<Event>, Failure> {
        let batch = self.session.next_batch(max as usize).await?;
        Ok(batch.into_events().into_iter().map(Event::from).collect())
    }

    /// Ends the session. A session that is over gives the same.
    pub async fn end(&self) -> Result<LiveSummaryFields, Failure> {
        Ok(self.session.end().await?.into())
    }

    /// Has the session end without waiting for it.
    pub fn let_go(&self) {
        self.session.end().detach();
    }

    /// The session as frames for a connection.
    pub fn wire(&self) -> Result<Arc<LiveWire>, Failure> {
        guarded(|| Ok(Arc::new(LiveWire { wire: self.session.wire()? })))
    }

    /// The session as the frames of a carrier of telephone calls.
    pub fn phone(&self, protocol: &str) -> Result<Arc<LiveWire>, Failure> {
        guarded(|| Ok(Arc::new(LiveWire { wire: self.session.phone(protocol)? })))
    }
}

/// A frame for the client of a live session.
#[derive(uniffi::Enum)]
pub enum WireFrame {
    /// JSON.
    Text {
        /// The message.
        text: String,
    },
    /// Sound.
    Binary {
        /// The message.
        bytes: Vec<u8>,
    },
}

impl From<Frame> for WireFrame {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text { text },
            Frame::Binary(bytes) => Self::Binary { bytes },
        }
    }
}

/// A live session as frames for a connection.
#[derive(uniffi::Object)]
pub struct LiveWire {
    wire: voice_bridge::LiveWire,
}

#[uniffi::export]
impl LiveWire {
    /// Takes a text frame of the client's.
    pub fn receive_text(&self, text: String) -> Result<(), Failure> {
        guarded(|| self.wire.receive(&Frame::Text(text)))
    }

    /// Takes a binary frame of the client's.
    pub fn receive_bytes(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        guarded(|| self.wire.receive(&Frame::Binary(bytes)))
    }

    /// What a carrier said of the call, as JSON.
    pub fn call(&self) -> Option<String> {
        self.wire.call()
    }

    /// Has the carrier press keys.
    pub fn press(&self, keys: &str) -> Result<(), Failure> {
        guarded(|| self.wire.press(keys))
    }

    /// Waits for the next frames, at least one and at most `max`. Empty: the session is over.
    pub async fn next_batch(&self, max: u32) -> Result<Vec<WireFrame>, Failure> {
        Ok(self.wire.next_batch(max as usize).await?.into_iter().map(WireFrame::from).collect())
    }
}
