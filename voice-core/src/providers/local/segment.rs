//! Cuts long recordings where nobody speaks, because recognisers lose the thread after half a minute.

use std::ops::Range;

use crate::audio::SPEECH_RATE;

const FRAME: usize = SPEECH_RATE as usize / 50;

/// Nothing below this is speech, whatever surrounds it: about −57 dB of full scale, the noise of a quiet room.
const QUIETEST_SPEECH: f32 = 0.0014;

/// Speech stands out of its surroundings by at least this factor (about 6 dB).
const ABOVE_NOISE: f32 = 2.0;

/// Less sound than this is a click, not a word.
const SHORTEST_WORD: usize = 4;

/// A pause looks as long as this when its quietness is judged.
const PAUSE: usize = 15;

/// What is kept around speech, so that soft first and last sounds are not lost.
const MARGIN: usize = 15;

/// The parts of 16 kHz `samples` in which somebody may be speaking, in order, none longer than `longest` samples; cut at
/// the quietest place in the later half of what fits. Silence around each part is left out. Empty when nothing rises
/// above a quiet room.
pub(super) fn speech_segments(samples: &[i16], longest: usize) -> Vec<Range<usize>> {
    let levels: Vec<f32> = samples.chunks(FRAME).map(level).collect();
    let threshold = (noise_floor(&levels) * ABOVE_NOISE).min(loudest(&levels) / ABOVE_NOISE).max(QUIETEST_SPEECH);
    let longest = (longest / FRAME).max(2);
    let mut segments = Vec::new();
    let mut start = 0;
    while start < levels.len() {
        let end = if levels.len() - start <= longest {
            levels.len()
        } else {
            quietest_place(&levels, start + longest / 2..start + longest)
        };
        if let Some(spoken) = spoken_part(&levels[start..end], threshold) {
            let first = (start + spoken.start) * FRAME;
            segments.push(first..((start + spoken.end) * FRAME).min(samples.len()));
        }
        start = end;
    }
    segments
}

/// The root mean square of a frame, full scale 1.
fn level(frame: &[i16]) -> f32 {
    let squares: f32 = frame.iter().map(|&s| f32::from(s) * f32::from(s)).sum();
    (squares / frame.len() as f32).sqrt() / 32_768.0
}

/// The level that a tenth of the frames stay below.
fn noise_floor(levels: &[f32]) -> f32 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 10).copied().unwrap_or(0.0)
}

fn loudest(levels: &[f32]) -> f32 {
    levels.iter().copied().fold(0.0, f32::max)
}

/// The middle of the quietest pause in a range of frames; of equals the last, so that segments are long.
fn quietest_place(levels: &[f32], range: Range<usize>) -> usize {
    let (first, last) = (range.start, range.end.saturating_sub(PAUSE).max(range.start));
    let pause = |at: usize| levels[at..(at + PAUSE).min(levels.len())].iter().sum::<f32>();
    let quietest = (first..=last).rev().min_by(|&a, &b| pause(a).total_cmp(&pause(b))).unwrap_or(last);
    (quietest + PAUSE / 2).clamp(range.start, range.end)
}

/// From the first to the last frame above the threshold, with a margin; none if there are too few.
fn spoken_part(levels: &[f32], threshold: f32) -> Option<Range<usize>> {
    let loud = || levels.iter().enumerate().filter(|(_, l)| **l > threshold).map(|(i, _)| i);
    if loud().count() < SHORTEST_WORD {
        return None;
    }
    let (first, last) = (loud().next()?, loud().next_back()?);
    Some(first.saturating_sub(MARGIN)..(last + 1 + MARGIN).min(levels.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = SPEECH_RATE as usize;

    fn tone(seconds: f32) -> Vec<i16> {
        (0..(seconds * SECOND as f32) as usize).map(|i| ((i as f32 * 0.2).sin() * 8000.0) as i16).collect()
    }

    fn silence(seconds: f32) -> Vec<i16> {
        vec![0; (seconds * SECOND as f32) as usize]
    }

    #[test]
    fn a_short_recording_is_one_part_without_the_silence_around_it() {
        let samples = [silence(2.0), tone(1.0), silence(2.0)].concat();
        let segments = speech_segments(&samples, 25 * SECOND);
        assert_eq!(segments.len(), 1);
        assert!(segments[0].start > SECOND && segments[0].start <= 2 * SECOND);
        assert!(segments[0].end >= 3 * SECOND && segments[0].end < 4 * SECOND);
    }

    #[test]
    fn a_long_recording_is_cut_in_its_pauses() {
        let sentence = [tone(9.5), silence(0.5)].concat();
        let samples = sentence.repeat(6);
        let segments = speech_segments(&samples, 25 * SECOND);
        assert_eq!(segments.len(), 3);
        for segment in &segments {
            assert!(segment.len() <= 25 * SECOND);
            assert!(samples[segment.end.min(samples.len() - 1)].abs() < 10, "cut inside a word at {}", segment.end);
        }
    }

    #[test]
    fn sound_without_pauses_is_cut_all_the_same_and_nothing_is_lost() {
        let samples = tone(300.0);
        let segments = speech_segments(&samples, 25 * SECOND);
        assert!(segments.iter().all(|s| s.len() <= 25 * SECOND));
        assert_eq!(segments.iter().map(ExactSizeIterator::len).sum::<usize>(), samples.len());
    }

    #[test]
    fn silence_room_noise_and_clicks_have_no_parts() {
        assert!(speech_segments(&[], SECOND).is_empty());
        assert!(speech_segments(&silence(60.0), 25 * SECOND).is_empty());
        let room: Vec<i16> = (0..10 * SECOND).map(|i| ((i * 7919) % 41) as i16 - 20).collect();
        assert!(speech_segments(&room, 25 * SECOND).is_empty());
        let mut click = silence(5.0);
        click[SECOND..SECOND + 200].fill(20_000);
        assert!(speech_segments(&click, 25 * SECOND).is_empty());
    }
}
