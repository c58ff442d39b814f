//! Cutting an answer into pieces to speak while it is still being written.
//!
//! A piece is released the moment its end is certain, without waiting for the next token: waiting would cost 20–40 ms of
//! silence. Where the end is not certain (`3.` may become `3.5`, `Dr.` is no end) the next character decides.

use crate::prose::{Verdict, full_stop};

/// The most characters a piece may have when no boundary comes; it is then cut at a space.
const LONGEST: usize = 400;
/// A piece with fewer letters than this is kept and spoken together with the next.
const SHORTEST: usize = 4;
/// The first piece may end at a clause once it has this many characters.
const SHORTEST_CLAUSE: usize = 14;

/// The first piece is cut before a joining word once it has this many characters and no mark: about two seconds of sound.
const LONGEST_FIRST: usize = 34;

/// Words before which a speaker may breathe, in lower case.
const JOINING: &[&str] = &[
    "and", "are", "as", "at", "because", "but", "by", "for", "from", "if", "in", "into", "is", "of", "on", "or", "so",
    "than", "that", "to", "was", "were", "when", "where", "which", "while", "who", "with",
];

/// Cuts text that arrives in pieces of any size into pieces to speak.
pub(crate) struct Splitter {
    /// Text that has not been released; `scanned` bytes of it hold no boundary.
    buffer: String,
    scanned: usize,
    /// Whether the piece being collected may end at a clause.
    clause_cut: bool,
    longest: usize,
}

impl Splitter {
    /// A splitter whose pieces are never longer than `max_characters`; with `clause_first`, the first one may be a clause.
    pub(crate) fn new(max_characters: usize, clause_first: bool) -> Self {
        let longest = LONGEST.min(max_characters.max(1));
        Self { buffer: String::new(), scanned: 0, clause_cut: clause_first, longest }
    }

    /// Takes the next text and hands out the pieces that are now certain.
    pub(crate) fn push(&mut self, text: &str, mut piece: impl FnMut(&str)) {
        self.buffer.push_str(text);
        while let Some(end) = self.boundary() {
            self.release(end, &mut piece);
        }
    }

    /// Hands out what is left: no more text will come.
    pub(crate) fn finish(&mut self, mut piece: impl FnMut(&str)) {
        // A full stop whose meaning the next character would have decided now ends its sentence.
        let rest = std::mem::take(&mut self.buffer);
        self.scanned = 0;
        emit(&rest, self.longest, &mut piece);
    }

    fn release(&mut self, end: usize, piece: &mut impl FnMut(&str)) {
        emit(&self.buffer[..end], self.longest, piece);
        self.buffer.drain(..end);
        self.scanned = 0;
        self.clause_cut = false;
    }

    /// The byte after the first certain boundary, remembering how far was looked.
    fn boundary(&mut self) -> Option<usize> {
        let mut at = self.scanned;
        while let Some(c) = self.buffer[at..].chars().next() {
            let next = at + c.len_utf8();
            let verdict = match c {
                '\n' => Verdict::End,
                '.' => full_stop(&self.buffer, at),
                '!' | '?' | '…' | '؟' | '。' | '！' | '？' | '｡' | '।' | '॥' | '۔' => {
                    self.after_terminator(next)
                }
                ',' | ';' | ':' | '—' | '،' | '、' | '，' | '；' if self.clause_cut => self.clause(c, next),
                _ => Verdict::Inside,
            };
            match verdict {
                Verdict::End => {
                    let end = self.past_closers(next);
                    if letters(&self.buffer[..end]) >= SHORTEST {
                        return Some(end);
                    }
                }
                Verdict::Inside => {}
                Verdict::Unknown => {
                    self.scanned = at;
                    return self.too_long();
                }
            }
            at = next;
        }
        self.scanned = at;
        self.too_long()
    }

    /// Where to cut a text that has grown too long without a boundary: at the last space, else where the limit falls.
    fn too_long(&mut self) -> Option<usize> {
        if self.clause_cut
            && longer_than(&self.buffer, LONGEST_FIRST).is_some()
            && let Some(at) = self.before_joining_word()
        {
            return Some(at);
        }
        let limit = longer_than(&self.buffer, self.longest)?;
        Some(self.buffer[..limit].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(limit))
    }

    /// The space before the last joining word, if enough stands before it.
    fn before_joining_word(&self) -> Option<usize> {
        let spaces: Vec<usize> = self.buffer.match_indices(' ').map(|(at, _)| at).collect();
        // The last word may not be whole yet.
        let words =
            spaces.iter().zip(spaces.iter().skip(1)).map(|(space, end)| (*space, &self.buffer[space + 1..*end]));
        let breaks = words.filter(|(_, word)| JOINING.contains(&word.to_lowercase().as_str()));
        breaks.map(|(at, _)| at).rfind(|at| self.buffer[..*at].trim_start().chars().count() >= SHORTEST_CLAUSE)
    }

    fn after_terminator(&self, next: usize) -> Verdict {
        match self.buffer[next..].chars().next() {
            // "?!" and "!!" end at their last sign; nothing to wait for when none has come yet.
            Some('!' | '?' | '.' | '…') => Verdict::Inside,
            _ => Verdict::End,
        }
    }

    fn clause(&self, c: char, next: usize) -> Verdict {
        let wide = !c.is_ascii() && c != '—' && c != '،';
        match self.buffer[next..].chars().next() {
            _ if self.buffer[..next].trim_start().chars().count() < SHORTEST_CLAUSE && !wide => Verdict::Inside,
            _ if wide => Verdict::End,
            Some(c) if c.is_whitespace() => Verdict::End,
            Some(_) => Verdict::Inside,
            None => Verdict::Unknown,
        }
    }

    /// Quotes and brackets that close right after a boundary belong to the sentence before it.
    fn past_closers(&self, end: usize) -> usize {
        let closers =
            self.buffer[end..].chars().take_while(|c| matches!(c, '"' | '”' | '’' | '»' | ')' | ']' | '」' | '』'));
        end + closers.map(char::len_utf8).sum::<usize>()
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// Hands out a piece as it should be spoken, cut to the limit, unless nothing in it can be spoken.
fn emit(text: &str, longest: usize, piece: &mut impl FnMut(&str)) {
    let text = speakable(text);
    let mut rest = text.as_str();
    while letters(rest) > 0 {
        let limit = longer_than(rest, longest).unwrap_or(rest.len());
        let end = if limit < rest.len() {
            rest[..limit].rfind(char::is_whitespace).filter(|at| *at > 0).unwrap_or(limit)
        } else {
            limit
        };
        piece(rest[..end].trim());
        rest = rest[end..].trim_start();
    }
}

/// Where the character after so many begins, if there is one.
fn longer_than(text: &str, characters: usize) -> Option<usize> {
    // Most text is short: then nobody counts.
    if text.len() <= characters {
        return None;
    }
    text.char_indices().nth(characters).map(|(at, _)| at)
}

/// The text without what no voice can say: markdown signs, emoji, runs of white space.
pub(crate) fn speakable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = true;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' if multiplies(&out, chars.clone()) => out.push(c),
            '*' | '`' | '#' | '~' | '|' => {}
            '_' if line_start || out.ends_with(' ') || chars.peek().is_none_or(|n| !n.is_alphanumeric()) => {}
            '-' | '•' | '>' if line_start && chars.peek().is_none_or(|n| *n == ' ') => {}
            // A link is read as its text.
            '[' => {}
            ']' if chars.peek() == Some(&'(') => {
                for c in chars.by_ref() {
                    if c == ')' {
                        break;
                    }
                }
            }
            ']' => {}
            c if is_emoji(c) => {}
            c if c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
                line_start = line_start || c == '\n';
                continue;
            }
            c => out.push(c),
        }
        line_start = line_start && !c.is_alphanumeric();
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether a `*` between these stands between two numbers, as in `5*4` or `5 * 4`.
fn multiplies(before: &str, mut after: impl Iterator<Item = char>) -> bool {
    let mut before = before.chars().rev();
    match (before.next(), after.next()) {
        (Some(' '), Some(' ')) => is_digit(before.next()) && is_digit(after.next()),
        (left, right) => is_digit(left) && is_digit(right),
    }
}

fn is_digit(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_digit())
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F000..=0x1FAFF | 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x200D | 0xE0020..=0xE007F)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces, and how many of them were out before the text was finished.
    fn split(tokens: &[&str], clause_first: bool) -> (Vec<String>, usize) {
        let mut splitter = Splitter::new(4096, clause_first);
        let mut pieces = Vec::new();
        for token in tokens {
            splitter.push(token, |p| pieces.push(p.to_owned()));
        }
        let early = pieces.len();
        splitter.finish(|p| pieces.push(p.to_owned()));
        (pieces, early)
    }

    fn whole(text: &str) -> Vec<String> {
        split(&[text], false).0
    }

    #[test]
    fn a_sentence_is_released_with_its_last_token() {
        let (pieces, early) = split(&["Hello", " there", ".", " How are you", "?"], false);
        assert_eq!(pieces, ["Hello there.", "How are you?"]);
        assert_eq!(early, 2);
    }

    #[test]
    fn the_size_of_the_tokens_does_not_matter() {
        let text = "Dr. Smith paid $3.50 at 5 p.m. on Main St. today. Really? she asked. Yes! It is 12.";
        let letters: Vec<String> = text.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(split(&letters, false).0.join(" "), whole(text).join(" "));
    }

    #[test]
    fn stops_inside_numbers_abbreviations_and_addresses_do_not_cut() {
        assert_eq!(
            whole("Dr. Smith paid 3.50 to J. Doe at www.example.com today. Fine, then."),
            ["Dr. Smith paid 3.50 to J. Doe at www.example.com today.", "Fine, then."]
        );
        assert_eq!(whole("We meet at 5 p.m. on Monday."), ["We meet at 5 p.m. on Monday."]);
        assert_eq!(whole("We meet at 5 p.m. Bring food."), ["We meet at 5 p.m.", "Bring food."]);
        assert_eq!(whole("Wait... there is more."), ["Wait...", "there is more."]);
    }

    #[test]
    fn other_scripts_have_their_own_stops() {
        assert_eq!(whole("今天天气很好。我们去公园吧！"), ["今天天气很好。", "我们去公园吧！"]);
        assert_eq!(whole("नमस्ते दोस्त। आप कैसे हैं?"), ["नमस्ते दोस्त।", "आप कैसे हैं?"]);
    }

    #[test]
    fn the_first_piece_may_be_a_clause_and_only_the_first() {
        let (pieces, _) = split(&["The capital of France, as you know, is Paris, a big city."], true);
        assert_eq!(pieces, ["The capital of France,", "as you know, is Paris, a big city."]);
    }

    #[test]
    fn a_long_first_piece_without_a_mark_ends_before_a_joining_word() {
        let text = "A good thing to see in Paris is the Eiffel Tower and the river is a good thing to see in Paris.";
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let (pieces, early) = split(&words, true);
        assert_eq!(pieces[0], "A good thing to see in Paris");
        assert_eq!(pieces.join(" "), text);
        assert_eq!((pieces.len(), early), (2, 2));
        assert_eq!(split(&words, false).0, [text]);
        let short = "The capital of France is Paris.";
        assert_eq!(split(&[short], true).0, [short]);
    }

    #[test]
    fn a_very_short_piece_waits_for_the_next() {
        assert_eq!(whole("Oh! That is good."), ["Oh! That is good."]);
        assert_eq!(whole("No."), ["No."]);
    }

    #[test]
    fn text_without_any_stop_is_cut_at_a_space_under_the_limit() {
        let text = "word ".repeat(400);
        let pieces = whole(&text);
        assert!(pieces.iter().all(|p| p.chars().count() <= LONGEST && p.ends_with("word")));
        assert_eq!(pieces.join(" "), text.trim());
    }

    #[test]
    fn closing_quotes_stay_with_their_sentence() {
        assert_eq!(whole("He said \"come here.\" Then he left."), ["He said \"come here.\"", "Then he left."]);
    }

    #[test]
    fn what_no_voice_can_say_is_left_out() {
        assert_eq!(speakable("**Bold** and `code` 😀 [here](https://x.y)\n- item_one"), "Bold and code here item_one");
        assert_eq!(whole("😀 ✨"), Vec::<String>::new());
    }
    #[test]
    fn a_star_between_numbers_multiplies_and_any_other_is_markup() {
        for (written, spoken) in [
            ("5*4=20", "5*4=20"),
            ("5 * 4 = 20", "5 * 4 = 20"),
            ("*5*4*", "5*4"),
            ("* 5 apples", "5 apples"),
            ("**5**", "5"),
            ("room 5 *now*", "room 5 now"),
        ] {
            assert_eq!(speakable(written).trim(), spoken, "{written}");
        }
    }
}
