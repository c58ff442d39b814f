//! A text cut into passages: by its headings, then its paragraphs, then its sentences.

use std::ops::Range;

use super::words::{attaches, is_unspaced};
use crate::store::DocumentFormat;

/// The most characters of a passage.
const LONGEST: usize = 700;
/// A passage of so many characters ends with its paragraph.
const LONG_ENOUGH: usize = 300;
/// The longest sentence that a passage repeats of the one before, where it was cut within a paragraph.
const OVERLAP: usize = 160;
/// How a heading is written below another.
const BELOW: &str = " › ";

/// A part of a text that is found and told as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// Which heading it stands under; 0: none.
    pub(super) heading: usize,
    /// Where in the text it is, in bytes.
    pub(super) place: Range<usize>,
}

/// The passages of a text, and its headings, each with those above it. The first heading is none.
pub(super) fn passages(text: &str, format: DocumentFormat) -> (Vec<String>, Vec<Passage>) {
    let (mut headings, mut passages) = (vec![String::new()], Vec::new());
    for (heading, section) in sections(text, format, &mut headings) {
        cut(text, section, |place| passages.push(Passage { heading, place }));
    }
    (headings, passages)
}

/// The parts of a text under one heading each.
fn sections(text: &str, format: DocumentFormat, headings: &mut Vec<String>) -> Vec<(usize, Range<usize>)> {
    if format == DocumentFormat::Text {
        return vec![(0, 0..text.len())];
    }
    let (mut sections, mut start, mut current) = (Vec::new(), 0, 0);
    let mut above: Vec<(usize, &str)> = Vec::new();
    let (mut at, mut is_code) = (0, false);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            is_code = !is_code;
        }
        if let Some((level, words)) = heading(line).filter(|_| !is_code) {
            sections.push((current, start..at));
            above.retain(|(other, _)| *other < level);
            above.push((level, words));
            current = headings.len();
            headings.push(above.iter().map(|(_, words)| *words).collect::<Vec<_>>().join(BELOW));
            start = at + line.len();
        }
        at += line.len();
    }
    sections.push((current, start..text.len()));
    sections
}

/// The level and the words of a line that is a heading in Markdown.
fn heading(line: &str) -> Option<(usize, &str)> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    let is_heading = (1..=6).contains(&level) && words.starts_with([' ', '\t']);
    let words = words.trim().trim_end_matches('#').trim();
    (is_heading && !words.is_empty()).then_some((level, words))
}

/// A piece of a section that is not cut further.
struct Piece {
    place: Range<usize>,
    characters: usize,
    /// A paragraph ends with it.
    is_last: bool,
}

/// Puts the pieces of a section together to passages.
fn cut(text: &str, section: Range<usize>, mut passage: impl FnMut(Range<usize>)) {
    let mut emit = |place: Range<usize>| {
        let place = trimmed(text, place);
        if text[place.clone()].chars().any(char::is_alphanumeric) {
            passage(place);
        }
    };
    let (mut current, mut characters): (Range<usize>, usize) = (section.start..section.start, 0);
    let mut before: Option<Piece> = None;
    for piece in pieces(text, section) {
        if characters + piece.characters > LONGEST && characters > 0 {
            emit(current.clone());
            let repeated = before.as_ref().filter(|before| {
                let fits = before.characters <= OVERLAP && before.characters + piece.characters <= LONGEST;
                fits && !before.is_last && before.place.start > current.start
            });
            let start = repeated.map_or(piece.place.start, |before| before.place.start);
            (current, characters) = (start..start, repeated.map_or(0, |before| before.characters));
        }
        if characters == 0 {
            current.start = piece.place.start;
        }
        current.end = piece.place.end;
        characters += piece.characters;
        if piece.is_last && characters >= LONG_ENOUGH {
            emit(current.clone());
            characters = 0;
        }
        before = Some(piece);
    }
    if characters > 0 {
        emit(current);
    }
}

fn trimmed(text: &str, place: Range<usize>) -> Range<usize> {
    let part = &text[place.clone()];
    let start = place.start + (part.len() - part.trim_start().len());
    start..(start + part.trim().len())
}

/// The paragraphs of a section; of long ones the sentences and lines; of long ones of these, parts.
fn pieces(text: &str, section: Range<usize>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (section.start, section.start);
    for line in text[section.clone()].split_inclusive('\n') {
        at += line.len();
        if line.trim().is_empty() {
            paragraph(text, start..at, &mut pieces);
            start = at;
        }
    }
    paragraph(text, start..section.end, &mut pieces);
    pieces
}

fn paragraph(text: &str, place: Range<usize>, pieces: &mut Vec<Piece>) {
    let characters = text[place.clone()].chars().count();
    if text[place.clone()].trim().is_empty() {
        return;
    }
    if characters <= LONGEST {
        pieces.push(Piece { place, characters, is_last: true });
        return;
    }
    let mut start = place.start;
    for end in sentence_ends(&text[place.clone()]).map(|end| place.start + end).chain([place.end]) {
        parts(text, start..end, pieces);
        start = end;
    }
    if let Some(last) = pieces.last_mut() {
        last.is_last = true;
    }
}

/// Where sentences and lines end.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> {
    let mut ended = false;
    text.char_indices().filter_map(move |(at, c)| {
        let is_end = match c {
            // Scripts without spaces have none behind the sign.
            '。' | '！' | '？' | '\n' => true,
            '.' | '!' | '?' | '…' | '।' | '॥' | '؟' | '۔' | '።' => {
                ended = true;
                false
            }
            '"' | '\'' | ')' | ']' | '»' | '”' | '’' | '」' => false,
            c => {
                let is_end = ended && c.is_whitespace();
                ended = false;
                is_end
            }
        };
        is_end.then_some(at + c.len_utf8())
    })
}

/// A sentence, or parts of one that is too long: cut at a space, at another end of a word, or where no character is torn apart.
fn parts(text: &str, place: Range<usize>, pieces: &mut Vec<Piece>) {
    let (mut start, mut count, mut space, mut word, mut before) = (place.start, 0, None, None, ' ');
    for (at, c) in text[place.clone()].char_indices().map(|(at, c)| (place.start + at, c)) {
        let is_whole = !attaches(c) && ![before, c].contains(&'\u{200D}');
        // Not far back: an end soon after the beginning would leave a part of a few words.
        if is_whole && count > LONGEST / 2 {
            if before.is_whitespace() {
                space = Some(at);
            } else if is_unspaced(c) || !c.is_alphanumeric() {
                word = Some(at);
            }
        }
        if is_whole && count >= LONGEST {
            let end = space.or(word).unwrap_or(at);
            let characters = text[start..end].chars().count();
            pieces.push(Piece { place: start..end, characters, is_last: false });
            (start, count, space, word) = (end, text[end..at].chars().count(), None, None);
        }
        (count, before) = (count + 1, c);
    }
    if start < place.end {
        pieces.push(Piece { place: start..place.end, characters: count, is_last: false });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut_up(text: &str, format: DocumentFormat) -> Vec<(String, &str)> {
        let (headings, passages) = passages(text, format);
        passages.into_iter().map(|p| (headings[p.heading].clone(), &text[p.place])).collect()
    }

    #[test]
    fn a_passage_never_crosses_a_heading() {
        let text = "Before.\n# Bread\nWe bake.\n\n## Rye ##\nDark.\n```\n# no heading\n```\n# Cakes\n#hashtag\n";
        let expected = [
            (String::new(), "Before."),
            ("Bread".into(), "We bake."),
            ("Bread › Rye".into(), "Dark.\n```\n# no heading\n```"),
            ("Cakes".into(), "#hashtag"),
        ];
        assert_eq!(cut_up(text, DocumentFormat::Markdown), expected);
        assert_eq!(cut_up(text, DocumentFormat::Text).len(), 1, "plain text has no headings");
    }

    #[test]
    fn paragraphs_stay_whole_and_short_ones_stay_together() {
        let paragraph = format!("{}.", "word ".repeat(70).trim());
        let text = format!("Short.\n\nAlso short.\n\n{paragraph}\n\n{paragraph}");
        let found = cut_up(&text, DocumentFormat::Text);
        let whole = format!("Short.\n\nAlso short.\n\n{paragraph}");
        assert_eq!(found.iter().map(|(_, text)| *text).collect::<Vec<_>>(), [whole.as_str(), &paragraph]);
    }

    #[test]
    fn a_long_paragraph_is_cut_between_sentences_and_repeats_the_last() {
        let sentences: Vec<String> =
            (0..30).map(|n| format!("Sentence number {n} tells something new about bread.")).collect();
        let text = sentences.join(" ");
        let found = cut_up(&text, DocumentFormat::Text);
        assert!(found.len() > 2);
        for (_, passage) in &found {
            assert!(passage.chars().count() <= LONGEST, "{}", passage.chars().count());
            assert!(passage.starts_with("Sentence") && passage.ends_with('.'), "{passage}");
        }
        for pair in found.windows(2) {
            let last = pair[0].1.rsplit_once("Sentence").unwrap().1;
            assert!(pair[1].1.starts_with(&format!("Sentence{last}")), "the next begins with the last sentence");
        }
        let together = found.iter().map(|(_, passage)| *passage).collect::<Vec<_>>().join(" ");
        assert!(sentences.iter().all(|sentence| together.contains(sentence.as_str())));
    }

    #[test]
    fn chinese_and_hindi_are_cut_between_sentences() {
        let chinese = "我们的面包每天早上新鲜出炉。".repeat(100);
        let hindi = "हम रोज़ सुबह ताज़ी रोटी बनाते हैं। ".repeat(60);
        for (text, end) in [(chinese, '。'), (hindi, '।')] {
            let found = cut_up(&text, DocumentFormat::Text);
            assert!(found.len() > 1);
            assert!(found.iter().all(|(_, passage)| passage.ends_with(end) && passage.chars().count() <= LONGEST));
        }
    }

    #[test]
    fn what_has_no_end_is_cut_where_no_character_is_torn_apart() {
        let text = "क्षि".repeat(1_000);
        let found = cut_up(&text, DocumentFormat::Text);
        assert_eq!(found.iter().map(|(_, passage)| *passage).collect::<String>(), text);
        assert!(found.iter().all(|(_, passage)| !passage.starts_with(attaches)));
    }

    proptest! {
        #[test]
        fn every_word_of_any_text_is_in_a_passage(
            parts in prop::collection::vec("[a-z]{1,12}|[.!?\n #]|\n\n|\n# |[ऀ-ॿ]{1,5}|[一-三]{1,300}|\\PC", 0..150),
        ) {
            let text = parts.concat();
            for format in [DocumentFormat::Text, DocumentFormat::Markdown] {
                let (headings, passages) = passages(&text, format);
                let mut covered = headings.join("\n");
                for passage in &passages {
                    let part = &text[passage.place.clone()];
                    prop_assert!(part.chars().count() <= LONGEST + 50, "{}", part.chars().count());
                    covered.push('\n');
                    covered.push_str(part);
                }
                let known: std::collections::HashSet<&str> = covered.split(|c: char| !c.is_ascii_lowercase()).collect();
                for word in text.split(|c: char| !c.is_ascii_lowercase()) {
                    prop_assert!(known.contains(word), "{word:?} is lost");
                }
            }
        }
    }
}
