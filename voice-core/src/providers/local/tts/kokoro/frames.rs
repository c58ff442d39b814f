//! What Kokoro plans before it makes any sound, frame by frame, and where the beginning of that can be made ahead of the rest.
//!
//! The first half of the network decides how long each phoneme lasts, how high and how loud it is; that costs a
//! twentieth of the whole. The second half makes the sound of these frames, and can be given some of them only.
//! It evens out loudness and colour over all that it is given, so each part keeps the share of silence that the whole
//! has, and is made as loud as the whole would have been there.

use std::ops::Range;

/// Samples of sound in a frame.
pub(super) const SAMPLES: usize = 600;

/// Seconds of sound in a frame.
const SECONDS: f32 = 0.025;

/// Frames planned less loud than this are silence.
const SILENT: f32 = -7.5;

/// The least that is heard first: shorter, its colour would not be that of the rest.
const LEAST_FIRST: usize = 24;

/// So many frames further the quietest one is looked for, to join the parts there.
const LOOK_FOR_QUIET: usize = 8;

/// A rest shorter than this is not worth a part of its own.
const LEAST_REST: usize = 20;

/// Frames that a part is given beyond its joint, so that it knows what is there.
const BEYOND: usize = 6;

/// The rest must be ready this many times sooner than it is needed.
const MARGIN: f32 = 1.3;

/// How much louder a part comes out than in the whole, by how much less loud than the whole it was planned: measured
/// over parts of eight sentences, where this leaves 0.5 dB.
const EVENED_OUT: f32 = 1.46;

/// The frames of a piece: what they are to sound like, as the second half of the network takes it.
pub(super) struct Frames {
    /// The phonemes' features: a row for each of them, as long as there are frames.
    pub features: Vec<f32>,
    /// The pitch of each half frame.
    pub pitch: Vec<f32>,
    /// How loud each half frame is.
    pub loudness: Vec<f32>,
}

/// Some of the frames, to be made into sound by themselves.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// Frames given for their silence before the speech.
    lead: Range<usize>,
    /// Frames with speech.
    speech: Range<usize>,
    /// Frames given for their silence after the speech.
    tail: Range<usize>,
    /// By how much its sound is to be multiplied.
    pub gain: f32,
}

/// What is heard first, what is heard then, and the frame where they meet.
#[derive(Debug, PartialEq)]
pub(super) struct Halves {
    pub first: Part,
    pub rest: Part,
    joint: usize,
}

impl Frames {
    /// `None` unless the lengths fit each other.
    pub(super) fn new(features: Vec<f32>, pitch: Vec<f32>, loudness: Vec<f32>) -> Option<Self> {
        let frames = loudness.len() / 2;
        let fits = frames > 0 && loudness.len().is_multiple_of(2) && pitch.len() == loudness.len();
        (fits && features.len().is_multiple_of(frames)).then_some(Self { features, pitch, loudness })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.loudness.len() / 2
    }

    /// All of them.
    pub(super) fn whole(&self) -> Part {
        Part { lead: 0..0, speech: 0..self.count(), tail: 0..0, gain: 1.0 }
    }

    /// Those of a part.
    pub(super) fn of(&self, part: &Part) -> Self {
        let pick = |row: &[f32], each: usize, picked: &mut Vec<f32>| {
            for range in [&part.lead, &part.speech, &part.tail] {
                picked.extend_from_slice(&row[range.start * each..range.end * each]);
            }
        };
        let (mut features, mut pitch, mut loudness) = (Vec::new(), Vec::new(), Vec::new());
        for row in self.features.chunks(self.count()) {
            pick(row, 1, &mut features);
        }
        pick(&self.pitch, 2, &mut pitch);
        pick(&self.loudness, 2, &mut loudness);
        Self { features, pitch, loudness }
    }

    /// Where to part a piece so that its beginning is heard as soon as can be and its rest is ready when that is over,
    /// with a second half that needs `cost` seconds a frame. `None` where nothing would be won.
    pub(super) fn halves(&self, cost: f32) -> Option<Halves> {
        let loud: Vec<f32> = self.loudness.chunks(2).map(|f| f[0].max(f[1])).collect();
        let begin = loud.iter().position(|l| *l > SILENT)?;
        let end = loud.iter().rposition(|l| *l > SILENT)? + 1;
        let spoken = (end - begin) as f32 / loud.len() as f32;
        let is_ready = |joint: usize| {
            let heard = (joint - begin) as f32 * SECONDS;
            let rest = (end - joint + BEYOND) as f32 / spoken;
            rest * cost * MARGIN <= heard
        };
        let from =
            (begin + LEAST_FIRST..(end + 1).saturating_sub(LEAST_REST + LOOK_FOR_QUIET)).find(|j| is_ready(*j))?;
        let joint = (from..from + LOOK_FOR_QUIET).min_by(|a, b| loud[*a].total_cmp(&loud[*b]))?;
        let planned = |speech: &Range<usize>| {
            let powers = loud[speech.clone()].iter().map(|l| (l / 4.0).exp()).sum::<f32>();
            (powers / speech.len() as f32).ln()
        };
        let all = planned(&(begin..end));
        let part = |speech: Range<usize>| {
            let silence = (speech.len() as f32 * (1.0 - spoken) / spoken).round() as usize;
            let lead = (silence / 2).min(begin);
            let tail = (silence - lead).min(loud.len() - end);
            let gain = (EVENED_OUT * (planned(&speech) - all)).exp();
            Part { lead: begin - lead..begin, speech, tail: end..end + tail, gain }
        };
        let (first, rest) = (part(begin..joint + BEYOND), part(joint - BEYOND..end));
        Some(Halves { first, rest, joint })
    }
}

impl Part {
    /// How many frames it has.
    pub(super) fn len(&self) -> usize {
        self.lead.len() + self.speech.len() + self.tail.len()
    }

    /// Where a frame of its speech begins in its sound.
    fn sample(&self, frame: usize) -> usize {
        (self.lead.len() + frame - self.speech.start) * SAMPLES
    }
}

/// Half of the samples over which one part goes over into the next: 10 ms.
const FADE: usize = 240;

impl Halves {
    /// The first part's sound up to where the fade begins, and the rest of it as far as the fade goes.
    pub(super) fn before_joint(&self, mut sound: Vec<f32>) -> (Vec<f32>, Vec<f32>) {
        let joint = self.first.sample(self.joint);
        sound.truncate(joint + FADE);
        let fading = sound.split_off((joint - FADE).min(sound.len()));
        (sound, fading)
    }

    /// The sound of the rest, out of what is left of the first part.
    pub(super) fn after_joint(&self, fading: &[f32], sound: &[f32]) -> Vec<f32> {
        let joint = self.rest.sample(self.joint);
        let mut sound = sound.get(joint - FADE..).unwrap_or_default().to_vec();
        for (i, (to, from)) in sound.iter_mut().zip(fading).enumerate() {
            let part = i as f32 / fading.len() as f32;
            *to = *to * part + from * (1.0 - part);
        }
        sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: f32 = 0.006;

    /// A piece with ten silent frames before and eighteen after its speech, least loud at frame 40.
    fn piece(speech: usize) -> Frames {
        let mut loud = vec![-9.0; 10];
        loud.extend((0..speech).map(|i| if i == 30 { -2.0 } else { 6.0 }));
        loud.extend([-9.0; 18]);
        let halves = |each: f32| loud.iter().flat_map(move |l| [*l * each, *l * each - 1.0]).collect::<Vec<_>>();
        let features: Vec<f32> = (0..3 * loud.len()).map(|i| i as f32).collect();
        Frames::new(features, halves(10.0), halves(1.0)).unwrap()
    }

    #[test]
    fn a_piece_is_parted_where_it_is_quietest_and_nothing_of_it_is_lost() {
        let frames = piece(80);
        let halves = frames.halves(COST).unwrap();
        assert_eq!(halves.joint, 40);
        assert_eq!((halves.first.speech.clone(), halves.rest.speech.clone()), (10..46, 34..90));
        assert!(halves.first.len() < frames.count() / 2, "{halves:?}");
    }

    #[test]
    fn each_part_has_the_share_of_silence_that_the_whole_has() {
        let frames = piece(80);
        let halves = frames.halves(COST).unwrap();
        for part in [&halves.first, &halves.rest] {
            let silence = (part.lead.len() + part.tail.len()) as f32 / part.len() as f32;
            assert!((silence - 28.0 / 108.0).abs() < 0.02, "{part:?}");
        }
    }

    #[test]
    fn a_part_planned_less_loud_than_the_whole_is_made_less_loud() {
        let mut frames = piece(80);
        frames.loudness[100..180].fill(2.0);
        let halves = frames.halves(COST).unwrap();
        assert!(halves.first.gain > 1.0 && halves.rest.gain < 1.0, "{halves:?}");
    }

    #[test]
    fn a_slow_machine_hears_more_first_and_a_very_slow_one_all_at_once() {
        let joint = |cost| piece(120).halves(cost).map(|h| h.joint);
        let (fast, slow) = (joint(0.004).unwrap(), joint(0.012).unwrap());
        assert!(slow > fast, "{slow} after {fast}");
        let heard = (slow - 10) as f32 * SECONDS;
        assert!(piece(120).halves(0.012).unwrap().rest.len() as f32 * 0.012 < heard);
        assert_eq!(joint(0.05), None);
        assert_eq!(joint(f32::INFINITY), None);
    }

    #[test]
    fn a_short_piece_and_one_without_sound_stay_whole() {
        assert_eq!(piece(LEAST_FIRST + LEAST_REST).halves(COST), None);
        let silent = Frames::new(vec![0.0; 100], vec![0.0; 200], vec![-9.0; 200]).unwrap();
        assert_eq!(silent.halves(COST), None);
    }

    #[test]
    fn a_part_is_given_its_own_frames_of_every_row() {
        let frames = piece(80);
        let part = Part { lead: 8..10, speech: 10..12, tail: 90..91, gain: 1.0 };
        let given = frames.of(&part);
        let rows = [8.0, 9.0, 10.0, 11.0, 90.0];
        let expected: Vec<f32> = [0.0, 108.0, 216.0].iter().flat_map(|row| rows.map(|r| r + row)).collect();
        assert_eq!(given.features, expected);
        assert_eq!((given.count(), given.pitch.len()), (5, 10));
        assert_eq!(frames.of(&frames.whole()).features, frames.features);
    }

    #[test]
    fn parts_join_without_a_gap_or_a_step() {
        let halves = piece(80).halves(COST).unwrap();
        let (heard, fading) = halves.before_joint(vec![0.5; halves.first.len() * SAMPLES]);
        assert_eq!(heard.len() + FADE, (halves.joint - halves.first.lead.start) * SAMPLES);
        let rest = halves.after_joint(&fading, &vec![0.5; halves.rest.len() * SAMPLES]);
        assert!(rest.iter().all(|s| (s - 0.5).abs() < 1e-6));
        let whole = (halves.rest.tail.end - halves.first.lead.start) * SAMPLES;
        assert_eq!(heard.len() + rest.len(), whole);
    }

    #[test]
    fn rows_that_do_not_fit_each_other_are_no_frames() {
        assert!(Frames::new(vec![0.0; 30], vec![0.0; 20], vec![0.0; 20]).is_some());
        assert!(Frames::new(vec![0.0; 31], vec![0.0; 20], vec![0.0; 20]).is_none());
        assert!(Frames::new(vec![0.0; 30], vec![0.0; 18], vec![0.0; 20]).is_none());
        assert!(Frames::new(Vec::new(), Vec::new(), Vec::new()).is_none());
    }
}
