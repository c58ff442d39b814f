//! The user's sound laid along the wall clock. A network brings it unevenly and a sender's clock runs a little fast or slow; the
//! frame that came with the least delay tells where the sound really lies. Knows no clock: times are handed in.

use std::collections::VecDeque;

use crate::audio::SPEECH_RATE;

/// Off by more than this, the sound is moved: 10 ms.
const TOLERANCE: i64 = SPEECH_RATE as i64 / 100;
/// How much sound is looked at for the least delay: 1 s. A frame that was lost, and that nobody made up, is missed for so long.
const WINDOW: usize = SPEECH_RATE as usize;
/// A pause longer than this is the sender's, not the network's: 250 ms.
const PAUSE: i64 = SPEECH_RATE as i64 / 4;
/// More than this is not kept: 30 s.
const LONGEST: usize = 30 * SPEECH_RATE as usize;

/// Sound at the rate of speech, by its place since the session began, in samples.
pub(super) struct Track {
    queue: VecDeque<i16>,
    /// The place of the first of the queue.
    begins: u64,
    /// How far ahead of the clock the sound lies, by the frame of this window that came soonest.
    soonest: i64,
    seen: usize,
}

impl Track {
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::new(), begins: 0, soonest: i64::MIN, seen: 0 }
    }

    /// Takes sound whose last sample comes in at the place `now`.
    pub(super) fn push(&mut self, mut samples: &[i16], now: u64) {
        let ends = self.begins as i64 + self.queue.len() as i64;
        let mut ahead = ends - (now as i64 - samples.len() as i64);
        if ahead < -PAUSE {
            self.be_silent(-ahead);
            (ahead, self.soonest, self.seen) = (0, i64::MIN, 0);
        }
        self.soonest = self.soonest.max(ahead);
        self.seen += samples.len();
        if self.seen >= WINDOW {
            if self.soonest > TOLERANCE {
                samples = &samples[samples.len().min(self.soonest as usize)..];
            } else if self.soonest < -TOLERANCE {
                self.be_silent(-self.soonest);
            }
            (self.soonest, self.seen) = (i64::MIN, 0);
        }
        self.queue.extend(samples);
        self.queue.truncate(LONGEST);
    }

    fn be_silent(&mut self, samples: i64) {
        let length = self.queue.len() + samples.max(0) as usize;
        self.queue.resize(length.min(LONGEST), 0);
    }

    /// The next `count` samples; silence where nothing came.
    pub(super) fn take(&mut self, count: usize) -> Vec<i16> {
        let mut taken: Vec<i16> = self.queue.drain(..count.min(self.queue.len())).collect();
        taken.resize(count, 0);
        self.begins += count as u64;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 320;

    /// An hour in frames of 20 ms from a sender whose clock runs at `speed`, each up to `jitter` samples late, with a click every
    /// ten seconds of the wall clock. Returns how far the clicks lie from their places at most, in samples.
    fn farthest(speed: f64, jitter: u64, lost: u32) -> u64 {
        let (mut track, mut chance, mut taken) = (Track::new(), 1_u32, 0_u64);
        let (mut worst, mut clicks, mut longest) = (0, 0, 0);
        let mut last_now = 0;
        for n in 1..=180_000_u64 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let spoken = (n as f64 * FRAME as f64 / speed) as u64;
            let now = (spoken + u64::from(chance >> 16) % (jitter + 1)).max(last_now);
            last_now = now;
            // The sample of this frame that is spoken at a whole ten seconds, if one is.
            let first = ((n - 1) as f64 * FRAME as f64 / speed) as u64;
            let click = (first..spoken).find(|place| place % 160_000 == 0);
            let mut frame = [0_i16; FRAME];
            if let Some(place) = click {
                frame[(((place - first) as f64 * speed) as usize).min(FRAME - 1)] = 1_000;
            }
            if lost == 0 || (chance >> 12) % lost != 0 || click.is_some() {
                track.push(&frame, now);
            }
            longest = longest.max(track.queue.len());
            while taken + 16_000 + 8_000 < now {
                for (at, _) in track.take(16_000).iter().enumerate().filter(|(_, s)| **s != 0) {
                    let place = taken + at as u64;
                    // The first seconds tell where the sound lies.
                    if place > 160_000 {
                        worst = worst.max((place % 160_000).min(160_000 - place % 160_000));
                        clicks += 1;
                    }
                }
                taken += 16_000;
            }
        }
        assert!(clicks > 340, "{clicks} clicks");
        assert!(longest < 4 * 16_000, "{longest} samples waited");
        worst
    }

    #[test]
    fn an_hour_of_drifting_clocks_stays_within_20_ms_of_the_wall_clock() {
        for speed in [1.0, 1.0002, 0.9998] {
            let worst = farthest(speed, 0, 0);
            assert!(worst <= 320, "{} ms off at a speed of {speed}", worst / 16);
        }
    }

    #[test]
    fn an_hour_of_jitter_stays_within_20_ms_of_the_wall_clock() {
        let worst = farthest(1.0002, 960, 0);
        assert!(worst <= 320, "{} ms off with frames up to 60 ms late", worst / 16);
    }

    #[test]
    fn lost_frames_do_not_add_up() {
        // One of a hundred is lost, an hour long: 36 s in all.
        let worst = farthest(1.0, 0, 100);
        assert!(worst <= 1_920, "{} ms off", worst / 16);
    }

    #[test]
    fn a_pause_of_the_sender_is_silence() {
        let mut track = Track::new();
        track.push(&[7; FRAME], 320);
        track.push(&[8; FRAME], 16_000);
        let all = track.take(16_000);
        assert_eq!(all.iter().position(|s| *s == 8), Some(16_000 - FRAME));
    }
}
