//! The log-mel spectrogram that Whisper and networks built on its encoder read.
//!
//! Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022); the scale is Slaney's, from
//! his Auditory Toolbox (1998).

use std::{f32::consts::PI, sync::Arc};

use rustfft::{Fft, FftPlanner, num_complex::Complex};

use crate::audio::SPEECH_RATE;

/// Samples under one window: 25 ms.
const WINDOW: usize = 400;
/// Samples from one window to the next: 10 ms.
pub(super) const HOP: usize = 160;
/// The frequencies of one window, from 0 to half the sample rate.
const FREQUENCIES: usize = WINDOW / 2 + 1;

/// Everything that does not depend on the sound.
pub(super) struct MelScale {
    bands: usize,
    /// `bands` rows of `FREQUENCIES`.
    filters: Vec<f32>,
    window: Vec<f32>,
    fft: Arc<dyn Fft<f32>>,
}

impl MelScale {
    pub(super) fn new(bands: usize) -> Self {
        let window = (0..WINDOW).map(|n| 0.5 - 0.5 * (2.0 * PI * n as f32 / WINDOW as f32).cos()).collect();
        Self { bands, filters: filters(bands), window, fft: FftPlanner::new().plan_fft_forward(WINDOW) }
    }

    /// The spectrogram of `samples`, followed by silence or cut so that it has `frames` columns: `bands` rows, scaled to
    /// what the networks were trained on.
    pub(super) fn spectrogram(&self, samples: &[f32], frames: usize) -> Vec<f32> {
        let mut spectrogram = vec![0.0_f32; self.bands * frames];
        let mut buffer = vec![Complex::default(); WINDOW];
        let mut scratch = vec![Complex::default(); self.fft.get_inplace_scratch_len()];
        let mut power = [0.0_f32; FREQUENCIES];
        let mut loudest = f32::MIN;
        for frame in 0..frames {
            // Windows stand centred on their moment; before the first sample the sound is mirrored.
            let start = (frame * HOP) as isize - (WINDOW / 2) as isize;
            for (n, (value, weight)) in buffer.iter_mut().zip(&self.window).enumerate() {
                let at = (start + n as isize).unsigned_abs();
                *value = Complex::new(samples.get(at).copied().unwrap_or(0.0) * weight, 0.0);
            }
            self.fft.process_with_scratch(&mut buffer, &mut scratch);
            for (power, value) in power.iter_mut().zip(&buffer) {
                *power = value.norm_sqr();
            }
            for (band, filter) in self.filters.chunks_exact(FREQUENCIES).enumerate() {
                let energy: f32 = filter.iter().zip(&power).map(|(f, p)| f * p).sum();
                let level = energy.max(1e-10).log10();
                loudest = loudest.max(level);
                spectrogram[band * frames + frame] = level;
            }
        }
        // Nothing counts that is 80 dB below the loudest.
        for level in &mut spectrogram {
            *level = (level.max(loudest - 8.0) + 4.0) / 4.0;
        }
        spectrogram
    }
}

/// Triangles over the frequencies, evenly spaced on the mel scale, each of the same area.
fn filters(bands: usize) -> Vec<f32> {
    let top = SPEECH_RATE as f32 / 2.0;
    let edges: Vec<f32> = (0..bands + 2).map(|n| to_hertz(to_mel(top) * n as f32 / (bands + 1) as f32)).collect();
    let hertz = |n: usize| n as f32 * SPEECH_RATE as f32 / WINDOW as f32;
    let mut filters = Vec::with_capacity(bands * FREQUENCIES);
    for edge in edges.windows(3) {
        let area = 2.0 / (edge[2] - edge[0]);
        filters.extend((0..FREQUENCIES).map(|n| {
            let (up, down) = ((hertz(n) - edge[0]) / (edge[1] - edge[0]), (edge[2] - hertz(n)) / (edge[2] - edge[1]));
            up.min(down).max(0.0) * area
        }));
    }
    filters
}

/// Below 1,000 Hz the scale is linear, above it logarithmic.
const LINEAR: f32 = 200.0 / 3.0;
const KNEE: f32 = 1_000.0;

fn log_step() -> f32 {
    6.4_f32.ln() / 27.0
}

fn to_mel(hertz: f32) -> f32 {
    if hertz < KNEE { hertz / LINEAR } else { KNEE / LINEAR + (hertz / KNEE).ln() / log_step() }
}

fn to_hertz(mel: f32) -> f32 {
    let knee = KNEE / LINEAR;
    if mel < knee { mel * LINEAR } else { KNEE * ((mel - knee) * log_step()).exp() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_loudest_in_the_band_of_its_frequency() {
        let scale = MelScale::new(80);
        let tone: Vec<f32> =
            (0..SPEECH_RATE).map(|n| (2.0 * PI * 1_000.0 * n as f32 / SPEECH_RATE as f32).sin() * 0.5).collect();
        let spectrogram = scale.spectrogram(&tone, 100);
        let level = |band: usize| spectrogram[band * 100 + 50];
        let loudest = (0..80).max_by(|a, b| level(*a).total_cmp(&level(*b))).unwrap();
        // 1,000 Hz is mel 15 of 45.2, a third of the way up.
        assert!((25..=27).contains(&loudest), "{loudest}");
    }

    #[test]
    fn silence_is_the_same_everywhere_and_beyond_the_sound_there_is_silence() {
        let scale = MelScale::new(80);
        let silent = scale.spectrogram(&[], 50);
        assert!(silent.iter().all(|l| *l == silent[0]));
        let noise: Vec<f32> = (0..8_000).map(|n| ((n * 7919) % 100) as f32 / 100.0 - 0.5).collect();
        let spectrogram = scale.spectrogram(&noise, 100);
        assert!(spectrogram[10] > spectrogram[90]);
    }

    #[test]
    fn every_band_hears_something() {
        for bands in [80, 128] {
            let all = filters(bands);
            assert!(all.chunks_exact(FREQUENCIES).all(|filter| filter.iter().any(|f| *f > 0.0)));
        }
    }
}
