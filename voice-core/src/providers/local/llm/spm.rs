//! SentencePiece byte-pair encoding, as llama 2, Mistral and Gemma files carry it: the likeliest pair of neighbours is
//! joined until no pair is a piece of the vocabulary; what is left over is spelled in bytes.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap},
};

/// The word boundary of SentencePiece vocabularies.
pub(super) const SPACE: char = '\u{2581}';

/// A SentencePiece vocabulary.
pub(super) struct SentencePiece {
    pieces: HashMap<Box<str>, (u32, f32)>,
    /// The piece of each byte, where the vocabulary has one.
    bytes: [Option<u32>; 256],
    unknown: u32,
    /// Whether a text starts as if a space came before it.
    space_first: bool,
}

/// Two neighbours that may be joined: the best score first, then the leftmost.
struct Join {
    score: f32,
    left: usize,
    right: usize,
    /// The length of the joined text, by which a join that came too late is recognised.
    length: usize,
}

impl Ord for Join {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| Reverse(self.left).cmp(&Reverse(other.left)))
    }
}

impl PartialOrd for Join {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Join {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Join {}

/// A stretch of the text that is one piece so far.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    length: usize,
    before: Option<usize>,
    after: Option<usize>,
}

impl SentencePiece {
    /// A vocabulary of `(text, id, score)`.
    pub(super) fn new<'a>(
        pieces: impl Iterator<Item = (&'a str, u32, f32)>,
        bytes: [Option<u32>; 256],
        unknown: u32,
        space_first: bool,
    ) -> Self {
        Self {
            pieces: pieces.map(|(text, id, score)| (text.into(), (id, score))).collect(),
            bytes,
            unknown,
            space_first,
        }
    }

    /// The pieces of a text.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut spaced = String::with_capacity(text.len() + 3);
        if self.space_first {
            spaced.push(SPACE);
        }
        spaced.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        let symbols = self.join(&spaced);
        let mut ids = Vec::new();
        let mut next = Some(0);
        while let Some(symbol) = next.map(|i| symbols[i]) {
            let piece = &spaced[symbol.start..symbol.start + symbol.length];
            match self.pieces.get(piece) {
                Some((id, _)) => ids.push(*id),
                None => ids.extend(piece.bytes().map(|b| self.bytes[usize::from(b)].unwrap_or(self.unknown))),
            }
            next = symbol.after;
        }
        ids
    }

    fn join(&self, text: &str) -> Vec<Symbol> {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(i, (start, c))| Symbol {
                start,
                length: c.len_utf8(),
                before: i.checked_sub(1),
                after: (start + c.len_utf8() < text.len()).then_some(i + 1),
            })
            .collect();
        let mut joins = BinaryHeap::new();
        for left in 1..symbols.len() {
            self.propose(text, &symbols, left - 1, left, &mut joins);
        }
        while let Some(Join { left, right, length, .. }) = joins.pop() {
            let (a, b) = (symbols[left], symbols[right]);
            if a.length == 0 || b.length == 0 || a.length + b.length != length || a.after != Some(right) {
                continue;
            }
            symbols[left].length = length;
            symbols[left].after = b.after;
            symbols[right].length = 0;
            if let Some(after) = b.after {
                symbols[after].before = Some(left);
                self.propose(text, &symbols, left, after, &mut joins);
            }
            if let Some(before) = a.before {
                self.propose(text, &symbols, before, left, &mut joins);
            }
        }
        symbols
    }

    fn propose(&self, text: &str, symbols: &[Symbol], left: usize, right: usize, joins: &mut BinaryHeap<Join>) {
        let (start, end) = (symbols[left].start, symbols[right].start + symbols[right].length);
        if let Some((_, score)) = self.pieces.get(&text[start..end]) {
            joins.push(Join { score: *score, left, right, length: end - start });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(space_first: bool) -> SentencePiece {
        let pieces = [("\u{2581}", 10, -1.0), ("a", 11, -9.0), ("b", 12, -9.0), ("ab", 13, -2.0), ("ba", 14, -3.0)];
        let more = [("\u{2581}ab", 15, -4.0), ("aba", 16, -5.0)];
        let mut bytes = [None; 256];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = Some(100 + i as u32);
        }
        SentencePiece::new(pieces.into_iter().chain(more), bytes, 0, space_first)
    }

    #[test]
    fn the_best_scored_pair_is_joined_first() {
        let spm = vocabulary(false);
        assert_eq!(spm.encode("ab"), [13]);
        // `ab` (−2) goes before `ba` (−3); then `aba` is reached from `ab` + `a`.
        assert_eq!(spm.encode("aba"), [16]);
        assert_eq!(spm.encode("bab"), [12, 13]);
        assert_eq!(spm.encode(" ab"), [15]);
    }

    #[test]
    fn a_leading_space_is_added_only_where_the_vocabulary_wants_it() {
        assert_eq!(vocabulary(true).encode("ab"), [15]);
        assert_eq!(vocabulary(true).encode(""), [] as [u32; 0]);
    }

    #[test]
    fn what_the_vocabulary_lacks_is_spelled_in_bytes() {
        assert_eq!(vocabulary(false).encode("aé"), [11, 100 + 0xc3, 100 + 0xa9]);
    }
}
