//! Where every decoder pours its sound: counts it against the limit, brings it to 16 kHz, keeps it.

use std::sync::Arc;

use voice_kernels::Resampler;

use super::{AudioLimits, SPEECH_RATE};
use crate::error::{Error, ErrorKind, Result};

/// Sample rates that are accepted: below is no speech, above is a damaged header.
pub(crate) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// The most channels that are accepted.
pub(crate) const MAX_CHANNELS: usize = 32;
/// Bytes a second of compressed speech at 16 kbit/s, and the most seconds that room is made for in advance.
const SLOWEST_BYTES: f64 = 2_000.0;
const MOST_ROOM: f64 = 600.0;
/// The least growth of the result, in samples.
const LEAST_GROWTH: usize = 16 * 1024;
/// A stretch of 30 ms: shorter than any syllable, long enough that a lone click does not count as sound.
const SILENCE_WINDOW: usize = 480;
/// The level under which a stretch is silence: −66 dB of full scale, 16 steps of 16-bit sound, measured without its
/// constant part. Dither and a muted microphone stay below; the quietest speech worth recognising is 20 dB above.
const SILENCE_RMS: f64 = 16.4;

/// Checks the shape that a header declares before anything is allocated for it.
pub(crate) fn check_shape(rate: u32, channels: usize) -> Result<()> {
    if !RATES.contains(&rate) {
        return Err(Error::new(
            ErrorKind::UnsupportedAudio,
            format!("the audio has {rate} samples a second; {} to {} are accepted", RATES.start(), RATES.end()),
        ));
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(Error::new(
            ErrorKind::UnsupportedAudio,
            format!("the audio has {channels} channels; 1 to {MAX_CHANNELS} are accepted"),
        ));
    }
    Ok(())
}

/// Collects mono sound of any rate as 16 kHz, 16-bit samples.
///
/// The vector that grows is the one given out: a copy at the end would hold the result twice.
pub(crate) struct SpeechSink {
    max_seconds: f64,
    rate: u32,
    resampler: Option<Resampler>,
    /// Input at the current rate, and seconds of input at rates before it.
    frames: u64,
    earlier_seconds: f64,
    speech: Speech,
}

impl SpeechSink {
    /// A sink for a recording of so many bytes. Room is made at once for as long as it can last at a telephone's bit rate;
    /// memory that is never written costs nothing.
    pub(crate) fn for_bytes(bytes: usize, limits: &AudioLimits) -> Self {
        let mut sink = Self::new(limits);
        let seconds = (bytes as f64 / SLOWEST_BYTES + 1.0).min(limits.max_seconds).clamp(0.0, MOST_ROOM);
        sink.speech.0.reserve_exact((seconds * f64::from(SPEECH_RATE)) as usize);
        sink
    }

    pub(crate) fn new(limits: &AudioLimits) -> Self {
        Self {
            max_seconds: limits.max_seconds,
            rate: 0,
            resampler: None,
            frames: 0,
            earlier_seconds: 0.0,
            speech: Speech::default(),
        }
    }

    /// Seconds taken so far, before conversion.
    pub(crate) fn seconds(&self) -> f64 {
        self.earlier_seconds + if self.rate == 0 { 0.0 } else { self.frames as f64 / f64::from(self.rate) }
    }

    /// Whether nothing was taken so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames == 0 && self.earlier_seconds == 0.0
    }

    /// Takes mono samples, full scale ±1, at `rate`, which may change between calls.
    pub(crate) fn push(&mut self, samples: &[f32], rate: u32) -> Result<()> {
        if rate != self.rate {
            check_shape(rate, 1)?;
            self.flush();
            self.earlier_seconds = self.seconds();
            self.frames = 0;
            self.rate = rate;
            self.resampler = (rate != SPEECH_RATE).then(|| Resampler::new(rate, SPEECH_RATE));
        }
        self.frames += samples.len() as u64;
        if self.seconds() > self.max_seconds {
            return Err(too_long(self.max_seconds));
        }
        let speech = &mut self.speech;
        match &mut self.resampler {
            Some(resampler) => resampler.push(samples, &mut |out| speech.extend(out)),
            None => speech.extend(samples),
        }
        Ok(())
    }

    /// The whole result; an error when it holds no sound.
    pub(crate) fn finish(mut self) -> Result<Arc<Vec<i16>>> {
        self.flush();
        check_sound(&self.speech.0, self.seconds())?;
        self.speech.0.shrink_to_fit();
        Ok(Arc::new(self.speech.0))
    }

    fn flush(&mut self) {
        let speech = &mut self.speech;
        if let Some(resampler) = self.resampler.take() {
            resampler.finish(&mut |out| speech.extend(out));
        }
    }
}

/// Refuses sound that nobody can have spoken.
pub(crate) fn check_sound(samples: &[i16], seconds: f64) -> Result<()> {
    if samples.is_empty() {
        return Err(Error::new(ErrorKind::EmptyAudio, "the audio holds no samples; a recording of speech is expected"));
    }
    if is_silent(samples) {
        return Err(Error::new(
            ErrorKind::SilentAudio,
            format!(
                "the audio is silent: {seconds:.1} s without anything above -66 dB of full scale; is the microphone muted?"
            ),
        ));
    }
    Ok(())
}

/// The error for a recording beyond the time limit.
pub(crate) fn too_long(max_seconds: f64) -> Error {
    Error::new(
        ErrorKind::AudioTooLong,
        format!("the audio lasts longer than {max_seconds} s, the longest that is accepted"),
    )
}

fn is_silent(samples: &[i16]) -> bool {
    samples.chunks(SILENCE_WINDOW).all(|window| {
        let (mut sum, mut squares) = (0i64, 0i64);
        for &sample in window {
            sum += i64::from(sample);
            squares += i64::from(sample) * i64::from(sample);
        }
        let count = window.len() as f64;
        let mean = sum as f64 / count;
        squares as f64 / count - mean * mean < SILENCE_RMS * SILENCE_RMS
    })
}

/// The result as it grows: by an eighth at a time, so that little is held that is not used.
#[derive(Default)]
struct Speech(Vec<i16>);

impl Speech {
    fn extend(&mut self, samples: &[f32]) {
        if self.0.capacity() - self.0.len() < samples.len() {
            self.0.reserve_exact(samples.len().max(self.0.len() / 8).max(LEAST_GROWTH));
        }
        self.0.extend(samples.iter().map(|&sample| to_i16(sample)));
    }
}

/// Rounds to the nearest 16-bit sample; what is beyond full scale is cut off there.
pub(crate) fn to_i16(sample: f32) -> i16 {
    let scaled = sample * 32_768.0;
    (scaled + 0.5_f32.copysign(scaled)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_rounded_and_cut_at_full_scale() {
        assert_eq!(
            [0.0, 0.5, -1.0, 1.0, 7.0, -7.0, f32::NAN].map(to_i16),
            [0, 16_384, -32_768, 32_767, 32_767, -32_768, 0]
        );
        assert_eq!(to_i16(1.6 / 32_768.0), 2);
        assert_eq!(to_i16(-1.6 / 32_768.0), -2);
    }

    #[test]
    fn the_limit_counts_decoded_samples() {
        let limits = AudioLimits { max_seconds: 1.0, ..AudioLimits::default() };
        let mut sink = SpeechSink::new(&limits);
        sink.push(&[0.1; 8_000], 8_000).expect("exactly the limit");
        assert_eq!(sink.push(&[0.1], 8_000).expect_err("beyond").kind(), ErrorKind::AudioTooLong);
    }

    #[test]
    fn a_change_of_rate_in_mid_stream_keeps_the_clock() {
        let mut sink = SpeechSink::new(&AudioLimits::default());
        let wave = |rate: u32| (0..rate).map(|i| (i as f32 * 0.05).sin()).collect::<Vec<_>>();
        for rate in [8_000, 16_000, 48_000] {
            sink.push(&wave(rate), rate).expect("accepted");
        }
        assert!((sink.seconds() - 3.0).abs() < 1e-9);
        assert_eq!(sink.finish().expect("sound").len(), 48_000);
    }

    #[test]
    fn dither_offset_and_lone_clicks_are_silence_and_quiet_speech_is_not() {
        let dither: Vec<i16> = (0..16_000).map(|i| (i % 5) - 2).collect();
        let offset = vec![2_000; 16_000];
        let quiet: Vec<i16> = (0..16_000).map(|i| ((f64::from(i) * 0.1).sin() * 60.0) as i16).collect();
        assert!(is_silent(&dither) && is_silent(&offset));
        assert!(!is_silent(&quiet));
    }
}
