//! Frames that come late, twice, out of order, in bursts or never, put in order again. Knows no clock: times are handed in.
//!
//! A frame that comes when it is due passes at once: nothing is held for the sake of order. A gap is waited for as long as the
//! buffer may hold what comes after it; then what is missing is made up from the sound before it, so that words are not torn.

use std::{collections::BTreeMap, time::Duration};

/// How long the sound after a gap is held in the hope for what is missing.
const PATIENCE: Duration = Duration::from_millis(60);
/// Gaps and overlaps up to this are rounding of the sender's times.
const ROUNDING: Duration = Duration::from_millis(2);
/// A gap longer than this is a sender that begins anew, or was silent: it is not filled.
const LONGEST_GAP: Duration = Duration::from_millis(500);
/// Made-up sound fades away over this time.
const FADE: Duration = Duration::from_millis(60);
/// What is repeated to make up sound: long enough for two periods of a deep voice.
const REPEATED: Duration = Duration::from_millis(20);

/// The latest place of a sample: longer than any session lasts, and far from where sums of places overflow.
const LAST_PLACE: u64 = 1 << 60;

/// One stream of timed frames.
pub(super) struct JitterBuffer {
    rate: u32,
    channels: usize,
    /// Where the next sample belongs, in samples of one channel since the sender's zero.
    expected: Option<u64>,
    /// Frames after a gap, by their place, and when the first of them came.
    held: BTreeMap<u64, Vec<i16>>,
    since: Duration,
    /// The latest sound, for making up what is missing.
    latest: Vec<i16>,
    /// Samples that were made up or came too late.
    pub(super) lost: u64,
}

impl JitterBuffer {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        Self {
            rate,
            channels,
            expected: None,
            held: BTreeMap::new(),
            since: Duration::ZERO,
            latest: Vec::new(),
            lost: 0,
        }
    }

    fn count(&self, time: Duration) -> u64 {
        (time.as_secs_f64() * f64::from(self.rate)).round().min(LAST_PLACE as f64) as u64
    }

    /// A frame that the sender took at `at` comes in; what is now in order goes out.
    pub(super) fn push(&mut self, at: Duration, frame: Vec<i16>, now: Duration, out: &mut Vec<i16>) {
        let place = self.count(at);
        let expected = *self.expected.get_or_insert(place);
        if place > expected + self.count(ROUNDING) {
            if self.held.is_empty() {
                self.since = now;
            }
            self.held.entry(place).or_insert(frame);
        } else {
            self.pass(place, &frame, out);
        }
        self.release(now, out);
    }

    /// When what is held will be let go without what is missing before it.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.since.saturating_add(PATIENCE))
    }

    /// Lets go of what is in order, and of what waited long enough.
    pub(super) fn release(&mut self, now: Duration, out: &mut Vec<i16>) {
        self.let_go(Some(now), out);
    }

    /// Lets go of everything.
    pub(super) fn flush(&mut self, out: &mut Vec<i16>) {
        self.let_go(None, out);
    }

    fn let_go(&mut self, now: Option<Duration>, out: &mut Vec<i16>) {
        while let (Some((&place, _)), Some(expected)) = (self.held.first_key_value(), self.expected) {
            if place > expected + self.count(ROUNDING) {
                let last = self.held.last_key_value();
                let ends = last.map_or(place, |(at, frame)| at + (frame.len() / self.channels) as u64);
                let is_early = now.is_some_and(|now| now < self.since.saturating_add(PATIENCE));
                if is_early && ends < expected + self.count(PATIENCE) {
                    return;
                }
                self.make_up(place - expected, out);
                self.expected = Some(place);
            }
            if let Some((place, frame)) = self.held.pop_first() {
                self.pass(place, &frame, out);
                self.since = now.unwrap_or(self.since);
            }
        }
    }

    /// A frame is in order but for what of it was passed already.
    fn pass(&mut self, place: u64, frame: &[i16], out: &mut Vec<i16>) {
        let expected = self.expected.unwrap_or(place);
        let ends = place + (frame.len() / self.channels) as u64;
        let overlap = expected.saturating_sub(place);
        // A sender that begins anew counts from zero again.
        let is_anew = overlap > self.count(LONGEST_GAP);
        let known = if is_anew || overlap <= self.count(ROUNDING) { 0 } else { overlap as usize * self.channels };
        let new = frame.get(known..).unwrap_or_default();
        self.lost += ((frame.len() - new.len()) / self.channels) as u64;
        if new.is_empty() {
            return;
        }
        self.expected = Some(if known == 0 && !is_anew { ends.max(expected) } else { ends });
        out.extend_from_slice(new);
        self.latest.extend_from_slice(new);
        let extra = self.latest.len().saturating_sub(self.count(REPEATED) as usize * self.channels);
        self.latest.drain(..extra);
    }

    /// Makes up what is missing: the latest sound again, forwards and backwards in turn so that nothing jumps, fading away.
    fn make_up(&mut self, missing: u64, out: &mut Vec<i16>) {
        self.lost = self.lost.saturating_add(missing);
        let (fade, frames) = (self.count(FADE), self.latest.len() / self.channels);
        if missing > self.count(LONGEST_GAP) || frames < 2 {
            return;
        }
        let period = 2 * frames - 2;
        for n in 0..missing as usize {
            let step = (n + 1) % period;
            let back = if step < frames { step } else { period - step };
            let gain = 1.0 - (n as f32 / fade as f32).min(1.0);
            let from = (frames - 1 - back) * self.channels;
            out.extend(self.latest[from..from + self.channels].iter().map(|&s| (f32::from(s) * gain) as i16));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 320;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Frame `n` of 20 ms: a ramp that tells every sample from its neighbours.
    fn frame(n: usize) -> Vec<i16> {
        (n * FRAME..(n + 1) * FRAME).map(|s| (s % 20_000) as i16).collect()
    }

    fn whole(frames: usize) -> Vec<i16> {
        (0..frames).flat_map(frame).collect()
    }

    /// Pushes frames in this order, each at its time of arrival in milliseconds.
    fn heard(buffer: &mut JitterBuffer, arrivals: &[(usize, u64)]) -> Vec<i16> {
        let mut out = Vec::new();
        for &(n, now) in arrivals {
            buffer.release(ms(now), &mut out);
            buffer.push(ms(n as u64 * 20), frame(n), ms(now), &mut out);
        }
        buffer.flush(&mut out);
        out
    }

    fn buffer() -> JitterBuffer {
        JitterBuffer::new(16_000, 1)
    }

    #[test]
    fn frames_in_order_pass_at_once() {
        let (mut buffer, mut out) = (buffer(), Vec::new());
        for n in 0..50 {
            buffer.push(ms(n as u64 * 20), frame(n), ms(n as u64 * 20), &mut out);
            assert_eq!(out.len(), (n + 1) * FRAME);
        }
        assert_eq!((out, buffer.lost, buffer.due()), (whole(50), 0, None));
    }

    #[test]
    fn late_frames_are_put_in_their_place_and_copies_are_dropped() {
        let arrivals = [(0, 0), (2, 20), (1, 30), (1, 35), (3, 60), (3, 61), (0, 70), (4, 80)];
        assert_eq!(heard(&mut buffer(), &arrivals), whole(5));
    }

    #[test]
    fn a_burst_passes_whole() {
        let arrivals: Vec<(usize, u64)> = (0..100).map(|n| (n, 2_000)).collect();
        assert_eq!(heard(&mut buffer(), &arrivals), whole(100));
    }

    #[test]
    fn a_lost_frame_is_made_up_without_a_jump_and_the_rest_stays_in_time() {
        let mut buffer = buffer();
        let arrivals: Vec<(usize, u64)> = (0..10).filter(|n| *n != 4).map(|n| (n, n as u64 * 20)).collect();
        let out = heard(&mut buffer, &arrivals);
        assert_eq!((out.len(), buffer.lost), (10 * FRAME, FRAME as u64));
        assert_eq!(out[5 * FRAME..], whole(10)[5 * FRAME..]);
        let jump = out[4 * FRAME].abs_diff(out[4 * FRAME - 1]);
        assert!(jump < 100, "the sound jumps by {jump}");
        assert!(out[4 * FRAME..5 * FRAME].iter().any(|s| *s != 0));
    }

    #[test]
    fn what_is_held_is_let_go_when_nothing_more_comes() {
        let (mut buffer, mut out) = (buffer(), Vec::new());
        buffer.push(ms(0), frame(0), ms(0), &mut out);
        buffer.push(ms(40), frame(2), ms(40), &mut out);
        assert_eq!((out.len(), buffer.due()), (FRAME, Some(ms(100))));
        buffer.release(ms(100), &mut out);
        assert_eq!((out.len(), buffer.due()), (3 * FRAME, None));
    }

    #[test]
    fn a_sender_that_begins_anew_is_followed() {
        let mut buffer = buffer();
        let mut out = heard(&mut buffer, &[(200, 0), (201, 20)]);
        buffer.push(ms(0), frame(0), ms(40), &mut out);
        buffer.push(ms(20), frame(1), ms(60), &mut out);
        assert_eq!(out.len(), 4 * FRAME);
        // And one that was silent for a while is not filled up.
        buffer.push(ms(60_000), frame(2), ms(80), &mut out);
        buffer.flush(&mut out);
        assert_eq!(out.len(), 5 * FRAME);
    }

    #[test]
    fn times_beyond_all_measure_pass_and_a_sane_one_is_followed_again() {
        let (mut buffer, mut out) = (buffer(), Vec::new());
        for (n, at) in [ms(0), Duration::MAX, Duration::MAX, ms(20), Duration::MAX, ms(40)].into_iter().enumerate() {
            buffer.push(at, frame(n), Duration::MAX, &mut out);
            buffer.due();
        }
        buffer.push(ms(60), frame(6), ms(0), &mut out);
        buffer.flush(&mut out);
        assert!(out.ends_with(&frame(6)));
    }

    #[test]
    fn an_hour_of_loss_and_of_a_sender_whose_clock_runs_fast_piles_nothing_up() {
        let mut buffer = buffer();
        let (mut out, mut count, mut chance) = (Vec::new(), 0_usize, 1_u32);
        for n in 0..180_000_u64 {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let arrival = Duration::from_secs_f64(n as f64 * 0.02 * (1.0 - 200e-6)) + ms(u64::from(chance >> 27));
            if chance % 100 < 97 {
                buffer.push(ms(n * 20), frame(0), arrival, &mut out);
                count += out.len();
                out.clear();
            }
            assert!(buffer.held.len() <= 4, "{} frames wait", buffer.held.len());
        }
        buffer.flush(&mut out);
        count += out.len();
        assert!(count.abs_diff(180_000 * FRAME) <= 4 * FRAME, "{count} samples");
    }

    #[test]
    fn both_channels_stay_together() {
        let mut buffer = JitterBuffer::new(16_000, 2);
        let pair = |n: i16| -> Vec<i16> { (0..FRAME).flat_map(|_| [n, -n]).collect() };
        let mut out = Vec::new();
        for n in [1_u16, 2, 4] {
            buffer.push(ms(u64::from(n) * 20), pair(n as i16 * 100), ms(0), &mut out);
        }
        buffer.flush(&mut out);
        assert_eq!(out.len(), 4 * 2 * FRAME);
        assert!(out.chunks_exact(2).all(|pair| pair[0] == -pair[1]));
    }
}
