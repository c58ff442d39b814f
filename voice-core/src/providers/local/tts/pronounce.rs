//! Text to the sounds of English, in misaki's alphabet, which Kokoro reads.
//!
//! ```text
//! text ──numbers──► words and marks ──parts of speech──► dictionary, last word first ──compounds──► sounds
//! ```

use std::{path::Path, sync::Arc};

use misaki_rs::lexicon::TokenContext;

use super::{dictionary::Dictionary, numbers, speech_part};
use crate::error::Result;

/// Marks that are heard as a pause or a tone.
const MARKS: &str = ";:,.!?—…\"()“”";
/// Marks behind which a sentence goes on as if they were not there.
const QUOTES: &str = "\"“”";
const VOWELS: &str = "AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ";

/// Turns English text into sounds.
pub(super) struct Phonemizer(Arc<Dictionary>);

/// A piece of text that is looked up or kept as it is.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word, with the parts of a compound joined by hyphens.
    Word(String),
    /// A sign that is read as a word.
    Sign(char),
    Mark(char),
    Space,
}

impl Phonemizer {
    /// American or British English for the voice in a folder or file.
    ///
    /// # Errors
    /// `ModelMissing` when there is no dictionary.
    pub(super) fn beside(voice: &Path, british: bool) -> Result<Self> {
        Dictionary::beside(voice, british).map(Self)
    }

    /// The sounds of a piece of text.
    pub(super) fn phonemes(&self, text: &str) -> String {
        let tokens = self.tokens(&numbers::in_words(&text.replace(['‘', '’'], "'")));
        let words: Vec<Option<&str>> = tokens
            .iter()
            .filter(|token| **token != Token::Space)
            .map(|token| if let Token::Word(word) = token { Some(word.as_str()) } else { None })
            .collect();
        let mut sounds = Vec::with_capacity(tokens.len());
        let mut after = TokenContext::default();
        // From the last to the first, since "the" and "to" hang on the sound that follows.
        let mut at = words.len();
        for token in tokens.iter().rev() {
            if *token != Token::Space {
                at -= 1;
            }
            let sound = match token {
                Token::Space => " ".to_owned(),
                Token::Mark(mark) => mark.to_string(),
                Token::Sign(sign) => self.0.known(sign.encode_utf8(&mut [0; 4]), "NN", &after).unwrap_or_default(),
                Token::Word(word) => self.word(word, speech_part::tag(&words, at), &after),
            };
            after = before(&sound, token, after);
            sounds.push(sound);
        }
        sounds.reverse();
        // The flapped and the stopped t have letters of their own in the voice's alphabet.
        sounds.concat().replace('ɾ', "T").replace('ʔ', "t")
    }

    fn word(&self, word: &str, tag: &str, after: &TokenContext) -> String {
        if let Some(sounds) = self.0.known(word, tag, after) {
            return sounds;
        }
        let parts: Vec<&str> = parts(word).collect();
        match parts[..] {
            [] => String::new(),
            [only] if only == word => self.0.unknown(word),
            _ => {
                let known = |part: &&str| self.0.known(part, tag, after).unwrap_or_else(|| self.0.unknown(part));
                self.compound(parts.iter().map(known).collect(), &parts)
            }
        }
    }

    /// Joins the parts of a compound: of more than half with a main stress, the lighter half loses it.
    fn compound(&self, mut sounds: Vec<String>, parts: &[&str]) -> String {
        let weight = |sounds: &str| sounds.chars().map(|c| if "AIOQWYʤʧ".contains(c) { 2 } else { 1 }).sum::<usize>();
        let stressed = sounds.iter().filter(|sounds| sounds.contains('ˈ')).count();
        if let [first, _] = parts
            && first.chars().count() == 1
        {
            sounds[1] = self.0.lessened(&sounds[1]);
        } else if sounds.len() > 1 && stressed > sounds.len().div_ceil(2) {
            let mut lightest: Vec<usize> = (0..sounds.len()).collect();
            lightest.sort_by_key(|&i| (sounds[i].contains('ˈ'), weight(&sounds[i]), i));
            for i in lightest.into_iter().take(sounds.len() / 2) {
                sounds[i] = self.0.lessened(&sounds[i]);
            }
        }
        sounds.concat()
    }

    fn tokens(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphabetic() || first == '\'' { self.word_length(rest) } else { 0 };
            if length > 0 {
                // A quotation mark is no part of a word; the apostrophe before "em" is.
                let word = rest[..length].trim_end_matches('-');
                let word = if self.0.has(word) { word } else { word.trim_matches('\'') };
                if !word.is_empty() {
                    tokens.push(Token::Word(word.to_owned()));
                }
                rest = &rest[length..];
                continue;
            }
            rest = &rest[first.len_utf8()..];
            match first {
                '–' | '—' => tokens.push(Token::Mark('—')),
                '-' if rest.starts_with([' ', '-']) => tokens.push(Token::Mark('—')),
                '%' | '&' | '+' | '@' => tokens.extend([Token::Space, Token::Sign(first), Token::Space]),
                mark if MARKS.contains(mark) => tokens.push(Token::Mark(mark)),
                '[' | '{' => tokens.push(Token::Mark('(')),
                ']' | '}' => tokens.push(Token::Mark(')')),
                _ => tokens.push(Token::Space),
            }
        }
        tokens.dedup_by(|a, b| *a == Token::Space && *b == Token::Space);
        tokens
    }

    /// How far the word at the head of a text goes: letters, apostrophes and hyphens between them, and the full stops of
    /// abbreviations.
    fn word_length(&self, text: &str) -> usize {
        let inside = |c: char| c.is_alphabetic() || c == '\'' || c == '-' || is_accent(c);
        let plain = text.find(|c| !inside(c)).unwrap_or(text.len());
        // "U.S.", "p.m.": single letters, each with a full stop.
        let dotted = text.split_inclusive('.').take_while(|part| part.len() == 2 && part.ends_with('.')).count() * 2;
        if dotted >= 4 {
            return dotted;
        }
        if text[plain..].starts_with('.') && self.0.has(&text[..=plain]) && !text[plain + 1..].trim().is_empty() {
            return plain + 1;
        }
        // "--" is a dash wherever it stands.
        text[..plain].find("--").unwrap_or(plain)
    }
}

fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// The parts of a compound: between hyphens, and where small letters turn to capitals.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split('-').filter(|part| !part.is_empty()).flat_map(|part| {
        let mut cuts = vec![0];
        let letters: Vec<(usize, char)> = part.char_indices().collect();
        for (i, pair) in letters.windows(2).enumerate() {
            let next_small = letters.get(i + 2).is_some_and(|(_, c)| c.is_lowercase());
            if pair[1].1.is_uppercase() && (pair[0].1.is_lowercase() || pair[0].1.is_uppercase() && next_small) {
                cuts.push(pair[1].0);
            }
        }
        cuts.push(part.len());
        cuts.windows(2).map(|cut| &part[cut[0]..cut[1]]).collect::<Vec<_>>()
    })
}

/// What the token before this one has to know of what follows it.
fn before(sounds: &str, token: &Token, after: TokenContext) -> TokenContext {
    let future_to = matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("to"));
    let first = sounds.chars().find(|c| !matches!(c, 'ˈ' | 'ˌ' | ' '));
    let future_vowel = match (token, first) {
        (Token::Space, _) | (_, None) => return after,
        (Token::Mark(mark), _) if QUOTES.contains(*mark) => return after,
        (Token::Mark(_), _) => None,
        (_, Some(sound)) => Some(VOWELS.contains(sound)),
    };
    TokenContext { future_vowel, future_to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn american() -> Phonemizer {
        let models = crate::providers::local::models::ModelDir::locate().unwrap();
        Phonemizer::beside(&models.path().join("kokoro-82m"), false).unwrap()
    }

    #[test]
    fn text_is_said_as_people_say_it() {
        let english = american();
        for (text, sounds) in [
            ("The timer is set.", "ðə tˈIməɹ ɪz sˈɛt."),
            ("The flurbish blickets.", "ðə flˈɜɹbɪʃ blˈɪkəts."),
            ("the end, the start", "ði ˈɛnd, ðə stˈɑɹt"),
            ("Mr. Smith's dog", "mˈɪstəɹ smˈɪθs dˈɔɡ"),
            ("Quattlebaum", "kwˈɔtəlbWm"),
            ("well-known", "wˌɛlnˈOn"),
        ] {
            assert_eq!(english.phonemes(text), sounds, "{text}");
        }
        assert_eq!(english.phonemes("XKQZ").replace(['ˈ', 'ˌ'], ""), "ɛkskAkjuzi");
    }

    #[test]
    fn how_a_word_is_said_hangs_on_what_it_does() {
        let english = american();
        for (text, said, not) in [
            ("We live here.", "lˈɪv", "lˈIv"),
            ("It was a live show.", "lˈIv", "lˈɪv"),
            ("I want to record it.", "ɹəkˈɔɹd", "ɹˈɛkəɹd"),
            ("It broke the record.", "ɹˈɛkəɹd", "ɹəkˈɔɹd"),
            ("I have read the book.", "ɹˈɛd", "ɹˈid"),
            ("Please read the book.", "ɹˈid", "ɹˈɛd"),
        ] {
            let sounds = english.phonemes(text);
            assert!(sounds.contains(said) && !sounds.contains(not), "{text} {sounds}");
        }
    }

    #[test]
    fn signs_and_strange_text_are_no_trouble() {
        let english = american();
        for text in
            ["", "   ", "...", "日本語", "a--b", "'''", "--", "x'", "🙂", "e\u{301}tude", "-", "U.S.", "AT&T", "50%"]
        {
            english.phonemes(text);
        }
        assert!(english.phonemes("salt & pepper").contains("ænd"));
    }

    /// What people ask and what assistants answer.
    const SENTENCES: &[&str] = &[
        "Sure, I can help you with that. What would you like to know?",
        "The weather in Paris today is sunny, with a high of 24 degrees.",
        "Your order will arrive on Tuesday, the 3rd of December, between 9 and 11 in the morning.",
        "I have set a timer for ten minutes. Anything else?",
        "To reset your password, open the settings, choose security, and press reset.",
        "I'm sorry, I didn't catch that. Could you say it again?",
        "The meeting was moved to Thursday because John's flight was delayed.",
        "She used to live in a small house near the river, but now she lives in Berlin.",
        "We should record the interview and keep a record of what was said.",
        "The wind was strong enough to tear down the old fence.",
        "Please close the window; it is close to freezing outside.",
        "He read the letter twice, and then he read it aloud.",
        "They will present the results at the end of the present year.",
        "It's not my fault that the printer doesn't work.",
        "That is the book that I wanted to read.",
        "There are more than 1,200 people in the U.S. who use this product.",
        "The total comes to $45.99, including tax.",
        "I don't think so, but let me check for you.",
        "How do you do? It's a pleasure to meet you, Mr. Smith.",
        "You can reach us at any time, day or night.",
        "The increase in prices will increase the pressure on families.",
        "Our estimate is that the project will take three to four weeks.",
        "I object to the use of that object as a tool.",
        "The company was founded in 1998 and now has over five hundred employees.",
        "Take two tablets with water after each meal, and don't lie down for an hour.",
        "The quick brown fox jumps over the lazy dog.",
        "A well-known author gave an interesting talk about artificial intelligence.",
        "Would you prefer tea or coffee with your breakfast?",
        "Once upon a time, there was a king who had three daughters.",
        "The nearest station is about half a mile away, just past the church.",
        "Let's separate the eggs and put them into separate bowls.",
        "The doctor wound a bandage around the wound.",
        "I refuse to carry out the refuse before breakfast.",
        "You need to produce some evidence before you buy more produce.",
        "He was content with the content of the message.",
        "An hour ago the bus to the airport left without us.",
        "Honestly, the easiest way is to call the office directly.",
        "Photosynthesis is the process by which plants turn light into energy.",
        "My favorite movies are The Godfather, Casablanca, and Toy Story.",
        "In the beginning, nobody believed that the machine would ever fly.",
        "Every student must permit us to see the permit.",
        "If you're looking for something to do, the museum is open until six.",
        "The capital of Australia is Canberra, not Sydney.",
        "Yes, absolutely. I'll send you the details by email.",
        "Wait a minute, I need to find my glasses first.",
        "What time does the next train to Manchester leave?",
        "Thank you for calling. Have a wonderful evening!",
        "The engineers tested the new bridge under heavy traffic.",
        "Stay with the group, and watch your step on the stairs.",
        "Ever tried, ever failed, no matter. Try again, fail again, fail better.",
    ];

    #[test]
    fn nearly_every_word_is_said_as_the_reference_implementation_says_it() {
        let (ours, reference) = (american(), misaki_rs::G2P::new(misaki_rs::Language::EnglishUS));
        let (mut all, mut same) = (0, 0);
        for sentence in SENTENCES {
            let (said, expected) = (ours.phonemes(sentence), reference.g2p(sentence).unwrap().0);
            let (said, expected): (Vec<&str>, Vec<&str>) = (said.split(' ').collect(), expected.split(' ').collect());
            all += expected.len();
            same += expected.iter().filter(|word| said.contains(word)).count();
        }
        assert!(same * 100 >= all * 98, "{same} of {all} words");
    }
}
