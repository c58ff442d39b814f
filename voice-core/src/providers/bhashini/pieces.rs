//! Cutting a long recording where it is quiet: a service takes a minute at most.

use std::{collections::VecDeque, ops::Range};

use crate::audio::SPEECH_RATE;

/// The most samples of one call.
const MOST: usize = 60 * SPEECH_RATE as usize;

/// How far before that a quiet place is looked for.
const SEARCH: usize = 15 * SPEECH_RATE as usize;

/// The length of a place: 100 ms.
const PLACE: usize = SPEECH_RATE as usize / 10;

/// The pieces of a recording, in order; one when it is short enough.
pub(super) fn pieces(samples: &[i16]) -> VecDeque<Range<usize>> {
    let mut pieces = VecDeque::new();
    let mut from = 0;
    while samples.len() - from > MOST {
        let search = &samples[from + MOST - SEARCH..from + MOST];
        let loudness = |place: &[i16]| place.iter().map(|s| u64::from(s.unsigned_abs())).sum::<u64>();
        let quietest = search.chunks_exact(PLACE).enumerate().min_by_key(|(_, place)| loudness(place));
        let to = from + MOST - SEARCH + quietest.map_or(SEARCH, |(n, _)| n * PLACE + PLACE / 2);
        pieces.push_back(from..to);
        from = to;
    }
    pieces.push_back(from..samples.len());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recording_is_cut_where_it_is_quiet_and_nothing_is_lost() {
        let mut samples = vec![1000i16; MOST * 5 / 2];
        let quiet = MOST - 3 * PLACE;
        samples[quiet..quiet + PLACE].fill(0);
        let pieces = pieces(&samples);
        assert_eq!(pieces[0], 0..quiet + PLACE / 2);
        assert!(pieces.iter().all(|p| p.len() <= MOST) && pieces.len() == 3, "{pieces:?}");
        assert!(pieces.iter().zip(pieces.iter().skip(1)).all(|(a, b)| a.end == b.start));
        assert_eq!(pieces.back().map(|p| p.end), Some(samples.len()));
    }

    #[test]
    fn a_short_recording_is_one_piece() {
        let pieces = pieces(&vec![0; MOST]);
        assert_eq!((pieces.len(), pieces.front()), (1, Some(&(0..MOST))));
    }
}
