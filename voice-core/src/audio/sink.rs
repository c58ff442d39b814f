//! Where every decoder pours its sound: counts it against the limit, brings it to 16 kHz, keeps it.

use std::sync::Arc;

use voice_kernels::Resampler;

use super::{AudioLimits, SPEECH_RATE, sample::Mix};
use crate::error::{Error, ErrorKind, Result};

/// Sample rates that are accepted: below is no speech, above is a damaged header.
pub(crate) const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// The most channels that are accepted.
pub(crate) const MAX_CHANNELS: usize = 32;
/// The most sample rates of one recording: each costs a filter, and no recorder changes its rate more than a few times.
const MAX_RATES: usize = 8;
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
    /// How those who pour make one channel of many.
    pub(crate) mix: Mix,
    rate: u32,
    /// The converter of the current rate, and those of rates before it, which may come again.
    resampler: Option<Resampler>,
    earlier: Vec<(u32, Resampler)>,
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
            mix: Mix::All,
            rate: 0,
            resampler: None,
            earlier: Vec::new(),
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

    /// Whether nobody can be heard in what there is so far.
    pub(crate) fn is_silent(&self) -> bool {
        is_silent(&self.speech.0)
    }

    /// Takes mono samples, full scale ±1, at `rate`, which may change between calls.
    ///
    /// A rate that came before costs nothing but the end of the one until now.
    pub(crate) fn push(&mut self, samples: &[f32], rate: u32) -> Result<()> {
        if rate != self.rate {
            self.change_rate(rate)?;
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

    fn change_rate(&mut self, rate: u32) -> Result<()> {
        check_shape(rate, 1)?;
        self.flush();
        if let Some(resampler) = self.resampler.take() {
            self.earlier.push((self.rate, resampler));
        }
        self.earlier_seconds = self.seconds();
        self.frames = 0;
        self.rate = rate;
        let known = self.earlier.iter().position(|(earlier, _)| *earlier == rate);
        self.resampler = match known {
            _ if rate == SPEECH_RATE => None,
            Some(at) => Some(self.earlier.swap_remove(at).1),
            None if self.earlier.len() >= MAX_RATES => return Err(too_many_rates()),
            None => Some(Resampler::new(rate, SPEECH_RATE)),
        };
        Ok(())
    }

    /// Ends the sound of the current rate.
    fn flush(&mut self) {
        let speech = &mut self.speech;
        if let Some(resampler) = &mut self.resampler {
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

fn too_many_rates() -> Error {
    Error::new(
        ErrorKind::UnsupportedAudio,
        format!(
            "the audio changes between more than {MAX_RATES} sample rates; convert it to one rate, or send its parts one by one"
        ),
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
    fn rates_that_alternate_are_converted_as_if_each_stood_alone() {
        let wave = |rate: u32| (0..rate / 10).map(|i| (i as f32 * 0.05).sin()).collect::<Vec<_>>();
        let heard = |rates: &[u32]| {
            let mut sink = SpeechSink::new(&AudioLimits::default());
            rates.iter().for_each(|&rate| sink.push(&wave(rate), rate).expect("accepted"));
            sink.finish().expect("sound").to_vec()
        };
        let round = [heard(&[44_100]), heard(&[16_000]), heard(&[47_999])].concat();
        assert_eq!(heard(&[44_100, 16_000, 47_999].repeat(20)), round.repeat(20));
    }

    #[test]
    fn a_recording_of_ever_new_rates_is_refused() {
        let mut sink = SpeechSink::new(&AudioLimits::default());
        for rate in (8_000..).step_by(1_000).take(MAX_RATES) {
            sink.push(&[0.1; 100], rate).expect("accepted");
        }
        sink.push(&[0.1; 100], SPEECH_RATE).expect("the speech rate needs no filter");
        assert_eq!(sink.push(&[0.1], 44_101).expect_err("one more").kind(), ErrorKind::UnsupportedAudio);
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
