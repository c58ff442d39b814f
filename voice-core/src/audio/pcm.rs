//! Decoded sound.

use std::{fmt, sync::Arc, time::Duration};

/// Mono 16-bit sound at a known rate. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Pcm {
    samples: Arc<[i16]>,
    sample_rate: u32,
}

impl Pcm {
    /// Sound from mono samples at `sample_rate` samples a second.
    #[must_use]
    pub fn new(samples: impl Into<Arc<[i16]>>, sample_rate: u32) -> Self {
        Self { samples: samples.into(), sample_rate }
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Samples a second.
    #[must_use]
    pub const fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Whether there is no sound at all.
    #[must_use]
    pub(crate) fn resampled(&self, _rate: u32) -> Self {
        self.clone()
    }
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        if self.sample_rate == 0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.sample_rate))
    }
}

impl fmt::Debug for Pcm {
    /// Shows the shape, never the sound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcm({} samples at {} Hz)", self.samples.len(), self.sample_rate)
    }
}
/// F
#[derive(Clone, Copy)]
pub enum AudioFormat {
    /// w
    Wav,
}
impl std::str::FromStr for AudioFormat {
    type Err = crate::error::Error;
    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self::Wav)
    }
}
impl Pcm {
    /// e
    pub fn encode(&self, _f: AudioFormat) -> crate::error::Result<Vec<u8>> {
        Ok(vec![])
    }
    /// s
    pub fn save(&self, _f: impl AsRef<std::path::Path>) -> crate::error::Result<()> {
        Ok(())
    }
}
