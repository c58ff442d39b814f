//! The conversation set: people's recordings cut into turns, with pauses between them, and what a microphone adds.

use std::path::Path;

use voice_core::{Audio, AudioLimits, audio::prepare};

/// Samples a second of everything here.
pub(crate) const RATE: usize = 16_000;
/// How long nobody speaks after a turn: longer than any detector waits.
const GAP: f64 = 5.0;
/// What is kept of a recording on either side of a turn, so that no sound is cut off.
const MARGIN: f64 = 0.15;

/// A turn: where it begins and ends in its recording, by the voice, and what is said in it.
pub(crate) struct Take {
    file: &'static str,
    from: f64,
    to: f64,
    words: &'static str,
}

const fn take(file: &'static str, from: f64, to: f64, words: &'static str) -> Take {
    Take { file, from, to, words }
}

/// Turns end where a sentence may; the shorter pauses inside them do not end anything. Two speakers, both reading aloud: at
/// the commas of the second one the voice stays up, which makes the ends hard to tell.
pub(crate) const TAKES: [Take; 12] = [
    take("beckett.wav", 0.32, 2.78, "ever tried ever failed"),
    take("two_cities.wav", 1.22, 4.64, "it was the best of times it was the worst of times"),
    take("beckett.wav", 3.52, 4.19, "no matter"),
    take("two_cities.wav", 5.02, 8.26, "it was the age of wisdom it was the age of foolishness"),
    take("two_cities.wav", 8.80, 12.86, "it was the epoch of belief it was the epoch of incredulity"),
    take("beckett.wav", 4.86, 7.39, "try again fail again"),
    take("two_cities.wav", 13.47, 16.74, "it was the season of light it was the season of darkness"),
    take("two_cities.wav", 17.57, 20.54, "it was the spring of hope it was the winter of despair"),
    take("beckett.wav", 8.13, 8.86, "fail better"),
    take("two_cities.wav", 21.25, 24.06, "we had everything before us we had nothing before us"),
    take("two_cities.wav", 24.64, 28.35, "we were all going direct to heaven we were all going direct the other way"),
    take(
        "two_cities.wav",
        29.12,
        41.73,
        "in short the period was so far like the present period that some of its noisiest authorities insisted on its \
         being received for good or for evil in the superlative degree of comparison only",
    ),
];

/// A turn in a conversation: when the voice begins and ends, in seconds, and what is said.
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) end: f64,
    pub(crate) words: &'static str,
}

/// The user's side of a conversation.
pub(crate) struct Talk {
    pub(crate) samples: Vec<i16>,
    pub(crate) spans: Vec<Span>,
}

/// A recording of the folder at 16 kHz mono.
pub(crate) fn recording(folder: &Path, file: &str) -> voice_core::Result<Vec<i16>> {
    let heard = prepare(&Audio::from_path(folder.join("test-audio").join(file))?, &AudioLimits::default())?;
    Ok(heard.samples.to_vec())
}

fn at(seconds: f64) -> usize {
    (seconds * RATE as f64) as usize
}

impl Talk {
    /// All takes, one after the other.
    pub(crate) fn of_takes(folder: &Path) -> voice_core::Result<Self> {
        let mut talk = Self { samples: vec![0; RATE], spans: Vec::new() };
        for take in &TAKES {
            let sound = recording(folder, take.file)?;
            let (from, to) = (at(take.from - MARGIN), at(take.to + MARGIN).min(sound.len()));
            let start = talk.samples.len() as f64 / RATE as f64 + MARGIN;
            talk.samples.extend_from_slice(&sound[from..to]);
            talk.spans.push(Span { start, end: start + take.to - take.from, words: take.words });
            talk.samples.resize(talk.samples.len() + at(GAP), 0);
        }
        Ok(talk)
    }

    /// How loud the voice is, as the root of its mean square.
    fn voice_level(&self) -> f64 {
        let voiced = self.spans.iter().flat_map(|span| &self.samples[at(span.start)..at(span.end)]);
        let (sum, count) = voiced.fold((0.0, 0.0), |(sum, n), &s| (sum + f64::from(s).powi(2), n + 1.0));
        (sum / f64::max(count, 1.0)).sqrt()
    }

    /// The same with noise under it, so many decibels below the voice.
    pub(crate) fn with(&self, noise: &[f64], below_db: f64) -> Vec<i16> {
        let level = (noise.iter().map(|n| n * n).sum::<f64>() / noise.len().max(1) as f64).sqrt();
        let gain = self.voice_level() / level * 10_f64.powf(-below_db / 20.0);
        self.samples.iter().zip(noise.iter().cycle()).map(|(&s, n)| clipped(f64::from(s) + n * gain)).collect()
    }

    /// Seconds of the user's voice.
    pub(crate) fn voiced(&self) -> f64 {
        self.spans.iter().map(|span| span.end - span.start).sum()
    }
}

/// The nearest 16-bit sample.
pub(crate) fn clipped(sample: f64) -> i16 {
    sample.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}

/// Ten seconds of a room with machines: noise that falls with frequency, and a hum.
pub(crate) fn room() -> Vec<f64> {
    let (mut state, mut low, mut lower) = (0x2545_f491_4f6c_dd1d_u64, 0.0, 0.0);
    (0..10 * RATE)
        .map(|n| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let white = (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5;
            low += (white - low) * 0.2;
            lower += (white - lower) * 0.02;
            let hum = (n as f64 * 100.0 * std::f64::consts::TAU / RATE as f64).sin();
            0.3 * white + low + 2.0 * lower + 0.02 * hum
        })
        .collect()
}

/// People talking all at once: a recording, backwards, eight times over.
pub(crate) fn babble(recording: &[i16]) -> Vec<f64> {
    let length = recording.len();
    let shifted = |n: usize, voice: usize| recording[(2 * length - 1 - n + voice * length / 8) % length];
    (0..length).map(|n| (0..8).map(|voice| f64::from(shifted(n, voice))).sum()).collect()
}
