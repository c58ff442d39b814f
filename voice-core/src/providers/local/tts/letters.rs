//! From letters to sounds, for words that stand in no dictionary: names, foreign words, words made up.
//!
//! English spelling has no full set of rules; these are the common ones, with the open vowels of foreign names. The result is
//! in misaki's alphabet, stressed where most words of that shape are.

/// A vowel of a single letter: full where it is stressed, weak where it is not.
const FULL: [(char, char); 5] = [('1', 'æ'), ('2', 'ɛ'), ('3', 'ɪ'), ('4', 'ɑ'), ('5', 'ʌ')];
const WEAK: [(char, char); 5] = [('1', 'ə'), ('2', 'ə'), ('3', 'ɪ'), ('4', 'ə'), ('5', 'ə')];

/// Symbols that make a syllable.
const VOWELS: &str = "12345æɛɪɑʌʊəɜɔiuAIOWY";

/// The sounds of a word. `None` when it has no vowel, or something that is not a letter: such a word is better spelled out.
pub(super) fn sounds(word: &str) -> Option<String> {
    let letters: Vec<u8> = word.chars().map(plain).collect::<Option<Vec<_>>>()?;
    if letters.len() < 2 || !letters.iter().any(|l| is_vowel(*l) || *l == b'y') {
        return None;
    }
    let mut symbols = String::new();
    let mut at = 0;
    while at < letters.len() {
        let (length, sound) = grapheme(&letters[..at], &letters[at..]);
        symbols.push_str(sound);
        at += length;
    }
    Some(stressed(&symbols, &letters))
}

/// The letter without its accent, in lower case.
fn plain(letter: char) -> Option<u8> {
    let lower = letter.to_lowercase().next()?;
    Some(match lower {
        'a'..='z' => lower as u8,
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => b'a',
        'è' | 'é' | 'ê' | 'ë' => b'e',
        'ì' | 'í' | 'î' | 'ï' => b'i',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => b'o',
        'ù' | 'ú' | 'û' | 'ü' => b'u',
        'ý' | 'ÿ' => b'y',
        'ç' => b's',
        'ñ' => b'n',
        _ => return None,
    })
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// The sound of the letters at the head of `rest`, and how many letters it takes; longer spellings first.
fn grapheme(before: &[u8], rest: &[u8]) -> (usize, &'static str) {
    let inside = !before.is_empty();
    match rest {
        // Endings.
        [b't' | b's', b'i', b'o', b'n', ..] if inside => (4, "ʃən"),
        [b'c' | b't', b'i', b'a', b'l', ..] if inside => (4, "ʃəl"),
        [b'c' | b't', b'i', b'o', b'u', b's'] if inside => (5, "ʃəs"),
        [b't', b'u', b'r', b'e'] if inside => (4, "ʧəɹ"),
        [b'i', b's', b'm'] if inside => (3, "ɪzəm"),
        [b'l', b'e'] if before.last().is_some_and(|l| !is_vowel(*l)) => (2, "əl"),
        [b'o', b'u', b's'] if inside => (3, "əs"),
        [b'e', b'd'] if matches!(before.last(), Some(b't' | b'd')) => (2, "ɪd"),
        [b'e', b'd'] if has_vowel(before) && voiceless(before) => (2, "t"),
        [b'e', b'd'] if has_vowel(before) => (2, "d"),
        [b'e', b's'] if matches!(before.last(), Some(b's' | b'z' | b'x' | b'h')) => (2, "ɪz"),
        [b'e', b'r', b's'] if has_vowel(before) => (3, "əɹz"),
        [b'e' | b'o', b'r'] if has_vowel(before) => (2, "əɹ"),
        [b'i', b'n', b'g'] if has_vowel(before) => (3, "ɪŋ"),
        [b'i', b'e', b's'] if inside => (3, "iz"),
        [b'e', b'y'] if inside => (2, "i"),
        // Several letters, one sound.
        [b's', b'c', b'h', ..] | [b's', b'h', ..] => (if rest[1] == b'c' { 3 } else { 2 }, "ʃ"),
        [b't', b'c', b'h', ..] => (3, "ʧ"),
        [b'c', b'h', b'r', ..] => (2, "k"),
        [b'c', b'h', ..] => (2, "ʧ"),
        [b't', b'h', ..] => (2, "θ"),
        [b'p', b'h', ..] => (2, "f"),
        [b'w', b'h', ..] => (2, "w"),
        [b'k', b'n', ..] if !inside => (2, "n"),
        [b'w', b'r', ..] if !inside => (2, "ɹ"),
        [b'p', b's', ..] if !inside => (2, "s"),
        [b'g', b'h', b't', ..] if inside => (3, "t"),
        [b'g', b'h', ..] if inside => (2, ""),
        [b'g', b'h', ..] => (2, "ɡ"),
        [b'c', b'k', ..] => (2, "k"),
        [b'd', b'g', b'e', ..] => (3, "ʤ"),
        [b'q', b'u', ..] => (2, "kw"),
        [b'n', b'g'] => (2, "ŋ"),
        [b'n', b'k' | b'q' | b'x', ..] => (1, "ŋ"),
        [b'm', b'b'] => (2, "m"),
        [b's', b'c', b'e' | b'i' | b'y', ..] => (2, "s"),
        // Vowels before r.
        [b'a', b'r', b'e'] => (3, "ɛɹ"),
        [b'e', b'e' | b'a', b'r', ..] => (3, "ɪɹ"),
        [b'a', b'i', b'r', ..] => (3, "ɛɹ"),
        [b'o', b'o' | b'u', b'r', ..] => (3, "ʊɹ"),
        [b'a', b'r', b'r', ..] => (3, "ɛɹ"),
        [b'a', b'r', ..] => (2, "ɑɹ"),
        [b'o', b'r', ..] => (2, "ɔɹ"),
        [b'e' | b'i' | b'u', b'r', next, ..] if !is_vowel(*next) => (2, "ɜɹ"),
        [b'e' | b'i' | b'u', b'r'] => (2, "ɜɹ"),
        // Two vowels.
        [b'e', b'i', b'g', b'h', ..] => (4, "A"),
        [b'i', b'g', b'h', ..] => (3, "I"),
        [b'e', b'a' | b'e', ..] => (2, "i"),
        [b'a', b'i' | b'y', ..] | [b'e', b'i', ..] => (2, "A"),
        [b'i', b'e', ..] if rest.len() > 2 => (2, "i"),
        [b'i', b'e'] => (2, "i"),
        [b'o', b'a', ..] => (2, "O"),
        [b'o', b'o', ..] => (2, "u"),
        [b'o', b'u', ..] => (2, "W"),
        [b'o', b'w'] => (2, "O"),
        [b'o', b'w', ..] => (2, "W"),
        [b'o', b'i' | b'y', ..] => (2, "Y"),
        [b'a', b'u' | b'w', ..] => (2, "ɔ"),
        [b'e', b'w' | b'u', ..] => (2, "u"),
        [b'u', b'e'] => (2, "u"),
        // A last e is silent, and opens the vowel before it.
        [b'e'] if has_vowel(before) => (1, ""),
        [b'e', b's'] if has_vowel(before) => (2, if voiceless(before) { "s" } else { "z" }),
        [b'a', c, b'e'] | [b'a', c, b'e', b's'] if !is_vowel(*c) => (1, "A"),
        [b'e', c, b'e'] | [b'e', c, b'e', b's'] if !is_vowel(*c) => (1, "i"),
        [b'i' | b'y', c, b'e'] | [b'i' | b'y', c, b'e', b's'] if !is_vowel(*c) => (1, "I"),
        [b'o', c, b'e'] | [b'o', c, b'e', b's'] if !is_vowel(*c) => (1, "O"),
        [b'u', c, b'e'] | [b'u', c, b'e', b's'] if !is_vowel(*c) => (1, "u"),
        // Single vowels: open at the end and before one consonant and a vowel, else short.
        [b'a'] => (1, if has_vowel(before) { "ə" } else { "ɑ" }),
        [b'e' | b'i'] => (1, "i"),
        [b'o'] => (1, "O"),
        [b'u'] => (1, "u"),
        [b'y'] => (1, if has_vowel(before) { "i" } else { "I" }),
        [b'y', ..] if !inside => (1, "j"),
        [b'y', next, ..] if is_vowel(*next) => (1, "j"),
        [b'i', b'a' | b'o' | b'u', ..] => (1, "i"),
        [b'o', c, v, ..] if !is_vowel(*c) && is_vowel(*v) => (1, "O"),
        [b'u', c, v, ..] if !is_vowel(*c) && is_vowel(*v) => (1, "u"),
        [b'a', ..] => (1, "1"),
        [b'e', ..] => (1, "2"),
        [b'i' | b'y', ..] => (1, "3"),
        [b'o', ..] => (1, "4"),
        [b'u', ..] => (1, "5"),
        // A doubled consonant sounds once.
        [a, b, ..] if a == b => (1, ""),
        [b'c', b'e' | b'i' | b'y', ..] => (1, "s"),
        [b'c' | b'k' | b'q', ..] => (1, "k"),
        [b'g', b'e' | b'i' | b'y', ..] => (1, "ʤ"),
        [b'g', ..] => (1, "ɡ"),
        [b'j', ..] => (1, "ʤ"),
        [b'r', ..] => (1, "ɹ"),
        [b's'] if inside && !voiceless(before) && !before.ends_with(b"s") => (1, "z"),
        [b's' | b'z', ..] => (1, if rest[0] == b's' { "s" } else { "z" }),
        [b'x', ..] if !inside => (1, "z"),
        [b'x', ..] => (1, "ks"),
        [b'h'] => (1, ""),
        [b'h', ..] => (1, "h"),
        [b'b', ..] => (1, "b"),
        [b'd', ..] => (1, "d"),
        [b'f', ..] => (1, "f"),
        [b'l', ..] => (1, "l"),
        [b'm', ..] => (1, "m"),
        [b'n', ..] => (1, "n"),
        [b'p', ..] => (1, "p"),
        [b't', ..] => (1, "t"),
        [b'v', ..] => (1, "v"),
        [b'w', ..] => (1, if rest.len() == 1 { "" } else { "w" }),
        _ => (1, ""),
    }
}

fn has_vowel(letters: &[u8]) -> bool {
    letters.iter().any(|l| is_vowel(*l) || *l == b'y')
}

/// Whether letters end in a sound made without the voice.
fn voiceless(letters: &[u8]) -> bool {
    matches!(letters.last(), Some(b'p' | b't' | b'k' | b'f' | b'c' | b's' | b'x' | b'h'))
}

/// Puts the main stress before a vowel, and weakens single-letter vowels elsewhere.
fn stressed(symbols: &str, letters: &[u8]) -> String {
    let syllables = symbols.chars().filter(|c| VOWELS.contains(*c)).count();
    // English stresses the syllable before endings such as -tion and -ic, and leans to the front of short words.
    let before_ending =
        [b"tion".as_slice(), b"sion", b"cial", b"tial", b"ic", b"ics"].iter().any(|e| letters.ends_with(e));
    let main = match syllables {
        0..=2 => 0,
        n if before_ending || letters.last().is_some_and(|l| matches!(l, b'a' | b'i' | b'o')) => n - 2,
        n => n - 3,
    };
    let mut out = String::with_capacity(symbols.len() + 2);
    let mut syllable = 0;
    for symbol in symbols.chars() {
        if !VOWELS.contains(symbol) {
            out.push(symbol);
            continue;
        }
        if syllable == main {
            out.push('ˈ');
        }
        let vowels = if syllable == main { FULL } else { WEAK };
        out.push(vowels.iter().find(|(from, _)| *from == symbol).map_or(symbol, |(_, to)| *to));
        syllable += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_no_dictionary_sound_as_they_are_spelled() {
        for (word, said) in [
            ("flurbish", "flˈɜɹbɪʃ"),
            ("zorp", "zˈɔɹp"),
            ("blicket", "blˈɪkət"),
            ("plake", "plˈAk"),
            ("Miko", "mˈɪkO"),
            ("Zalando", "zəlˈændO"),
            ("grintation", "ɡɹɪntˈæʃən"),
            ("wugs", "wˈʌɡz"),
            ("snorked", "snˈɔɹkt"),
            ("queeb", "kwˈib"),
        ] {
            assert_eq!(sounds(word).as_deref(), Some(said), "{word}");
        }
    }

    #[test]
    fn what_has_no_vowel_or_is_no_word_is_left_to_be_spelled() {
        for word in ["xkcd", "b2b", "x", "日本"] {
            assert_eq!(sounds(word), None, "{word}");
        }
    }

    #[test]
    fn every_word_of_letters_gets_sounds_and_one_stress() {
        for word in ["aeiou", "yyy", "queue", "oooh", "eeee", "schtroumpf", "Llanfairpwll", "ea", "ed", "ing"] {
            let said = sounds(word).unwrap();
            assert_eq!(said.matches('ˈ').count(), 1, "{word}: {said}");
        }
    }
}
