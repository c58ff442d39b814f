//! Whether the sound of turns is kept, and where.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::audio::AudioFormat;

/// Keeps the sound of turns beside their words: what the user said, what the agent answered, or both.
///
/// The messages refer to it. It goes with the session, with its user and with retention; a turn whose sound cannot be kept is
/// saved without it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordingsConfig {
    /// Where: `file:FOLDER`, `s3://BUCKET/PREFIX` (credentials come from the environment: `AWS_ACCESS_KEY_ID`, …), or `memory`.
    pub store: String,
    /// Whether what the user says is kept. Default true.
    #[serde(default = "yes")]
    pub user: bool,
    /// Whether what the agent says is kept. Default true.
    #[serde(default = "yes")]
    pub assistant: bool,
    /// Whether the whole of each live session is kept as well, both sides in one file along the wall clock: the user on the left,
    /// the agent on the right, at 16,000 samples a second. Default false.
    #[serde(default)]
    pub live: bool,
    /// The format of the files. Default `wav`.
    #[serde(default)]
    pub format: RecordingFormat,
}

impl RecordingsConfig {
    /// Keeps both sides as WAV.
    #[must_use]
    pub fn new(store: impl Into<String>) -> Self {
        Self { store: store.into(), user: true, assistant: true, live: false, format: RecordingFormat::default() }
    }
}

/// The format of kept sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordingFormat {
    /// WAV with 16-bit samples: nothing is lost.
    #[default]
    Wav,
    /// Opus in Ogg: a twelfth of the size.
    Opus,
}

impl From<RecordingFormat> for AudioFormat {
    fn from(format: RecordingFormat) -> Self {
        match format {
            RecordingFormat::Wav => Self::Wav,
            RecordingFormat::Opus => Self::OggOpus,
        }
    }
}

fn yes() -> bool {
    true
}
