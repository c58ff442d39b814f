//! Cutting text where a speaker would breathe.

use crate::prose::{Verdict, full_stop};

/// A piece longer than this is cut at a clause, and if it has none at a word: voices lose their breath, the next sound waits
/// for the whole piece, and Kokoro works with 36 MB for each second of it.
const LONGEST: usize = 90;

/// The first piece is cut at a clause beyond this length, so that sound starts sooner.
const LONGEST_FIRST: usize = 60;

/// A clause shorter than this stays with the next: alone it would sound cut off.
const SHORTEST: usize = 16;

/// The pieces of a normalised text, in order; none is empty.
pub(super) fn cut(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for sentence in sentences(text) {
        let mut rest = sentence.trim();
        while !rest.is_empty() {
            let most = if pieces.is_empty() { LONGEST_FIRST } else { LONGEST };
            let length = if rest.len() <= most { rest.len() } else { clause_end(rest, most) };
            let (piece, after) = rest.split_at(length);
            if piece.chars().any(char::is_alphanumeric) {
                pieces.push(piece.trim().to_owned());
            }
            rest = after.trim_start();
        }
    }
    pieces
}

/// Where to cut a long sentence: after the last clause within `most` bytes, else after the first clause within
/// [`LONGEST`], else at the last space there.
fn clause_end(text: &str, most: usize) -> usize {
    let clauses = || {
        let ends = text.match_indices([',', ';', ':', '—']).map(|(at, mark)| at + mark.len());
        ends.filter(|end| *end >= SHORTEST && text[*end..].starts_with(char::is_whitespace))
    };
    let within = clauses().take_while(|end| *end <= most).last();
    let within = within.or_else(|| clauses().next().filter(|end| *end <= LONGEST));
    // Halves sound better than a long part and a stray word.
    let middle = LONGEST.min(text.len().div_ceil(2) + SHORTEST / 2);
    let space = || text.match_indices(' ').map(|(at, _)| at).take_while(|at| *at <= middle).last();
    let hard = || text.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST).last();
    if text.len() <= LONGEST {
        return within.unwrap_or(text.len());
    }
    within.or_else(space).filter(|end| *end > 0).or_else(hard).filter(|end| *end > 0).unwrap_or(text.len())
}

/// Splits after each run of marks that ends a sentence and is followed by white space, and at each line's end.
fn sentences(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut ended = false;
    for (at, c) in text.char_indices() {
        if ended && c.is_whitespace() || c == '\n' {
            parts.push(&text[start..at]);
            start = at;
            ended = false;
        } else {
            ended = match c {
                '.' => full_stop(text, at) != Verdict::Inside,
                '!' | '?' | '…' => true,
                '"' | '\'' | ')' | '”' | '’' => ended,
                _ => false,
            };
        }
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sentence_is_a_piece() {
        assert_eq!(cut("One. Two? “Three!” Four"), ["One.", "Two?", "“Three!”", "Four"]);
        assert_eq!(cut("3.5 and 1,000."), ["3.5 and 1,000."]);
        assert_eq!(cut("  \n"), [] as [&str; 0]);
        assert_eq!(cut("... -"), [] as [&str; 0]);
    }

    #[test]
    fn an_abbreviation_ends_no_piece() {
        assert_eq!(cut("Dr. Smith comes at 5 p.m. today. Wait."), ["Dr. Smith comes at 5 p.m. today.", "Wait."]);
        assert_eq!(cut("We meet at 5 p.m. Bring food."), ["We meet at 5 p.m.", "Bring food."]);
    }

    #[test]
    fn a_long_first_sentence_is_cut_at_a_clause() {
        let text =
            "Once upon a time, there was a clever fox who lived at the edge of a quiet forest and learned to share.";
        let pieces = cut(text);
        assert_eq!(pieces[0], "Once upon a time,");
        assert_eq!(pieces.join(" "), text);
    }

    #[test]
    fn a_long_sentence_without_a_clause_is_cut_near_its_middle() {
        let text =
            "The people who live near the river know that the best time to walk along it is early in the morning.";
        let pieces = cut(text);
        assert_eq!(pieces.join(" "), text);
        assert_eq!(pieces.len(), 2);
        assert!(pieces.iter().all(|p| p.len() > 40), "{pieces:?}");
    }

    #[test]
    fn nothing_is_lost_of_a_text_without_any_mark() {
        let text = "word ".repeat(300);
        let pieces = cut(&text);
        assert!(pieces.iter().all(|p| p.len() <= LONGEST));
        assert_eq!(pieces.join(" "), text.trim());
        let solid = "é".repeat(1000);
        assert_eq!(cut(&solid).concat(), solid);
    }
}
