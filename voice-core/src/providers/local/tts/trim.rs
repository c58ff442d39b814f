//! The silence that voices put around what they say: cut so that the first sound comes at once and pieces join at the
//! pace of speech.

/// Sound is looked at in windows of this many seconds.
const WINDOW: f32 = 0.005;

/// A window is silent below this level.
const SILENCE: f32 = 0.004;

/// Kept before the first sound, in seconds: consonants begin softly.
const LEAD: f32 = 0.03;

/// Cuts the silence around `samples`, leaving `pause` seconds after the last sound (padded if there are fewer).
pub(super) fn trim(samples: &[f32], rate: u32, pause: f32) -> Vec<f32> {
    let seconds = |s: f32| (s * rate as f32) as usize;
    let window = seconds(WINDOW).max(1);
    let loud = |w: &[f32]| (w.iter().map(|s| s * s).sum::<f32>() / w.len() as f32).sqrt() > SILENCE;
    let Some(first) = samples.chunks(window).position(loud) else { return Vec::new() };
    let last = samples.chunks(window).rposition(loud).unwrap_or(first);
    let start = (first * window).saturating_sub(seconds(LEAD));
    let sound_end = ((last + 1) * window).min(samples.len());
    let end = (sound_end + seconds(pause)).min(samples.len());
    let mut kept = samples[start..end].to_vec();
    kept.resize(sound_end - start + seconds(pause), 0.0);
    let fade = window.min(kept.len() / 2);
    let length = kept.len();
    for i in 0..fade {
        let gain = i as f32 / fade as f32;
        kept[i] *= gain;
        kept[length - 1 - i] *= gain;
    }
    kept
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
        let kept = trim(&sound, 24_000, 0.1);
        let speech = 2_000;
        let extra = kept.len() - speech;
        assert!((2_900..3_500).contains(&extra), "{extra} samples of silence left");
        assert!(kept.iter().filter(|s| **s > 0.4).count() >= speech - 10);
    }

    #[test]
    fn a_pause_is_added_where_the_voice_left_none() {
        let kept = trim(&[0.5; 2_400], 24_000, 0.1);
        assert_eq!(kept.len(), 4_800);
    }

    #[test]
    fn pure_silence_gives_nothing() {
        assert!(trim(&[0.0; 1_000], 24_000, 0.1).is_empty());
        assert!(trim(&[], 24_000, 0.1).is_empty());
    }
}
