//! The part of speech of a word, as far as its pronunciation hangs on it: "a live show" and "we live here", "to record" and "a
//! record". A guess from the words around it, in the tags of the Penn Treebank.

const ARTICLES: &[&str] = &[
    "a", "an", "the", "this", "these", "those", "my", "your", "his", "her", "its", "our", "their", "some", "any", "no",
    "each", "every", "another", "one", "more", "much", "many", "which", "whose", "what",
];
const PREPOSITIONS: &[&str] = &[
    "of", "in", "on", "at", "by", "for", "with", "from", "about", "into", "over", "after", "before", "under",
    "between", "through", "during", "without", "against", "per", "than", "onto", "upon", "within", "across", "toward",
    "towards", "behind", "beyond",
];
const SUBJECTS: &[&str] = &["i", "you", "we", "they", "who", "people"];
const SINGULAR_SUBJECTS: &[&str] = &["he", "she", "it"];
const OBJECTS: &[&str] = &["me", "him", "them", "us", "it", "you", "itself", "yourself", "myself"];
const BEFORE_VERBS: &[&str] = &[
    "to",
    "will",
    "would",
    "can",
    "could",
    "shall",
    "should",
    "may",
    "might",
    "must",
    "do",
    "does",
    "did",
    "don't",
    "doesn't",
    "didn't",
    "won't",
    "wouldn't",
    "can't",
    "cannot",
    "couldn't",
    "shouldn't",
    "let's",
    "please",
    "i'll",
    "you'll",
    "he'll",
    "she'll",
    "it'll",
    "we'll",
    "they'll",
    "i'd",
    "you'd",
    "he'd",
    "she'd",
    "we'd",
    "they'd",
    "let",
    "help",
];
const HAVE: &[&str] =
    &["have", "has", "had", "having", "haven't", "hasn't", "hadn't", "i've", "you've", "we've", "they've", "been"];
const BE: &[&str] = &[
    "am", "is", "are", "was", "were", "be", "being", "isn't", "aren't", "wasn't", "weren't", "i'm", "you're", "he's",
    "she's", "it's", "we're", "they're", "that's", "very", "so", "too", "quite", "seems", "seem", "feel", "feels",
    "looks",
];
const YESTERDAY: &[&str] = &["yesterday", "ago", "last", "already", "once"];

/// The tag of the word at `at`; the words are without punctuation, `None` where some stands between.
pub(super) fn tag(words: &[Option<&str>], at: usize) -> &'static str {
    let word = |index: Option<usize>| index.and_then(|i| words.get(i).copied().flatten()).unwrap_or_default();
    let own = word(Some(at));
    let lower = own.to_lowercase();
    let before = word(previous(words, at)).to_lowercase();
    let after = word(at.checked_add(1)).to_lowercase();
    let is = |list: &[&str], word: &str| list.contains(&word);
    match lower.as_str() {
        "i" => return "PRP",
        "a" | "an" | "the" => return "DT",
        "to" => return "TO",
        "used" if after == "to" && !is(BE, &before) => return "VBD",
        "that" if before.is_empty() || after.is_empty() || is(BE, &after) || is(PREPOSITIONS, &before) => return "DT",
        "that" if is(BE, &before) && !is(ARTICLES, &after) && !is(SUBJECTS, &after) => return "DT",
        "that" | "as" | "like" => return "IN",
        word if is(PREPOSITIONS, word) => return "IN",
        _ => {}
    }
    let shouted = own.len() > 1 && own == own.to_uppercase();
    let all_shout = [previous(words, at), at.checked_add(1)].into_iter().map(word).all(|w| w == w.to_uppercase());
    if shouted && !all_shout || own.starts_with(char::is_uppercase) && at > 0 && words[at - 1].is_some() && !shouted {
        return "NNP";
    }
    let object_follows = is(ARTICLES, &after) || is(OBJECTS, &after);
    if before.is_empty() {
        // An order, or a title.
        return if object_follows { "VB" } else { "NN" };
    }
    let joined = matches!(before.as_str(), "and" | "or" | "then");
    if joined && object_follows || is(BEFORE_VERBS, &before) {
        "VB"
    } else if is(HAVE, &before) {
        "VBN"
    } else if is(BE, &before) {
        "JJ"
    } else if is(SUBJECTS, &before) {
        if words.iter().flatten().any(|w| is(YESTERDAY, &w.to_lowercase())) { "VBD" } else { "VB" }
    } else if is(SINGULAR_SUBJECTS, &before) {
        if lower.ends_with('s') { "VBZ" } else { "VBD" }
    } else if is(ARTICLES, &before) || is(PREPOSITIONS, &before) || describes(&before) {
        let noun_follows = !after.is_empty()
            && !object_follows
            && !is(PREPOSITIONS, &after)
            && !is(BE, &after)
            && !is(BEFORE_VERBS, &after)
            && !is(HAVE, &after);
        if noun_follows { "JJ" } else { "NN" }
    } else if object_follows {
        // What somebody does who is not named by a pronoun.
        if before.ends_with('s') { "VB" } else { "VBD" }
    } else {
        "NN"
    }
}

/// The word before, past such as say only how or whether.
fn previous(words: &[Option<&str>], at: usize) -> Option<usize> {
    let before = at.checked_sub(1)?;
    let word = words.get(before).copied().flatten()?.to_lowercase();
    let passed =
        matches!(word.as_str(), "not" | "never" | "also" | "just" | "always" | "often" | "still" | "only" | "really");
    if passed || word.len() > 4 && word.ends_with("ly") { previous(words, before) } else { Some(before) }
}

fn describes(word: &str) -> bool {
    word.len() > 4
        && ["al", "ive", "ous", "ful", "ic", "able", "less", "ish"].iter().any(|ending| word.ends_with(ending))
        || matches!(
            word,
            "new" | "old" | "good" | "bad" | "big" | "small" | "first" | "last" | "next" | "great" | "long" | "little"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of(sentence: &str, word: &str) -> &'static str {
        let words: Vec<Option<&str>> = sentence.split(' ').map(Some).collect();
        tag(&words, words.iter().position(|w| *w == Some(word)).unwrap())
    }

    #[test]
    fn the_words_around_tell_a_verb_from_a_noun() {
        for (sentence, word, expected) in [
            ("I want to record this", "record", "VB"),
            ("it broke the record", "record", "NN"),
            ("we live here", "live", "VB"),
            ("a live show", "live", "JJ"),
            ("I have read it", "read", "VBN"),
            ("he read it", "read", "VBD"),
            ("please present the results", "present", "VB"),
            ("for present purposes", "present", "JJ"),
            ("they will never object", "object", "VB"),
            ("close the door", "close", "VB"),
            ("it is very close", "close", "JJ"),
            ("I think that we go", "that", "IN"),
            ("is that right", "that", "DT"),
            ("our guess is that the", "that", "IN"),
            ("the doctor wound a bandage", "wound", "VBD"),
            ("we used to go", "used", "VBD"),
            ("ask IT about it", "IT", "NNP"),
            ("ask Paris about it", "Paris", "NNP"),
        ] {
            assert_eq!(tag_of(sentence, word), expected, "{sentence}");
        }
    }
}
