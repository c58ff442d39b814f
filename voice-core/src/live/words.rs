//! What words tell about a turn: whether it sounds complete, whether it is only a listener's murmur, whether it is a goodbye.

use crate::message::words::normalised;
pub(crate) use crate::message::words::{is_phrase, same};

/// What listeners say without wanting the turn, normalised.
const BACKCHANNELS: &[&str] = &[
    "mm",
    "mmm",
    "mhm",
    "mm hm",
    "mm hmm",
    "mmhm",
    "mhmm",
    "hm",
    "hmm",
    "uh huh",
    "uhhuh",
    "aha",
    "ah",
    "oh",
    "yeah",
    "yep",
    "yes",
    "yup",
    "ok",
    "okay",
    "right",
    "sure",
    "i see",
    "got it",
    "really",
    "wow",
    "cool",
    "alright",
    "all right",
    "uh",
    "um",
    "er",
    "genau",
    "ja",
    "achso",
    "d'accord",
    "oui",
    "sí",
    "si",
    "vale",
    "claro",
    "haan",
    "hanji",
    "accha",
    "theek hai",
    "हाँ",
    "अच्छा",
    "ठीक है",
    "はい",
    "うん",
    "ええ",
    "嗯",
    "对",
    "好",
    "네",
    "응",
];

/// Words after which more is to come.
const HANGING: &[&str] = &[
    "a", "about", "after", "also", "an", "and", "are", "as", "at", "because", "before", "but", "by", "can", "could",
    "for", "from", "had", "has", "have", "how", "i", "i'm", "if", "in", "into", "is", "it's", "like", "maybe", "my",
    "of", "on", "or", "our", "should", "so", "than", "that's", "the", "their", "then", "this", "to", "um", "uh", "was",
    "we", "were", "what's", "when", "where", "which", "while", "who", "will", "with", "would", "your", "er", "erm",
    "und", "oder", "aber", "weil", "der", "die", "das", "y", "o", "pero", "porque", "el", "la", "et", "ou", "mais",
    "parce", "le", "les",
];

/// How many words there are. Scripts without spaces count two characters as a word.
pub(crate) fn count(text: &str) -> usize {
    let spaced = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count();
    let dense = text.chars().filter(|c| is_dense(*c)).count();
    spaced.max(dense.div_ceil(2))
}

fn is_dense(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{0e00}'..='\u{0e7f}')
}

/// Whether nothing is said but what a listener murmurs, once or several times.
pub(crate) fn is_backchannel(text: &str, more: &[String]) -> bool {
    let text = normalised(text);
    let mut rest = text.as_str();
    if rest.is_empty() {
        return false;
    }
    let known = || BACKCHANNELS.iter().copied().chain(more.iter().map(String::as_str));
    while !rest.is_empty() {
        let longest = known().filter(|phrase| starts_with_words(rest, phrase)).map(str::len).max();
        let Some(length) = longest else { return false };
        rest = rest[length..].trim_start();
    }
    true
}

fn starts_with_words(text: &str, phrase: &str) -> bool {
    !phrase.is_empty() && text.strip_prefix(phrase).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Whether one of the phrases stands in the text.
pub(crate) fn has_phrase(text: &str, phrases: &[String]) -> bool {
    let text = format!(" {} ", normalised(text));
    phrases.iter().map(|phrase| normalised(phrase)).any(|p| !p.is_empty() && text.contains(&format!(" {p} ")))
}

/// How likely the speaker is done, by the words alone, 0–1.
pub(crate) fn completeness(text: &str) -> f32 {
    let trimmed = text.trim_end();
    if trimmed.ends_with("...") || trimmed.ends_with('…') || trimmed.ends_with([',', ';', ':', '-', '—', '、', '，'])
    {
        return 0.1;
    }
    let last = normalised(trimmed);
    let last = last.rsplit(' ').next().unwrap_or_default();
    if HANGING.contains(&last) {
        return 0.15;
    }
    if trimmed.ends_with(['.', '!', '?', '。', '！', '？', '।', '॥', '؟', '۔']) {
        return 0.95;
    }
    0.6
}

/// How likely the speaker is done, by the words and by a model that heard them, 0–1. Recognisers put a full stop behind
/// everything, so words are believed when they hang, and the sound otherwise.
pub(crate) fn with_sound(by_words: f32, by_sound: f32) -> f32 {
    let hangs = by_words < 0.2;
    let done = if by_sound >= 0.5 { 0.8 + 0.4 * (by_sound - 0.5) } else { 1.2 * by_sound };
    if hangs { done.min(0.4) } else { done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmurs_are_told_from_words() {
        for murmur in ["Mm-hm.", "Okay", "yeah, yeah", "Uh-huh, right.", "हाँ।", "はい", "I see."] {
            assert!(is_backchannel(murmur, &[]), "{murmur}");
        }
        for words in ["", "Stop.", "okay stop", "yes please do", "What?", "no"] {
            assert!(!is_backchannel(words, &[]), "{words}");
        }
        assert!(is_backchannel("Roger that!", &["roger that".into()]));
    }

    #[test]
    fn sentences_that_hang_are_less_complete_than_those_that_end() {
        assert!(completeness("What is the weather?") > 0.9);
        assert!(completeness("I would like to") < 0.2);
        assert!(completeness("I went to the shop and, um,") < 0.2);
        let open = completeness("What is the weather");
        assert!((0.3..0.9).contains(&open));
        assert!(completeness("मौसम कैसा है।") > 0.9);
    }

    #[test]
    fn the_same_words_may_be_written_differently() {
        assert!(same("will it rain", "Will it rain?") && same("मौसम कैसा है", "मौसम कैसा है।"));
        assert!(!same("will it rain", "will it rain today"));
    }

    #[test]
    fn words_are_counted_in_every_script() {
        assert_eq!((count("one two, three"), count("…"), count("今日はいい天気")), (3, 0, 4));
    }

    #[test]
    fn phrases_are_found_as_whole_words() {
        let phrases = ["Goodbye".to_owned(), "talk to you later".to_owned()];
        assert!(has_phrase("Thanks, and goodbye!", &phrases));
        assert!(!has_phrase("goodbyes", &phrases));
        assert!(is_phrase("Goodbye.", &phrases) && !is_phrase("goodbye then", &phrases));
    }
}
