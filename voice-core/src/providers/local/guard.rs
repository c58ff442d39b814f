//! Guards against what speech recognisers write when nobody speaks: words out of noise, and loops.

/// Words below this mean logarithm of their tokens' probability are noise written down. Measured: human speech −0.2, with
/// as much noise as speech −0.5; noise −0.4 to −2.3.
const LEAST_CONFIDENCE: f32 = -1.2;

/// What recognisers trained on captioned videos write when nobody speaks …
const PHANTOMS: [&str; 4] = ["you", "thank you for watching", "thanks for watching", "i'll see you next time"];

/// … unless they are as sure of it as they are of real speech.
const PHANTOM_CONFIDENCE: f32 = -0.25;

/// How often the same run of tokens must come in a row to count as a loop.
const REPEATS: usize = 4;

/// The longest run of tokens looked for.
const LONGEST_RUN: usize = 12;

/// The fewest tokens that a loop covers, so that "no, no, no, no" stays.
const FEWEST_TOKENS: usize = 10;

/// If `tokens` end in a loop, how many of them to keep: up to the end of its first round.
pub(super) fn ends_in_a_loop(tokens: &[u32]) -> Option<usize> {
    (1..=LONGEST_RUN).find_map(|run| {
        let rounds = REPEATS.max(FEWEST_TOKENS.div_ceil(run));
        let start = tokens.len().checked_sub(run * rounds)?;
        let looped = &tokens[start..];
        looped.iter().zip(&looped[run..]).all(|(a, b)| a == b).then_some(start + run)
    })
}

/// Whether a piece of text was probably written without anybody speaking. `confidence` is the mean natural logarithm of
/// the probability of each token.
pub(super) fn is_phantom(text: &str, confidence: f32) -> bool {
    if confidence < LEAST_CONFIDENCE || !text.chars().any(char::is_alphanumeric) {
        return true;
    }
    let plain = text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    confidence < PHANTOM_CONFIDENCE && PHANTOMS.contains(&plain.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_rounds_of_the_same_words_are_a_loop_of_which_one_round_stays() {
        let tokens = [9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3];
        assert_eq!(ends_in_a_loop(&tokens), Some(4));
    }

    #[test]
    fn somebody_may_say_no_a_few_times() {
        assert_eq!(ends_in_a_loop(&[5, 7, 5, 7, 5, 7, 5, 7]), None);
        assert_eq!(ends_in_a_loop(&[5; 9]), None);
        assert_eq!(ends_in_a_loop(&[5; 10]), Some(1));
    }

    #[test]
    fn unsure_words_and_bare_signs_are_phantoms() {
        assert!(is_phantom("A word in the noise.", -2.0));
        assert!(is_phantom("♪", -0.1));
        assert!(is_phantom("", 0.0));
        assert!(!is_phantom("Two.", -0.6));
    }

    #[test]
    fn the_captions_of_silent_videos_are_phantoms_unless_clearly_said() {
        assert!(is_phantom("Thank you for watching!", -0.4));
        assert!(is_phantom("You", -0.6));
        assert!(!is_phantom("You", -0.1));
        assert!(!is_phantom("Thank you.", -0.4));
    }

    #[test]
    fn ordinary_words_are_no_loop() {
        let tokens: Vec<u32> = (0..100).collect();
        assert_eq!(ends_in_a_loop(&tokens), None);
        assert_eq!(ends_in_a_loop(&[]), None);
    }
}
