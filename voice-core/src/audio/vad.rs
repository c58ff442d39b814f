//! Is somebody speaking? Asked of every few milliseconds of sound.

use std::{fmt, sync::Arc};

/// Tells speech from everything else, frame by frame. One detector hears one stream.
pub trait VoiceActivityDetector: Send {
    /// How many samples at 16 kHz a frame has.
    fn frame_samples(&self) -> usize;

    /// How likely there is speech in the next frame, 0–1. The frame has exactly [`frame_samples`](Self::frame_samples).
    fn predict(&mut self, frame: &[i16]) -> f32;
}

/// Makes a detector for each stream. Cheap to clone.
#[derive(Clone)]
pub struct VoiceActivity(Arc<dyn Fn() -> Box<dyn VoiceActivityDetector> + Send + Sync>);

impl VoiceActivity {
    /// Detectors of the host's own.
    pub fn new<D: VoiceActivityDetector + 'static>(make: impl Fn() -> D + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Box::new(make())))
    }

    pub(crate) fn detector(&self) -> Box<dyn VoiceActivityDetector> {
        (self.0)()
    }
}

impl Default for VoiceActivity {
    /// A small neural network (earshot: 8 KB a stream, some 20 µs a frame of 16 ms).
    fn default() -> Self {
        Self(Arc::new(|| Box::new(Neural(earshot::Detector::default_boxed()))))
    }
}

impl fmt::Debug for VoiceActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoiceActivity")
    }
}

struct Neural(Box<earshot::Detector>);

impl VoiceActivityDetector for Neural {
    fn frame_samples(&self) -> usize {
        256
    }

    fn predict(&mut self, frame: &[i16]) -> f32 {
        /// Quieter than this (−72 dB) nobody speaks, and there is nothing to compute.
        const NOTHING: u16 = 8;
        if frame.iter().all(|sample| sample.unsigned_abs() <= NOTHING) {
            return 0.0;
        }
        self.0.predict_i16(frame)
    }
}
