//! Guards against what speech recognisers write when nobody speaks: words out of noise, and loops.

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
    fn ordinary_words_are_no_loop() {
        let tokens: Vec<u32> = (0..100).collect();
        assert_eq!(ends_in_a_loop(&tokens), None);
        assert_eq!(ends_in_a_loop(&[]), None);
    }
}
