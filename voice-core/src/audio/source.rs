//! What a caller can hand in.

use std::{
    fmt,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Pcm, SPEECH_RATE, sample::SampleEncoding};
use crate::error::{Error, ErrorKind, Result, Stage};

/// Ten seconds of samples: converted in some tens of microseconds.
const SHORT: usize = 10 * SPEECH_RATE as usize;

/// A recording on its way in: an encoded file's bytes, or plain samples. Cheap to clone.
///
/// Nothing is decoded until the turn runs, and the format is told from the content then, never from a name.
#[derive(Clone)]
pub struct Audio(pub(crate) Source);

#[derive(Clone)]
pub(crate) enum Source {
    Encoded(Bytes),
    File(PathBuf),
    Raw {
        bytes: Bytes,
        encoding: SampleEncoding,
        sample_rate: u32,
        channels: u32,
    },
    /// As a vector: 16 kHz mono goes to the recogniser as it is, and that takes one.
    Pcm {
        samples: Arc<Vec<i16>>,
        sample_rate: u32,
        channels: u32,
    },
    PcmF32 {
        samples: Arc<[f32]>,
        sample_rate: u32,
        channels: u32,
    },
}

impl Audio {
    /// An encoded recording (WAV, MP3, Ogg, WebM, FLAC, M4A, …) held in memory.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Source::Encoded(bytes.into()))
    }

    /// An encoded recording in a file. It is read when the turn runs, and never beyond the limit of bytes.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when there is no such file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |why: String| {
            Error::new(ErrorKind::File, format!("cannot read the audio file {}: {why}", path.display()))
                .with_stage(Stage::Audio)
        };
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(failed("it is a folder".into())),
            Ok(_) => Ok(Self(Source::File(path.to_owned()))),
            Err(e) => Err(failed(e.to_string()).with_source(e)),
        }
    }

    /// An encoded recording from a reader, read to its end or to `max_bytes`, whichever comes first.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when reading fails; `VALIDATION_ERROR` (kind `AudioTooLarge`) past `max_bytes`.
    pub fn from_reader(reader: impl Read, max_bytes: u64) -> Result<Self> {
        let mut bytes = Vec::new();
        reader.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| {
            Error::new(ErrorKind::File, format!("cannot read the audio: {e}")).with_stage(Stage::Audio).with_source(e)
        })?;
        if bytes.len() as u64 > max_bytes {
            return Err(Error::new(
                ErrorKind::AudioTooLarge,
                format!("the audio has more than {max_bytes} bytes, the most that is accepted"),
            )
            .with_stage(Stage::Audio));
        }
        Ok(Self::from_bytes(bytes))
    }

    /// Interleaved samples without a header, written as `encoding` says, at a rate of 4,000–384,000 samples a second.
    #[must_use]
    pub fn from_raw(bytes: impl Into<Bytes>, encoding: SampleEncoding, sample_rate: u32, channels: u32) -> Self {
        Self(Source::Raw { bytes: bytes.into(), encoding, sample_rate, channels })
    }

    /// Mono G.711 µ-law without a header, as telephone media streams carry it (8,000 samples a second there).
    #[must_use]
    pub fn from_mulaw(bytes: impl Into<Bytes>, sample_rate: u32) -> Self {
        Self::from_raw(bytes, SampleEncoding::MuLaw, sample_rate, 1)
    }

    /// Mono G.711 A-law without a header, as telephone media streams carry it (8,000 samples a second there).
    #[must_use]
    pub fn from_alaw(bytes: impl Into<Bytes>, sample_rate: u32) -> Self {
        Self::from_raw(bytes, SampleEncoding::ALaw, sample_rate, 1)
    }

    /// Interleaved 16-bit samples at a rate of 4,000–384,000 samples a second. A vector is not copied, and 16 kHz mono, the
    /// form that recognisers take, not even for the turn.
    #[must_use]
    pub fn from_pcm(samples: impl Into<Vec<i16>>, sample_rate: u32, channels: u32) -> Self {
        Self(Source::Pcm { samples: Arc::new(samples.into()), sample_rate, channels })
    }

    /// Whether it is ready for the recogniser but for a copy: a moment's work, not worth another thread.
    pub(crate) fn is_short_speech(&self) -> bool {
        match &self.0 {
            Source::Pcm { samples, sample_rate, channels } => {
                (*sample_rate, *channels) == (SPEECH_RATE, 1) && samples.len() <= SHORT
            }
            Source::PcmF32 { samples, sample_rate, channels } => {
                (*sample_rate, *channels) == (SPEECH_RATE, 1) && samples.len() <= SHORT
            }
            Source::Encoded(_) | Source::File(_) | Source::Raw { .. } => false,
        }
    }

    /// Interleaved float samples, full scale ±1, at a rate of 4,000–384,000 samples a second.
    #[must_use]
    pub fn from_pcm_f32(samples: impl Into<Arc<[f32]>>, sample_rate: u32, channels: u32) -> Self {
        Self(Source::PcmF32 { samples: samples.into(), sample_rate, channels })
    }
}

impl From<Bytes> for Audio {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl From<&[u8]> for Audio {
    /// Copies the bytes; `Audio::from_bytes` takes owned ones without.
    fn from(bytes: &[u8]) -> Self {
        Self::from_bytes(Bytes::copy_from_slice(bytes))
    }
}

impl From<Pcm> for Audio {
    fn from(pcm: Pcm) -> Self {
        Self::from_pcm(pcm.samples(), pcm.sample_rate(), 1)
    }
}

impl From<Vec<u8>> for Audio {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for Audio {
    /// Shows the shape, never the sound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Encoded(bytes) => write!(f, "Audio({} encoded bytes)", bytes.len()),
            Source::File(path) => write!(f, "Audio({})", path.display()),
            Source::Raw { bytes, encoding, sample_rate, channels } => {
                write!(
                    f,
                    "Audio({} bytes of {} at {sample_rate} Hz, {channels} channels)",
                    bytes.len(),
                    encoding.name()
                )
            }
            Source::Pcm { samples, sample_rate, channels } => {
                write!(f, "Audio({} samples at {sample_rate} Hz, {channels} channels)", samples.len())
            }
            Source::PcmF32 { samples, sample_rate, channels } => {
                write!(f, "Audio({} float samples at {sample_rate} Hz, {channels} channels)", samples.len())
            }
        }
    }
}
