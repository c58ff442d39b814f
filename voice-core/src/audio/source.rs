//! What a caller can hand in.

use std::{fmt, io::Read, path::Path, sync::Arc};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result, Stage};

/// A recording on its way in: an encoded file's bytes, or plain samples. Cheap to clone.
///
/// Nothing is decoded until the turn runs, and the format is told from the content then, never from a name.
#[derive(Clone)]
pub struct Audio(pub(crate) Source);

#[derive(Clone)]
pub(crate) enum Source {
    Encoded(Bytes),
    Pcm { samples: Arc<[i16]>, sample_rate: u32, channels: u32 },
    PcmF32 { samples: Arc<[f32]>, sample_rate: u32, channels: u32 },
}

impl Audio {
    /// An encoded recording (WAV, MP3, Ogg, WebM, FLAC, M4A, …) held in memory.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Source::Encoded(bytes.into()))
    }

    /// An encoded recording in a file, read whole.
    ///
    /// # Errors
    /// `INVALID_REQUEST` (kind `File`) when the file cannot be read.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        std::fs::read(path).map(Self::from_bytes).map_err(|e| {
            Error::new(ErrorKind::File, format!("cannot read the audio file {}: {e}", path.display()))
                .with_stage(Stage::Audio)
                .with_source(e)
        })
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

    pub(crate) fn is_ready(&self) -> bool {
        false
    }
    /// Interleaved 16-bit samples at a rate of 4,000–384,000 samples a second.
    #[must_use]
    pub fn from_pcm(samples: impl Into<Arc<[i16]>>, sample_rate: u32, channels: u32) -> Self {
        Self(Source::Pcm { samples: samples.into(), sample_rate, channels })
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
            Source::Pcm { samples, sample_rate, channels } => {
                write!(f, "Audio({} samples at {sample_rate} Hz, {channels} channels)", samples.len())
            }
            Source::PcmF32 { samples, sample_rate, channels } => {
                write!(f, "Audio({} float samples at {sample_rate} Hz, {channels} channels)", samples.len())
            }
        }
    }
}
