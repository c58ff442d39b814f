//! What is done to a voice before it is listened to: the echo of what was played is taken out, the gain is set, noise is
//! taken out. Everything at 16 kHz, 10 ms at a time; what remains of a frame waits for the rest of it.

use std::sync::LazyLock;

use nnnoiseless::{DenoiseState, RnnModel};
use sonora::{
    AudioProcessing, Config, StreamConfig,
    config::{AdaptiveDigital, EchoCanceller, GainController2},
};

use super::{LiveResampler, SPEECH_RATE, to_i16};

/// Ten milliseconds.
const FRAME: usize = SPEECH_RATE as usize / 100;
/// The rate of the network that knows noise.
const DENOISED_RATE: u32 = 48_000;

/// What is to be done to a voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cleaning {
    pub(crate) denoising: bool,
    pub(crate) echo_cancellation: bool,
    pub(crate) automatic_gain: bool,
}

/// Cleans one stream of sound. What it gives out is at most 30 ms late.
pub(crate) struct Cleaner {
    cancels_echo: bool,
    processor: Option<Box<AudioProcessing>>,
    denoiser: Option<Denoiser>,
    pending: Vec<i16>,
    /// What was played while `pending` was heard.
    pending_played: Vec<i16>,
    cleaned: [i16; FRAME],
}

impl Cleaner {
    /// `None` when nothing is to be done.
    pub(crate) fn new(what: Cleaning) -> Option<Self> {
        (what != Cleaning::default()).then(|| Self {
            cancels_echo: what.echo_cancellation,
            processor: (what.echo_cancellation || what.automatic_gain).then(|| Box::new(processor(what))),
            denoiser: what.denoising.then(Denoiser::new),
            pending: Vec::new(),
            pending_played: Vec::new(),
            cleaned: [0; FRAME],
        })
    }

    /// Whether it wants to know what was played.
    pub(crate) fn cancels_echo(&self) -> bool {
        self.cancels_echo
    }

    /// Takes what was heard and what was played at the same time, sample by sample, and adds what is clean to `out`.
    pub(crate) fn push(&mut self, heard: &[i16], played: impl Iterator<Item = i16>, out: &mut Vec<i16>) {
        self.pending.extend_from_slice(heard);
        self.pending_played.extend(played.take(heard.len()));
        self.pending_played.resize(self.pending.len(), 0);
        let whole = self.pending.len() / FRAME * FRAME;
        let heard = self.pending[..whole].chunks_exact(FRAME);
        let played = self.pending_played[..whole].chunks_exact(FRAME);
        for (heard, played) in heard.zip(played) {
            let mut frame = heard;
            if let Some(processor) = &mut self.processor {
                if self.cancels_echo && processor.process_render_i16(played, &mut self.cleaned).is_err() {
                    tracing::debug!("what was played cannot be taken as the echo's origin");
                }
                if processor.process_capture_i16(heard, &mut self.cleaned).is_ok() {
                    frame = &self.cleaned;
                }
            }
            match &mut self.denoiser {
                Some(denoiser) => denoiser.push(frame, out),
                None => out.extend_from_slice(frame),
            }
        }
        self.pending.drain(..whole);
        self.pending_played.drain(..whole);
    }
}

/// WebRTC's audio processing: echo canceller (AEC3) and gain control (AGC2).
fn processor(what: Cleaning) -> AudioProcessing {
    let gain = GainController2 { adaptive_digital: Some(AdaptiveDigital::default()), ..GainController2::default() };
    let config = Config {
        echo_canceller: what.echo_cancellation.then(EchoCanceller::default),
        gain_controller2: what.automatic_gain.then_some(gain),
        ..Config::default()
    };
    let stream = StreamConfig::new(SPEECH_RATE, 1);
    AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build()
}

/// Takes out noise with RNNoise.
struct Denoiser {
    state: Box<DenoiseState<'static>>,
    up: LiveResampler,
    down: LiveResampler,
    fast: Vec<f32>,
    slow: Vec<f32>,
}

impl Denoiser {
    fn new() -> Self {
        /// The weights, shared by all.
        static MODEL: LazyLock<RnnModel> = LazyLock::new(RnnModel::default);
        Self {
            state: DenoiseState::with_model(&MODEL),
            up: LiveResampler::new(SPEECH_RATE, DENOISED_RATE),
            down: LiveResampler::new(DENOISED_RATE, SPEECH_RATE),
            fast: Vec::new(),
            slow: Vec::new(),
        }
    }

    fn push(&mut self, frame: &[i16], out: &mut Vec<i16>) {
        const SIZE: usize = DenoiseState::FRAME_SIZE;
        const FULL: f32 = 32_768.0;
        self.up.push(frame.iter().map(|&sample| f32::from(sample)), &mut self.fast);
        let whole = self.fast.len() / SIZE * SIZE;
        let mut clean = [0.0; SIZE];
        for noisy in self.fast[..whole].chunks_exact(SIZE) {
            self.state.process_frame(&mut clean, noisy);
            self.down.push(clean.iter().map(|sample| sample / FULL), &mut self.slow);
        }
        self.fast.drain(..whole);
        out.extend(self.slow.drain(..).map(to_i16));
    }
}

/// A whole recording at 16 kHz without its noise, as long as before.
pub(crate) fn denoised(samples: &[i16]) -> Vec<i16> {
    let (mut denoiser, mut out) = (Denoiser::new(), Vec::with_capacity(samples.len() + 2 * DELAY));
    let tail = [0; 2 * DELAY];
    for frame in samples.chunks(FRAME).chain(tail.chunks(FRAME)) {
        denoiser.push(frame, &mut out);
    }
    out.drain(..DELAY.min(out.len()));
    out.resize(samples.len(), 0);
    out
}

/// How late sound comes out of the denoiser, in samples: a frame of the network, and what two filters wait for.
const DELAY: usize = FRAME + 134;

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// Noise whose samples are as good as independent, from a fixed seed.
    fn noise(seed: u64, count: usize, level: f64) -> Vec<f64> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        };
        (0..count).map(|_| next() * 2.0 * level).collect()
    }

    /// Something like vowels: a pitch that wanders, with harmonics, in syllables of 200 ms.
    fn voice(count: usize, level: f64) -> Vec<f64> {
        let mut phase = 0.0;
        let mut sample = |n: usize| {
            let t = n as f64 / 16_000.0;
            phase += TAU * (130.0 + 20.0 * (TAU * 0.7 * t).sin()) / 16_000.0;
            let tone: f64 = (1..20).map(|h| (phase * f64::from(h)).sin() / f64::from(h)).sum();
            tone * level * (TAU * 2.5 * t).sin().max(0.0)
        };
        (0..count).map(&mut sample).collect()
    }

    fn sound(samples: impl IntoIterator<Item = f64>) -> Vec<i16> {
        samples.into_iter().map(|s| s as i16).collect()
    }

    fn power(samples: &[i16]) -> f64 {
        samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64
    }

    fn db(ratio: f64) -> f64 {
        10.0 * ratio.log10()
    }

    fn cleaned(what: Cleaning, heard: &[i16], played: &[i16]) -> Vec<i16> {
        let mut cleaner = Cleaner::new(what).unwrap();
        let mut out = Vec::new();
        let mut played = played.iter().copied();
        for frame in heard.chunks(333) {
            cleaner.push(frame, played.by_ref(), &mut out);
        }
        out
    }

    #[test]
    fn nothing_is_made_when_nothing_is_to_be_done() {
        assert!(Cleaner::new(Cleaning::default()).is_none());
    }

    #[test]
    fn steady_noise_is_taken_out_and_a_voice_stays() {
        let count = 5 * 16_000;
        let hiss = sound(noise(7, count, 600.0));
        let what = Cleaning { denoising: true, ..Cleaning::default() };
        let quiet = cleaned(what, &hiss, &[]);
        let gone = db(power(&hiss[count / 2..]) / power(&quiet[count / 2..]));
        assert!(gone > 12.0, "only {gone:.1} dB of noise were taken out");
        let spoken = sound(voice(count, 6_000.0));
        let kept = db(power(&cleaned(what, &spoken, &[])[count / 2..]) / power(&spoken[count / 2..]));
        assert!(kept.abs() < 3.0, "the voice changed by {kept:.1} dB");
    }

    #[test]
    fn a_recording_without_its_noise_is_as_long_and_lies_where_it_lay() {
        let spoken = sound(voice(32_000, 6_000.0));
        let clean = denoised(&spoken);
        assert_eq!(clean.len(), spoken.len());
        let likeness = |shift: isize| -> f64 {
            let pairs = (8_000..24_000_usize).map(|n| (spoken[n], clean[n.saturating_add_signed(shift)]));
            pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
        };
        let best = (-64..64).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap();
        assert!(best.abs() <= 16, "it lies {best} samples later");
        assert_eq!(denoised(&[]).len(), 0);
    }

    #[test]
    fn the_echo_of_what_was_played_is_taken_out() {
        let count = 10 * 16_000;
        let played = sound(voice(count, 4_000.0).iter().zip(noise(3, count, 500.0)).map(|(a, b)| a + b));
        // Half as loud, 50 ms later.
        let echo: Vec<i16> = (0..count).map(|n| n.checked_sub(800).map_or(0, |at| played[at] / 2)).collect();
        let what = Cleaning { echo_cancellation: true, ..Cleaning::default() };
        let rest = cleaned(what, &echo, &played);
        let gone = db(power(&echo[count / 2..]) / power(&rest[count / 2..]).max(1.0));
        assert!(gone > 25.0, "only {gone:.1} dB of the echo were taken out");
    }

    #[test]
    fn a_voice_is_heard_through_the_echo_canceller_when_nothing_is_played() {
        let spoken = sound(voice(5 * 16_000, 6_000.0));
        let what = Cleaning { echo_cancellation: true, ..Cleaning::default() };
        let kept = db(power(&cleaned(what, &spoken, &[])[40_000..]) / power(&spoken[40_000..]));
        assert!(kept.abs() < 3.0, "the voice changed by {kept:.1} dB");
    }

    #[test]
    fn a_quiet_voice_is_made_louder_and_a_loud_one_is_not_clipped() {
        let what = Cleaning { automatic_gain: true, ..Cleaning::default() };
        let quiet = sound(voice(10 * 16_000, 200.0));
        let raised = cleaned(what, &quiet, &[]);
        assert!(db(power(&raised[80_000..]) / power(&quiet[80_000..])) > 6.0);
        let loud = sound(voice(10 * 16_000, 14_000.0));
        let limited = cleaned(what, &loud, &[]);
        let clipped = limited[80_000..].iter().filter(|s| s.unsigned_abs() > 32_700).count();
        assert!(clipped < 80, "{clipped} samples at full scale");
    }
}
