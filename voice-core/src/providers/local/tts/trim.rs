//! The silence that voices put around what they say: cut so that the first sound comes at once and pieces join at the
//! pace of speech.

/// Sound is looked at in windows of this many seconds.
const WINDOW: f32 = 0.005;

/// A window is silent below this level.
const SILENCE: f32 = 0.004;

/// Kept before the first sound, in seconds: consonants begin softly.
const LEAD: f32 = 0.03;

/// Cuts the silence around `samples`, leaving `pause` seconds after the last sound (padded if there are fewer).
pub(super) fn trim(samples: Vec<f32>, rate: u32, pause: f32) -> Vec<f32> {
    trim_end(trim_start(samples, rate), rate, pause)
}

/// Cuts the silence before the first sound.
pub(super) fn trim_start(mut samples: Vec<f32>, rate: u32) -> Vec<f32> {
    let window = samples_in(WINDOW, rate).max(1);
    let Some(first) = samples.chunks(window).position(is_loud) else { return Vec::new() };
    samples.drain(..(first * window).saturating_sub(samples_in(LEAD, rate)));
    fade(samples.iter_mut(), window);
    samples
}

/// Cuts the silence after the last sound, leaving `pause` seconds (padded if there are fewer).
pub(super) fn trim_end(mut samples: Vec<f32>, rate: u32, pause: f32) -> Vec<f32> {
    let window = samples_in(WINDOW, rate).max(1);
    let Some(last) = samples.chunks(window).rposition(is_loud) else { return Vec::new() };
    let sound_end = ((last + 1) * window).min(samples.len());
    samples.resize(sound_end + samples_in(pause, rate), 0.0);
    fade(samples.iter_mut().rev(), window);
    samples
}

fn samples_in(seconds: f32, rate: u32) -> usize {
    (seconds * rate as f32) as usize
}

fn is_loud(window: &[f32]) -> bool {
    (window.iter().map(|s| s * s).sum::<f32>() / window.len() as f32).sqrt() > SILENCE
}

/// Lets the first `length` samples come out of silence.
fn fade<'a>(samples: impl ExactSizeIterator<Item = &'a mut f32>, length: usize) {
    let length = length.min(samples.len() / 2);
    for (i, sample) in samples.take(length).enumerate() {
        *sample *= i as f32 / length as f32;
    }
}

/// The pause after a piece, in seconds, by how it ends.
pub(super) fn pause_after(piece: &str) -> f32 {
    match piece.trim_end_matches(['"', '\'', ')', '”', '’']).chars().last() {
        Some('.' | '!' | '?' | '…') => 0.28,
        Some(';' | ':' | '—') => 0.18,
        Some(',') => 0.1,
        // Cut where nobody would stop: only not to run the words together.
        _ => 0.04,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_around_speech_is_cut_to_a_short_lead_and_the_pause_asked_for() {
        let mut sound = vec![0.0; 24_000];
        sound[10_000..12_000].fill(0.5);
        let kept = trim(sound, 24_000, 0.1);
        let speech = 2_000;
        let extra = kept.len() - speech;
        assert!((2_900..3_500).contains(&extra), "{extra} samples of silence left");
        assert!(kept.iter().filter(|s| **s > 0.4).count() >= speech - 10);
    }

    #[test]
    fn a_pause_is_added_where_the_voice_left_none() {
        let kept = trim(vec![0.5; 2_400], 24_000, 0.1);
        assert_eq!(kept.len(), 4_800);
    }

    #[test]
    fn pure_silence_gives_nothing() {
        assert!(trim(vec![0.0; 1_000], 24_000, 0.1).is_empty());
        assert!(trim(Vec::new(), 24_000, 0.1).is_empty());
    }
}
