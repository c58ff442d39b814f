//! Where a full stop ends a sentence of written text.

/// Words that end in a full stop in the middle of a sentence, in lower case, without their stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "mt", "sr", "jr", "vs", "e.g", "i.e", "cf", "approx", "dept", "est", "fig",
    "gen", "gov", "hon", "inc", "ltd", "lt", "nr", "rev", "sen", "sgt", "vol", "bzw", "usw", "z.b", "sra", "srta",
    "mme", "mlle",
];
/// Abbreviations that may also end a sentence: the case of the next word decides.
const ENDING_ABBREVIATIONS: &[&str] = &["etc", "a.m", "p.m", "u.s", "u.k", "co", "corp"];

/// What a mark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It ends a sentence.
    End,
    /// The sentence goes on behind it.
    Inside,
    /// The next characters decide.
    Unknown,
}

/// What the full stop at byte `at` of the text is, as far as the text goes.
pub(crate) fn full_stop(text: &str, at: usize) -> Verdict {
    let before = &text[..at];
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    let lower = word.to_lowercase();
    let after = &text[at + 1..];
    let mut ahead = after.chars();
    let first = ahead.next();
    match first {
        Some('.') => return Verdict::Inside,
        Some(c) if c.is_alphanumeric() || matches!(c, '/' | '@' | '_' | '-') => return Verdict::Inside,
        _ => {}
    }
    let initial = word.chars().count() == 1 && word.chars().all(|c| c.is_uppercase() && c != 'I');
    if initial || ABBREVIATIONS.contains(&lower.as_str()) {
        return Verdict::Inside;
    }
    if lower == "no" {
        // A number follows it, or it is an answer.
        return match after.trim_start().chars().next() {
            None => Verdict::Unknown,
            Some(c) if c.is_numeric() => Verdict::Inside,
            Some(_) => Verdict::End,
        };
    }
    if ENDING_ABBREVIATIONS.contains(&lower.as_str()) {
        return match after.trim_start().chars().next() {
            None => Verdict::Unknown,
            Some(c) if c.is_uppercase() => Verdict::End,
            Some(_) => Verdict::Inside,
        };
    }
    if first.is_some() {
        return Verdict::End;
    }
    // Nothing has come after the stop. A plain word is an end; a number, a letter, an address or a name with stops may go on.
    let plain = word.chars().nth(1).is_some()
        && word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | ')' | '"' | '”'));
    if plain && !lower.starts_with("www") { Verdict::End } else { Verdict::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_judged_by_its_word_and_by_what_follows() {
        for (text, verdict) in [
            ("It is late.", Verdict::End),
            ("It is late. Go.", Verdict::End),
            ("Dr. Smith", Verdict::Inside),
            ("at 5 p.m. today", Verdict::Inside),
            ("at 5 p.m. Today", Verdict::End),
            ("at 5 p.m.", Verdict::Unknown),
            ("No. It is late.", Verdict::End),
            ("order no. 7", Verdict::Inside),
            ("No.", Verdict::Unknown),
            ("It is 3.", Verdict::Unknown),
            ("It is 3.5", Verdict::Inside),
        ] {
            let at = text.find(". ").or_else(|| text.rfind('.')).expect("a stop");
            assert_eq!(full_stop(text, at), verdict, "{text}");
        }
    }
}
