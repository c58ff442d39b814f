//! Audio in and out: formats, limits, decoding to 16 kHz mono, encoding of replies.
//!
//! ```text
//! Audio (bytes | file | reader | PCM) ──prepare(limits)──► Utterance (16 kHz mono + what was found)
//! Pcm (mono, any rate) ──encode──► WAV, Ogg Opus, MP3, G.711, raw
//! ```

mod cleaning;
mod container;
mod encode;
pub(crate) mod g711;
mod matroska;
mod mp4;
mod mpeg;
mod opus;
mod pcm;
mod prepare;
mod sample;
mod sink;
mod sniff;
mod source;
mod stream;
mod vad;
mod wav;

pub use encode::AudioFormat;
pub use pcm::{Pcm, SpokenWord};
pub use prepare::prepare;
pub use sample::SampleEncoding;
pub use source::Audio;
pub use vad::{VoiceActivity, VoiceActivityDetector};
pub(crate) use voice_kernels::LiveResampler;
pub(crate) use {
    cleaning::{Cleaner, Cleaning},
    pcm::Converter,
    sink::{check_shape, to_i16},
    stream::StreamEncoder,
};

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rate at which speech is recognised, in samples a second.
pub const SPEECH_RATE: u32 = 16_000;

/// What audio is accepted. Checked before decoding where the bytes tell, and on decoded samples always: a header's word
/// is never trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AudioLimits {
    /// The most bytes of one recording. Default 25 MiB.
    pub max_bytes: u64,
    /// The longest recording, in seconds of decoded sound. Default 300.
    pub max_seconds: f64,
}

impl Default for AudioLimits {
    fn default() -> Self {
        Self { max_bytes: 25 * 1024 * 1024, max_seconds: 300.0 }
    }
}

/// What was found in a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AudioInfo {
    /// The container, by its content: `wav`, `ogg`, `webm`, `mp4`, `mp3`, `flac`, `adts`, `pcm`, …
    pub format: String,
    /// The codec: `pcm_s16le`, `opus`, `aac`, …
    pub codec: String,
    /// The codec's sample rate before conversion, in samples a second.
    pub sample_rate: u32,
    /// The number of channels before mixing down.
    pub channels: u32,
    /// The length of what could be decoded, in seconds.
    pub seconds: f64,
    /// The size of the recording as it was given, in bytes.
    pub bytes: u64,
    /// What was wrong but could be worked around, in words: a lying header, skipped damaged packets, a truncated end.
    pub warnings: Vec<String>,
}

/// One recording, decoded to 16 kHz mono: what speech-to-text is given. Cheap to clone.
#[derive(Clone)]
#[non_exhaustive]
pub struct Utterance {
    /// 16 kHz mono samples. The vector is shared as it was decoded: a shared slice would need a copy.
    pub samples: Arc<Vec<i16>>,
    /// What was found in the recording.
    pub info: Arc<AudioInfo>,
    /// The recording as it came, with its media type by content (`audio/webm`, …), when it came encoded: a provider that
    /// accepts the format may be sent these bytes instead of decoded sound.
    pub original: Option<(Bytes, &'static str)>,
}

impl Utterance {
    /// An utterance from 16 kHz mono samples.
    #[must_use]
    pub fn from_samples(samples: impl Into<Vec<i16>>) -> Self {
        Self::from_shared(Arc::new(samples.into()))
    }

    fn from_shared(samples: Arc<Vec<i16>>) -> Self {
        let info = AudioInfo {
            format: "pcm".into(),
            codec: "pcm_s16le".into(),
            sample_rate: SPEECH_RATE,
            channels: 1,
            seconds: samples.len() as f64 / f64::from(SPEECH_RATE),
            bytes: samples.len() as u64 * 2,
            warnings: Vec::new(),
        };
        Self { samples, info: Arc::new(info), original: None }
    }

    /// The same without its noise. What it was decoded from is no longer part of it: that is noisy.
    pub(crate) fn denoised(&self) -> Self {
        Self { samples: Arc::new(cleaning::denoised(&self.samples)), info: Arc::clone(&self.info), original: None }
    }

    /// The sound as a WAV file: 16-bit, 16 kHz, mono.
    #[must_use]
    pub fn to_wav(&self) -> Bytes {
        encode::wav(&self.samples, SPEECH_RATE)
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(SPEECH_RATE))
    }
}

impl std::fmt::Debug for Utterance {
    /// Shows the shape, never the sound.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Utterance")
            .field("samples", &self.samples.len())
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}
