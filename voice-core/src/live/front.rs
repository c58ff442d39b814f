//! From frames of sound to utterances: resampling, voice detection, the cut between speech and silence. Knows no clock: its
//! time is the sound itself, but for what is played meanwhile.

use std::{collections::VecDeque, time::Duration};

use super::{
    reference::Reference,
    talker::{Talker, Whose},
};
use crate::{
    audio::{Cleaner, Cleaning, LiveResampler, Pcm, SPEECH_RATE, VoiceActivityDetector, to_i16},
    config::VadOptions,
};

/// An utterance that goes on without a pause is cut here, so that it is recognised while it is being said.
const LONGEST_SEGMENT: usize = 25 * SPEECH_RATE as usize;
/// The microphone's clock and ours may run apart so far without a jump; the echo canceller finds the rest.
const ECHO_TOLERANCE: Duration = Duration::from_millis(60);
/// The detector may be this much less sure once there is voice.
const HYSTERESIS: f32 = 0.15;

/// What was noticed in the sound.
#[derive(Debug, PartialEq)]
pub(crate) enum Edge {
    /// Somebody began to speak, this long ago.
    Started { ago: Duration },
    /// Somebody stopped, this long ago, having said this.
    Ended { ago: Duration, samples: Vec<i16> },
    /// Somebody speaks on, having said this so far.
    Going { samples: Vec<i16> },
}

/// Without detection, sound is taken in pieces of this many samples: 100 ms.
const PIECE: usize = SPEECH_RATE as usize / 10;

/// Hears one stream of sound.
pub(crate) struct Front {
    rate: u32,
    channels: usize,
    resampler: Option<LiveResampler>,
    vad: Box<dyn VoiceActivityDetector>,
    talker: Talker,
    options: VadOptions,
    resampled: Vec<f32>,
    /// The sound at the rate of speech, as it came.
    raw: Vec<i16>,
    cleaner: Option<Cleaner>,
    /// The sound as it came, if anybody wants it: see `tapped`.
    tap: Option<Vec<i16>>,
    /// What the loudspeaker plays, if anybody wants to know.
    reference: Option<Reference>,
    /// Speech-rate samples that do not fill a frame yet.
    pending: Vec<i16>,
    /// The sound before the voice.
    before: VecDeque<i16>,
    said: Option<Said>,
    /// Frames with voice in a row, while nobody speaks yet.
    voiced: usize,
    /// Without detection everything is collected until the host says otherwise.
    detects: bool,
}

struct Said {
    samples: Vec<i16>,
    /// How many of the latest samples have no voice.
    silent: usize,
}

fn duration(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(SPEECH_RATE))
}

fn samples(ms: u32) -> usize {
    ms as usize * (SPEECH_RATE as usize / 1_000)
}

impl Front {
    pub(crate) fn new(
        rate: u32,
        channels: usize,
        vad: Box<dyn VoiceActivityDetector>,
        options: VadOptions,
        cleaning: Cleaning,
        detects: bool,
    ) -> Self {
        let cleaner = Cleaner::new(cleaning);
        let reference =
            cleaner.as_ref().filter(|cleaner| cleaner.cancels_echo()).map(|_| Reference::new(ECHO_TOLERANCE));
        Self {
            rate,
            channels,
            resampler: (rate != SPEECH_RATE).then(|| LiveResampler::new(rate, SPEECH_RATE)),
            vad,
            talker: Talker::new(options.background_below_db),
            options,
            resampled: Vec::new(),
            raw: Vec::new(),
            cleaner,
            tap: None,
            reference,
            pending: Vec::new(),
            before: VecDeque::new(),
            said: None,
            voiced: 0,
            detects,
        }
    }

    /// From now on all sound is kept as it comes, for `tapped`.
    pub(crate) fn tap(&mut self) {
        self.tap = Some(Vec::new());
    }

    /// The sound at the rate of speech, as it came since this was last asked.
    pub(crate) fn tapped(&mut self) -> Vec<i16> {
        self.tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// This sound was given out and will be heard from `from` on.
    pub(crate) fn played(&mut self, pcm: &Pcm, from: Duration) {
        if let Some(reference) = &mut self.reference {
            reference.given(pcm, from);
        }
    }

    /// What was given out and is not heard by `now` will not be heard.
    pub(crate) fn cleared(&mut self, now: Duration) {
        if let Some(reference) = &mut self.reference {
            reference.cut(now);
        }
    }

    /// How many more interleaved samples it takes until something may be noticed in them.
    pub(crate) fn enough(&self) -> usize {
        let missing = match (self.detects, &self.said) {
            (true, _) => self.vad.frame_samples().saturating_sub(self.pending.len()),
            (false, Some(_)) => PIECE,
            (false, None) => 0,
        };
        (missing * self.rate as usize).div_ceil(SPEECH_RATE as usize) * self.channels
    }

    /// Hears interleaved samples, the last of which is spoken `now`, and gives them back cleaned, one channel at the rate of speech:
    /// for who hears voices by itself.
    pub(crate) fn pass(&mut self, frame: &[i16], now: Duration) -> Vec<i16> {
        self.take(frame, now);
        std::mem::take(&mut self.pending)
    }

    /// Hears interleaved samples, the last of which is spoken `now`.
    pub(crate) fn push(&mut self, frame: &[i16], now: Duration, mut notice: impl FnMut(Edge)) {
        self.take(frame, now);
        if !self.detects {
            self.collect(&mut notice);
            return;
        }
        let size = self.vad.frame_samples();
        let pending = std::mem::take(&mut self.pending);
        let mut frames = pending.chunks_exact(size);
        for frame in &mut frames {
            self.hear(frame, &mut notice);
        }
        self.pending.extend_from_slice(frames.remainder());
    }

    /// Takes sound in: at the rate of speech, one channel, cleaned.
    fn take(&mut self, frame: &[i16], now: Duration) {
        let channels = self.channels;
        let is_direct = self.cleaner.is_none() && self.tap.is_none();
        let out = if is_direct { &mut self.pending } else { &mut self.raw };
        match &mut self.resampler {
            None if channels == 1 => out.extend_from_slice(frame),
            None => out.extend(frame.chunks_exact(channels).map(|all| to_i16(mixed(all)))),
            Some(resampler) => {
                resampler.push(frame.chunks_exact(channels).map(mixed), &mut self.resampled);
                out.extend(self.resampled.drain(..).map(to_i16));
            }
        }
        if let Some(tap) = &mut self.tap {
            tap.extend_from_slice(&self.raw);
        }
        if let Some(cleaner) = &mut self.cleaner {
            let played = self.reference.as_mut().map(|reference| reference.heard(self.raw.len(), now));
            cleaner.push(&self.raw, played.into_iter().flatten(), &mut self.pending);
        } else {
            self.pending.extend_from_slice(&self.raw);
        }
        self.raw.clear();
    }

    /// Without detection: everything is said.
    fn collect(&mut self, notice: &mut impl FnMut(Edge)) {
        if self.said.is_none() && !self.pending.is_empty() {
            self.said = Some(Said { samples: Vec::new(), silent: 0 });
            notice(Edge::Started { ago: Duration::ZERO });
        }
        if let Some(said) = &mut self.said {
            said.samples.append(&mut self.pending);
            self.cut_if_long(notice);
        }
    }

    fn hear(&mut self, frame: &[i16], notice: &mut impl FnMut(Edge)) {
        let likely = self.vad.predict(frame);
        let surely = if self.said.is_none() { self.options.threshold } else { self.options.threshold - HYSTERESIS };
        let whose = self.talker.hear(frame, likely >= surely.max(0.01), self.said.is_some());
        match &mut self.said {
            None => {
                self.before.extend(frame);
                self.voiced = if whose == Whose::Users { self.voiced + 1 } else { 0 };
                let voiced = self.voiced * frame.len();
                if voiced > 0 && voiced >= samples(self.options.min_speech_ms) {
                    self.said = Some(Said { samples: self.before.drain(..).collect(), silent: 0 });
                    self.voiced = 0;
                    notice(Edge::Started { ago: duration(voiced) });
                }
                let longest = samples(self.options.prefix_padding_ms) + voiced;
                let extra = self.before.len().saturating_sub(longest);
                self.before.drain(..extra);
            }
            Some(said) => {
                said.samples.extend_from_slice(frame);
                said.silent = match whose {
                    Whose::Nobodys => said.silent + frame.len(),
                    Whose::Users => 0,
                    Whose::Others => self.talker.others_alone().unwrap_or(said.silent),
                };
                if said.silent >= samples(self.options.min_silence_ms) {
                    self.end(notice);
                } else {
                    self.cut_if_long(notice);
                }
            }
        }
    }

    fn cut_if_long(&mut self, notice: &mut impl FnMut(Edge)) {
        if let Some(said) = &mut self.said
            && said.samples.len() >= LONGEST_SEGMENT
        {
            notice(Edge::Going { samples: std::mem::take(&mut said.samples) });
        }
    }

    /// Ends what is being said here and now, if anything is.
    pub(crate) fn end(&mut self, mut notice: impl FnMut(Edge)) {
        if let Some(said) = self.said.take() {
            notice(Edge::Ended { ago: duration(said.silent), samples: said.samples });
        }
    }

    /// What is being said, so far.
    pub(crate) fn so_far(&self) -> Option<&[i16]> {
        self.said.as_ref().map(|said| &said.samples[..])
    }
}

fn mixed(channels: &[i16]) -> f32 {
    let sum: i32 = channels.iter().map(|&sample| i32::from(sample)).sum();
    sum as f32 / (channels.len() as f32 * 32_768.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loud is voice.
    struct Loud;

    impl VoiceActivityDetector for Loud {
        fn frame_samples(&self) -> usize {
            160
        }

        fn predict(&mut self, frame: &[i16]) -> f32 {
            f32::from(u8::from(frame.iter().any(|s| s.unsigned_abs() > 1_000)))
        }
    }

    fn front() -> Front {
        Front::new(16_000, 1, Box::new(Loud), VadOptions::default(), Cleaning::default(), true)
    }

    fn edges(front: &mut Front, parts: &[(i16, usize)]) -> Vec<Edge> {
        let mut edges = Vec::new();
        for &(level, ms) in parts {
            let sound: Vec<i16> = (0..ms * 16).map(|n| if n % 2 == 0 { level } else { -level }).collect();
            for frame in sound.chunks(320) {
                front.push(frame, Duration::ZERO, |edge| edges.push(edge));
            }
        }
        edges
    }

    #[test]
    fn speech_is_cut_from_silence_with_what_was_just_before_it() {
        let heard = edges(&mut front(), &[(0, 1_000), (5_000, 600), (0, 400)]);
        let [Edge::Started { ago }, Edge::Ended { ago: silence, samples }] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!((*ago, *silence), (Duration::from_millis(50), Duration::from_millis(200)));
        assert_eq!(samples.len(), 16 * (300 + 600 + 200));
    }

    #[test]
    fn a_click_is_no_speech_and_a_short_pause_is_no_end() {
        assert_eq!(edges(&mut front(), &[(0, 100), (5_000, 20), (0, 500)]), []);
        let heard = edges(&mut front(), &[(5_000, 300), (0, 150), (5_000, 300), (0, 300)]);
        assert_eq!(heard.len(), 2, "{heard:?}");
    }

    #[test]
    fn voices_behind_the_user_keep_no_utterance_open_and_begin_none() {
        let said = [(0, 500), (12_000, 800), (1_500, 3_000)];
        let heard = edges(&mut front(), &said);
        let [Edge::Started { .. }, Edge::Ended { ago, .. }] = &heard[..] else { panic!("{heard:?}") };
        assert!(duration(9_600) <= *ago && *ago < duration(10_400), "{ago:?}");
        let everybody = VadOptions { background_below_db: 0.0, ..VadOptions::default() };
        let mut front = Front::new(16_000, 1, Box::new(Loud), everybody, Cleaning::default(), true);
        assert_eq!(edges(&mut front, &said).len(), 1, "started, and never ended");
    }

    #[test]
    fn stereo_at_another_rate_is_heard_as_well() {
        let slow = |edges: Vec<Edge>| edges.iter().filter(|e| matches!(e, Edge::Ended { .. })).count();
        let mut front = Front::new(8_000, 2, Box::new(Loud), VadOptions::default(), Cleaning::default(), true);
        // Half the rate's alternating samples would be above the band: a slower wave.
        let wave: Vec<i16> = (0..4_000).flat_map(|n| [if n / 8 % 2 == 0 { 8_000 } else { -8_000 }; 2]).collect();
        let mut heard = Vec::new();
        for frame in wave.chunks(333 * 2) {
            front.push(frame, Duration::ZERO, |edge| heard.push(edge));
        }
        front.push(&[0; 8_000], Duration::ZERO, |edge| heard.push(edge));
        assert_eq!(slow(heard), 1);
    }

    #[test]
    fn a_long_speech_is_handed_over_in_parts_without_a_gap() {
        let heard = edges(&mut front(), &[(5_000, 60_000), (0, 300)]);
        let total: usize = heard
            .iter()
            .map(|edge| match edge {
                Edge::Going { samples } | Edge::Ended { samples, .. } => samples.len(),
                Edge::Started { .. } => 0,
            })
            .sum();
        assert_eq!(heard.len(), 4, "started, two parts, the end");
        assert_eq!(total, 16 * (60_000 + 200));
    }
}
