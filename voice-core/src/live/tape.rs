//! The user's latest sound, by where in the session it was spoken: what a lost connection took with it is told again from here.

use std::collections::VecDeque;

use crate::audio::SPEECH_RATE;

/// How much is kept.
const KEPT: usize = 60 * SPEECH_RATE as usize;

/// The latest sound at the rate of speech.
#[derive(Default)]
pub(super) struct Tape {
    /// Where the first sample that is kept was spoken, in samples.
    start: u64,
    samples: VecDeque<i16>,
}

impl Tape {
    pub(super) fn push(&mut self, samples: &[i16]) {
        self.samples.extend(samples);
        let extra = self.samples.len().saturating_sub(KEPT);
        self.samples.drain(..extra);
        self.start += extra as u64;
    }

    /// Where the next sample will be.
    pub(super) fn end(&self) -> u64 {
        self.start + self.samples.len() as u64
    }

    /// What was spoken from here to there, as far as it is kept.
    pub(super) fn between(&self, from: u64, to: u64) -> Vec<i16> {
        let index = |at: u64| usize::try_from(at.clamp(self.start, self.end()) - self.start).unwrap_or(usize::MAX);
        let (from, to) = (index(from), index(to));
        self.samples.range(from..to.max(from)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spoken_is_found_by_where_it_was() {
        let mut tape = Tape::default();
        tape.push(&[1, 2, 3]);
        tape.push(&[4, 5]);
        assert_eq!((tape.end(), tape.between(1, 4)), (5, vec![2, 3, 4]));
        assert_eq!((tape.between(3, 99), tape.between(4, 2)), (vec![4, 5], vec![]));
    }

    #[test]
    fn a_minute_is_kept() {
        let mut tape = Tape::default();
        tape.push(&vec![7; KEPT]);
        tape.push(&[8, 9]);
        assert_eq!((tape.end(), tape.between(0, 3)), (KEPT as u64 + 2, vec![7]));
        assert_eq!(tape.between(KEPT as u64, KEPT as u64 + 2), [8, 9]);
    }
}
