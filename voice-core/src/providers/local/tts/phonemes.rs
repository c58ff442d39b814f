//! Text to the sounds of English: the dictionary and rules of misaki, for words that it does not know those of piper-plus-g2p,
//! and for words in neither what their letters say.

use std::{path::Path, sync::Arc};

use misaki_rs::{Fallback, G2P, Language, fallback::FallbackError};
use piper_plus_g2p::{Phonemizer as _, english::EnglishPhonemizer};

use super::{super::runtime::LoadOnce, letters};
use crate::error::{Error, Result};

static AMERICAN: LoadOnce<Phonemizer> = LoadOnce::new();
static BRITISH: LoadOnce<Phonemizer> = LoadOnce::new();

/// Turns English text into misaki's phonemes, the alphabet of Kokoro.
pub(super) struct Phonemizer(G2P);

impl Phonemizer {
    /// The one of this process for American or British English.
    ///
    /// # Errors
    /// `Internal` when a bundled dictionary cannot be read.
    pub(super) fn shared(british: bool) -> Result<Arc<Self>> {
        let (cache, language) =
            if british { (&BRITISH, Language::EnglishGB) } else { (&AMERICAN, Language::EnglishUS) };
        cache.get_or_load(Path::new(""), || {
            let rules = EnglishPhonemizer::new_bundled()
                .map_err(|e| Error::internal(format!("the bundled pronunciation dictionary cannot be read: {e}")))?;
            Ok(Self(G2P::with_fallback(language, Some(Box::new(UnknownWords(rules))))))
        })
    }

    /// The phonemes of a piece of text.
    ///
    /// # Errors
    /// `Internal` on a defect.
    pub(super) fn phonemes(&self, text: &str) -> Result<String> {
        self.0.g2p(text).map(|(phonemes, _)| phonemes).map_err(|_| Error::internal("a text could not be pronounced"))
    }
}

/// Says words that misaki does not know.
struct UnknownWords(EnglishPhonemizer);

impl Fallback for UnknownWords {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        let word = word.replace(['\'', '’'], "");
        Ok(word.split('-').map(|part| self.say(part)).collect())
    }
}

impl UnknownWords {
    fn say(&self, word: &str) -> String {
        let ipa = self.0.phonemize_with_prosody(word).map(|(phonemes, _)| phonemes.concat()).unwrap_or_default();
        let acronym = word.chars().all(char::is_uppercase);
        if !acronym
            && (ipa.is_empty() || is_spelled(&ipa, word))
            && let Some(sounds) = letters::sounds(word)
        {
            return sounds;
        }
        from_ipa(&ipa)
    }
}

/// Whether a word was spelled letter by letter: then each has a main stress of its own.
fn is_spelled(ipa: &str, word: &str) -> bool {
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    letters > 1 && ipa.matches('ˈ').count() == letters
}

/// International phonetic symbols as misaki writes them: one letter for each diphthong and affricate, no length marks.
const FROM_IPA: [(&str, &str); 12] = [
    ("eɪ", "A"),
    ("aɪ", "I"),
    ("oʊ", "O"),
    ("aʊ", "W"),
    ("ɔɪ", "Y"),
    ("dʒ", "ʤ"),
    ("tʃ", "ʧ"),
    ("ɚ", "əɹ"),
    ("ɝ", "ɜɹ"),
    ("ː", ""),
    ("r", "ɹ"),
    ("g", "ɡ"),
];

fn from_ipa(ipa: &str) -> String {
    // "ɜː" is always the vowel of "bird", which American speech colours.
    let ipa = ipa.replace("ɜːɹ", "ɜɹ").replace("ɜː", "ɜɹ");
    FROM_IPA.iter().fold(ipa, |text, (from, to)| text.replace(from, to))
}

/// misaki's phonemes as the phonetic symbols of eSpeak, which Piper's English voices were trained on.
pub(super) fn to_espeak(phonemes: &str) -> String {
    let symbols: Vec<char> = phonemes.chars().collect();
    let mut out = String::with_capacity(phonemes.len() * 2);
    let mut i = 0;
    while let Some(symbol) = symbols.get(i) {
        let before_r = symbols.get(i + 1) == Some(&'ɹ');
        let stressed = i > 0 && matches!(symbols[i - 1], 'ˈ' | 'ˌ');
        match symbol {
            'A' => out.push_str("eɪ"),
            'I' => out.push_str("aɪ"),
            'O' => out.push_str("oʊ"),
            'Q' => out.push_str("əʊ"),
            'W' => out.push_str("aʊ"),
            'Y' => out.push_str("ɔɪ"),
            'ʤ' => out.push_str("dʒ"),
            'ʧ' => out.push_str("tʃ"),
            'T' => out.push('ɾ'),
            'ᵊ' => out.push('ə'),
            'ə' if before_r => {
                out.push('ɚ');
                i += 1;
            }
            'ɜ' if before_r => {
                out.push_str("ɜː");
                i += 1;
            }
            'i' if stressed => out.push_str("iː"),
            'u' => out.push_str("uː"),
            'ɑ' => out.push_str("ɑː"),
            'ɔ' => out.push_str("ɔː"),
            'ː' if out.ends_with('ː') => {}
            other => out.push(*other),
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_come_from_the_dictionary() {
        let phonemes = Phonemizer::shared(false).unwrap().phonemes("The timer is set.").unwrap();
        assert_eq!(phonemes, "ðə tˈIməɹ ɪz sˈɛt.");
    }

    #[test]
    fn a_word_in_no_dictionary_is_said_as_it_is_written_not_spelled() {
        let phonemes = Phonemizer::shared(false).unwrap().phonemes("The flurbish blickets.").unwrap();
        assert_eq!(phonemes, "ðə flˈɜɹbɪʃ blˈɪkəts.");
    }

    #[test]
    fn names_come_from_the_second_dictionary_in_the_same_alphabet() {
        let phonemes = Phonemizer::shared(false).unwrap().phonemes("Quattlebaum").unwrap();
        assert!(phonemes.starts_with('k') && phonemes.matches('ˈ').count() == 1, "{phonemes}");
        assert!(!phonemes.contains("aʊ") && !phonemes.contains('ː'), "{phonemes}");
    }

    #[test]
    fn an_acronym_is_spelled() {
        let phonemes = Phonemizer::shared(false).unwrap().phonemes("XKQZ").unwrap();
        assert_eq!(phonemes.replace(['ˈ', 'ˌ'], ""), "ɛkskAkjuzi");
    }

    #[test]
    fn phonetic_symbols_and_misakis_letters_map_both_ways() {
        assert_eq!(from_ipa("tʃˈeɪndʒ"), "ʧˈAnʤ");
        assert_eq!(from_ipa("bˈɜːd"), "bˈɜɹd");
        assert_eq!(to_espeak("ʧˈAnʤ"), "tʃˈeɪndʒ");
        assert_eq!(to_espeak("bˈɜɹd wˈɔTəɹ sˈi hˈæpi"), "bˈɜːd wˈɔːɾɚ sˈiː hˈæpi");
    }
}
