//! What a client says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Frame, bytes, parsed, samples, written};
use crate::error::Result;

const TYPES: [&str; 9] =
    ["user-message", "dtmf", "commit", "interrupt", "pause", "resume", "playback", "language", "end-session"];

/// What a client says. `Debug` leaves words and sound out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ClientMessage {
    /// The next sound of the user: a binary frame.
    #[serde(skip)]
    Audio(Vec<i16>),
    /// Something that the user typed.
    UserMessage {
        /// The words.
        text: String,
    },
    /// Keys of a telephone: `0`–`9`, `*`, `#`, `A`–`D`.
    Dtmf {
        /// The keys.
        keys: String,
    },
    /// Ends the user's turn now: push to talk.
    Commit,
    /// Stops what the agent says.
    Interrupt,
    /// Holds the sound back until `resume`.
    Pause,
    /// Goes on after `pause`.
    Resume,
    /// Says how far the session's sound was played. From the first one on only these tell what was heard.
    Playback {
        /// The position up to which it was heard, in samples.
        position: u64,
    },
    /// Changes the language that is expected and spoken.
    Language {
        /// The language (BCP 47); null, `auto` or left out: it is detected.
        #[serde(default)]
        language: Option<String>,
    },
    /// Ends the session; `session-ended` is the last message.
    EndSession,
}

impl ClientMessage {
    /// Reads a frame.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a text that is not JSON, for a type that is not known, for a field that is missing or of a wrong
    /// type, and for half a sample. The message quotes nothing of the frame.
    pub fn from_frame(frame: &Frame) -> Result<Self> {
        match frame {
            Frame::Text(text) => parsed(text, &TYPES),
            Frame::Binary(sound) => Ok(Self::Audio(samples(sound)?)),
        }
    }

    /// The frame that says it.
    #[must_use]
    pub fn to_frame(&self) -> Frame {
        match self {
            Self::Audio(samples) => Frame::Binary(bytes(samples).collect()),
            text => written(text),
        }
    }
}

impl std::fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Audio(samples) => write!(f, "Audio({} samples)", samples.len()),
            Self::UserMessage { text } => write!(f, "UserMessage({} bytes)", text.len()),
            Self::Dtmf { keys } => write!(f, "Dtmf({} bytes)", keys.len()),
            Self::Commit => f.write_str("Commit"),
            Self::Interrupt => f.write_str("Interrupt"),
            Self::Pause => f.write_str("Pause"),
            Self::Resume => f.write_str("Resume"),
            Self::Playback { position } => write!(f, "Playback({position})"),
            Self::Language { language } => write!(f, "Language({language:?})"),
            Self::EndSession => f.write_str("EndSession"),
        }
    }
}
