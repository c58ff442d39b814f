//! What the loudspeaker plays, kept until it was heard: the origin of an echo, and one side of a recording. Knows no clock: times are
//! handed in.

use std::{collections::VecDeque, time::Duration};

use crate::audio::{LiveResampler, Pcm, SPEECH_RATE, to_i16};

/// More than this is not kept: a host that is given sound far ahead of its time plays it by its own clock.
const LONGEST: usize = 30 * SPEECH_RATE as usize;

/// The sound that was given out, by the time at which it is heard.
pub(super) struct Reference {
    resampler: Option<(u32, LiveResampler)>,
    queue: VecDeque<i16>,
    /// When the first of the queue is heard.
    begins: Duration,
    /// How far the listener's clock may be from ours before it is set right, at once.
    tolerance: Duration,
}

fn count(time: Duration) -> usize {
    (time.as_secs_f64() * f64::from(SPEECH_RATE)).round() as usize
}

fn length(samples: usize) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(SPEECH_RATE))
}

impl Reference {
    pub(super) fn new(tolerance: Duration) -> Self {
        Self { resampler: None, queue: VecDeque::new(), begins: Duration::ZERO, tolerance }
    }

    fn ends(&self) -> Duration {
        self.begins + length(self.queue.len())
    }

    /// This sound was given out and begins to be heard at `from`.
    pub(super) fn given(&mut self, pcm: &Pcm, from: Duration) {
        if self.queue.is_empty() {
            self.begins = from;
        }
        let gap = count(from.saturating_sub(self.ends()));
        self.queue.resize((self.queue.len() + gap).min(LONGEST), 0);
        let rate = pcm.sample_rate();
        if rate == SPEECH_RATE {
            self.queue.extend(pcm.samples());
        } else {
            if self.resampler.as_ref().is_none_or(|(known, _)| *known != rate) {
                self.resampler = Some((rate, LiveResampler::new(rate, SPEECH_RATE)));
            }
            let mut samples = Vec::new();
            if let Some((_, resampler)) = &mut self.resampler {
                resampler.push(pcm.samples().iter().map(|&s| f32::from(s) / 32_768.0), &mut samples);
            }
            self.queue.extend(samples.into_iter().map(to_i16));
        }
        self.queue.truncate(LONGEST);
    }

    /// What is not heard by `now` is thrown away and never will be.
    pub(super) fn cut(&mut self, now: Duration) {
        self.queue.truncate(count(now.saturating_sub(self.begins)));
        self.resampler = None;
    }

    /// What was heard during the `wanted` samples that end now; silence where nothing was played.
    pub(super) fn heard(&mut self, wanted: usize, now: Duration) -> impl Iterator<Item = i16> + use<> {
        let from = now.saturating_sub(length(wanted));
        if self.begins + self.tolerance < from {
            let late = count(from - self.begins).min(self.queue.len());
            self.queue.drain(..late);
            self.begins = from;
        }
        let silent = if self.begins > from + self.tolerance { count(self.begins - from).min(wanted) } else { 0 };
        let sounding = (wanted - silent).min(self.queue.len());
        let mut heard = vec![0; wanted];
        for (place, sample) in heard[silent..].iter_mut().zip(self.queue.drain(..sounding)) {
            *place = sample;
        }
        self.begins += length(sounding);
        heard.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn sound(level: i16, ms: usize) -> Pcm {
        Pcm::new(vec![level; ms * 16], SPEECH_RATE)
    }

    fn heard(reference: &mut Reference, from: u64, to: u64) -> Vec<i16> {
        (from / 10..to / 10).flat_map(|n| reference.heard(160, ms(n * 10 + 10)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn sound_is_heard_when_its_time_has_come() {
        let mut reference = Reference::new(ms(60));
        reference.given(&sound(5, 100), ms(300));
        let all = heard(&mut reference, 0, 600);
        let first = all.iter().position(|s| *s == 5).unwrap() / 16;
        assert!(first.abs_diff(300) <= 60, "{first} ms");
        assert_eq!(all.iter().filter(|s| **s == 5).count(), 1_600);
    }

    #[test]
    fn what_was_cleared_is_never_heard() {
        let mut reference = Reference::new(ms(60));
        reference.given(&sound(5, 1_000), ms(0));
        let mut all = heard(&mut reference, 0, 200);
        reference.cut(ms(200));
        all.extend(heard(&mut reference, 200, 1_000));
        assert_eq!(all.iter().filter(|s| **s == 5).count(), 200 * 16);
    }

    #[test]
    fn a_microphone_that_falls_silent_finds_its_place_again() {
        let mut reference = Reference::new(ms(60));
        reference.given(&sound(5, 1_000), ms(0));
        reference.given(&sound(6, 1_000), ms(1_000));
        let late = heard(&mut reference, 1_500, 1_600);
        assert!(late.iter().all(|s| *s == 6), "what was not listened to is skipped");
    }

    #[test]
    fn an_hour_of_a_microphone_that_runs_fast_or_slow_piles_nothing_up() {
        for drift in [0.9998, 1.0002] {
            let mut reference = Reference::new(ms(60));
            for n in 0..360_000_u32 {
                let now = ms(10) * n;
                if n % 10 == 0 {
                    reference.given(&sound(5, 100), now);
                }
                let _heard = reference.heard(160, Duration::from_secs_f64(f64::from(n) * 0.01 * drift));
                assert!(reference.queue.len() < 16_000, "{} samples wait", reference.queue.len());
            }
        }
    }
}
