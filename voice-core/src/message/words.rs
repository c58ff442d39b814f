//! The words of a text, however they are written.

/// Lower case, words only, one space between.
pub(crate) fn normalised(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !(c.is_alphanumeric() || c == '\'' || is_mark(c)));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether two texts hold the same words, however they are written.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || normalised(one) == normalised(other)
}

/// Vowel signs of Indic scripts are no letters, but belong to words.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0900}'..='\u{0903}' | '\u{093a}'..='\u{094f}' | '\u{0981}'..='\u{0983}' | '\u{09bc}'..='\u{09cd}')
}

/// Whether nothing is said but one of the phrases.
pub(crate) fn is_phrase(text: &str, phrases: &[String]) -> bool {
    let text = normalised(text);
    !text.is_empty() && phrases.iter().any(|phrase| normalised(phrase) == text)
}
