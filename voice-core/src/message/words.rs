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

/// Whether a character belongs to the one before it: the viramas and vowel signs without which Indic words fall apart, and
/// combining accents. (Those that Unicode calls alphabetic are letters for Rust already.)
pub(crate) fn is_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'
            ..='\u{36F}'
                | '\u{93C}'
                | '\u{94D}'
                | '\u{9BC}'
                | '\u{9CD}'
                | '\u{A3C}'
                | '\u{A4D}'
                | '\u{ABC}'
                | '\u{ACD}'
                | '\u{B3C}'
                | '\u{B4D}'
                | '\u{BCD}'
                | '\u{C4D}'
                | '\u{CBC}'
                | '\u{CCD}'
                | '\u{D4D}'
                | '\u{DCA}'
    )
}

/// Whether a character is of a script that sets no spaces between its words.
pub(crate) fn sets_no_spaces(c: char) -> bool {
    matches!(c,
        '\u{0E01}'..='\u{0E30}' | '\u{0E32}' | '\u{0E33}' | '\u{0E40}'..='\u{0E46}'     // Thai
        | '\u{0E81}'..='\u{0EB0}' | '\u{0EB2}' | '\u{0EB3}' | '\u{0EC0}'..='\u{0EC6}'   // Lao
        | '\u{1000}'..='\u{102A}' | '\u{1780}'..='\u{17B3}'                             // Burmese, Khmer
        | '\u{3005}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}' | '\u{FF66}'..='\u{FF9D}'
        | '\u{3100}'..='\u{312F}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}')
}

/// Whether nothing is said but one of the phrases.
pub(crate) fn is_phrase(text: &str, phrases: &[String]) -> bool {
    let text = normalised(text);
    !text.is_empty() && phrases.iter().any(|phrase| normalised(phrase) == text)
}
