//! Finds where somebody may be speaking, and cuts long recordings in the pauses, because recognisers lose the thread after
//! half a minute and write words out of noise.

use std::ops::Range;

use crate::audio::SPEECH_RATE;

const FRAME: usize = SPEECH_RATE as usize / 50;

/// Nothing below this is speech, whatever surrounds it: about −57 dB of full scale, the noise of a quiet room.
const QUIETEST_SPEECH: f32 = 0.0014;

/// Speech stands out of its surroundings by at least this factor (about 6 dB).
const ABOVE_NOISE: f32 = 2.0;

/// Sound whose loud frames rise above its quiet ones by less than this factor (about 3.5 dB) is a fan or a hum: syllables
/// rise and fall far more, even in a noisy room.
const LEAST_VARIATION: f32 = 1.5;

/// The number of zero crossings in a frame follows the timbre. Between vowels and hisses it varies by more than its mean;
/// noise and beeps, even swelling ones, keep it within a tenth. Measured: human speech 0.33–1.7, with as much noise as
/// speech 0.13; white noise 0.05, beeps 0.01–0.03.
const LEAST_TIMBRE_VARIATION: f32 = 0.11;

/// The timbre of a single short word says nothing: it is judged from half a second of sound up.
const TIMBRE_FRAMES: usize = 25;

/// Fewer loud frames in a row than this are a click, not a word.
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
    let (quiet, loud) = (quantile(&levels, 0.10), quantile(&levels, 0.98));
    if loud < quiet * LEAST_VARIATION {
        return Vec::new();
    }
    let threshold = (quiet * ABOVE_NOISE).min(loud / ABOVE_NOISE).max(QUIETEST_SPEECH);
    let longest = (longest / FRAME).max(2);
    let mut segments = Vec::new();
    let mut start = 0;
    while start < levels.len() {
        let end = if levels.len() - start <= longest {
            levels.len()
        } else {
            quietest_place(&levels, start + longest / 2..start + longest)
        };
        let sound = &samples[start * FRAME..(end * FRAME).min(samples.len())];
        if let Some(spoken) = spoken_part(&levels[start..end], threshold)
            && !is_mechanical(sound, &levels[start..end], threshold)
        {
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

/// The level that the given part of the frames stay below.
fn quantile(levels: &[f32], part: f32) -> f32 {
    let mut sorted = levels.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get((sorted.len() as f32 * part) as usize).copied().unwrap_or(0.0)
}

/// The middle of the quietest pause in a range of frames; of equals the last, so that segments are long.
fn quietest_place(levels: &[f32], range: Range<usize>) -> usize {
    let (first, last) = (range.start, range.end.saturating_sub(PAUSE).max(range.start));
    let pause = |at: usize| levels[at..(at + PAUSE).min(levels.len())].iter().sum::<f32>();
    let quietest = (first..=last).rev().min_by(|&a, &b| pause(a).total_cmp(&pause(b))).unwrap_or(last);
    (quietest + PAUSE / 2).clamp(range.start, range.end)
}

/// From the first to the last frame above the threshold, with a margin; none if no word fits into any loud run.
fn spoken_part(levels: &[f32], threshold: f32) -> Option<Range<usize>> {
    let is_word = levels.windows(SHORTEST_WORD).any(|run| run.iter().all(|l| *l > threshold));
    let first = levels.iter().position(|l| *l > threshold).filter(|_| is_word)?;
    let last = levels.iter().rposition(|l| *l > threshold)?;
    Some(first.saturating_sub(MARGIN)..(last + 1 + MARGIN).min(levels.len()))
}

/// Whether the timbre of the loud frames is too even for a voice.
fn is_mechanical(samples: &[i16], levels: &[f32], threshold: f32) -> bool {
    let loud = samples.chunks(FRAME).zip(levels).filter(|(_, level)| **level > threshold);
    let crossings: Vec<f32> = loud.map(|(frame, _)| zero_crossings(frame) as f32).collect();
    if crossings.len() < TIMBRE_FRAMES {
        return false;
    }
    let mean = crossings.iter().sum::<f32>() / crossings.len() as f32;
    let variance = crossings.iter().map(|c| (c - mean).powi(2)).sum::<f32>() / crossings.len() as f32;
    variance.sqrt() < mean * LEAST_TIMBRE_VARIATION
}

fn zero_crossings(frame: &[i16]) -> usize {
    frame.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::PI;

    use super::*;

    const SECOND: usize = SPEECH_RATE as usize;

    /// Four syllables a second that swell and fade, every other one hissing.
    fn speech(seconds: f32) -> Vec<i16> {
        let syllable = |i: usize| 0.55 - 0.45 * (i as f32 / SECOND as f32 * 8.0 * PI).cos();
        let pitch = |i: usize| if (i / (SECOND / 4)).is_multiple_of(2) { 0.1 } else { 1.7 };
        let sample = |i| ((i as f32 * pitch(i)).sin() * syllable(i) * 8000.0) as i16;
        (0..(seconds * SECOND as f32) as usize).map(sample).collect()
    }

    fn silence(seconds: f32) -> Vec<i16> {
        vec![0; (seconds * SECOND as f32) as usize]
    }

    #[test]
    fn a_short_recording_is_one_part_without_the_silence_around_it() {
        let samples = [silence(2.0), speech(1.0), silence(2.0)].concat();
        let segments = speech_segments(&samples, 25 * SECOND);
        assert_eq!(segments.len(), 1);
        assert!(segments[0].start > SECOND && segments[0].start <= 2 * SECOND);
        assert!(segments[0].end >= 3 * SECOND && segments[0].end < 4 * SECOND);
    }

    #[test]
    fn a_long_recording_is_cut_in_its_pauses() {
        let sentence = [speech(9.5), silence(0.5)].concat();
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
        let samples = speech(300.0);
        let segments = speech_segments(&samples, 25 * SECOND);
        assert!(segments.iter().all(|s| s.len() <= 25 * SECOND));
        assert_eq!(segments.iter().map(ExactSizeIterator::len).sum::<usize>(), samples.len());
    }

    #[test]
    fn a_steady_sound_however_loud_is_not_speech() {
        let hum: Vec<i16> = (0..10 * SECOND).map(|i| ((i as f32 * 0.02).sin() * 12_000.0) as i16).collect();
        assert!(speech_segments(&hum, 25 * SECOND).is_empty());
    }

    #[test]
    fn a_ringing_tone_is_not_speech_though_it_comes_and_goes() {
        let ring: Vec<i16> = (0..10 * SECOND)
            .map(|i| if (i / SECOND).is_multiple_of(2) { ((i as f32 * 0.17).sin() * 9_000.0) as i16 } else { 0 })
            .collect();
        assert!(speech_segments(&ring, 25 * SECOND).is_empty());
    }

    #[test]
    fn silence_room_noise_and_clicks_have_no_parts() {
        assert!(speech_segments(&[], SECOND).is_empty());
        assert!(speech_segments(&silence(60.0), 25 * SECOND).is_empty());
        let room: Vec<i16> = (0..10 * SECOND).map(|i| ((i * 7919) % 41) as i16 - 20).collect();
        assert!(speech_segments(&room, 25 * SECOND).is_empty());
        let mut click = silence(5.0);
        click.chunks_mut(SECOND / 2).for_each(|half| half[..200].fill(20_000));
        assert!(speech_segments(&click, 25 * SECOND).is_empty());
    }
}
