//! Moonshine's `tokenizer.bin`: from tokens back to text.

use crate::error::{Error, ErrorKind, Result};

/// Marks where a word begins, in the pieces of a SentencePiece vocabulary.
const WORD_START: char = '\u{2581}';

/// The bytes of each token.
pub(super) struct Vocabulary {
    pieces: Vec<Box<[u8]>>,
}

impl Vocabulary {
    /// Reads the file's content: for each token a length (one byte up to 127, else two: `b2 × 128 + b1 − 128`), then that
    /// many bytes.
    ///
    /// # Errors
    /// `ModelMissing` when the bytes end inside a token.
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self> {
        let mut pieces = Vec::with_capacity(32_768);
        while !bytes.is_empty() {
            let piece = take_piece(&mut bytes).ok_or_else(|| {
                Error::new(
                    ErrorKind::ModelMissing,
                    format!(
                        "the tokenizer file ends inside token {}; `voice-core models fetch` replaces it",
                        pieces.len()
                    ),
                )
            })?;
            pieces.push(piece.into());
        }
        Ok(Self { pieces })
    }

    /// The number of tokens.
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The text of some tokens, without control tokens, trimmed.
    pub(super) fn text(&self, tokens: &[u32]) -> String {
        let pieces = tokens.iter().filter_map(|&t| self.pieces.get(t as usize)).filter(|p| !is_control(p));
        let bytes: Vec<u8> = pieces.flat_map(|p| p.iter().copied()).collect();
        String::from_utf8_lossy(&bytes).replace(WORD_START, " ").trim().to_owned()
    }
}

fn take_piece<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut length = usize::from(first);
    if length > 127 {
        let (&second, after) = rest.split_first()?;
        length = usize::from(second) * 128 + length - 128;
        rest = after;
    }
    let (piece, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(piece)
}

/// `<s>`, `</s>`, `<unk>` and the `<<ST_n>>` markers are not text.
fn is_control(piece: &[u8]) -> bool {
    matches!(piece, b"<unk>" | b"<s>" | b"</s>") || (piece.starts_with(b"<<ST_") && piece.ends_with(b">>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pieces: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match u8::try_from(piece.len()) {
                Ok(short) if short < 128 => bytes.push(short),
                _ => bytes.extend([(piece.len() % 128) as u8 + 128, (piece.len() / 128) as u8]),
            }
            bytes.extend(*piece);
        }
        bytes
    }

    #[test]
    fn pieces_join_to_words_and_control_tokens_are_left_out() {
        let vocabulary =
            Vocabulary::parse(&file(&[b"<s>", b"</s>", "\u{2581}good".as_bytes(), b"bye", "\u{2581}now".as_bytes()]))
                .unwrap();
        assert_eq!(vocabulary.text(&[0, 2, 3, 4, 1]), "goodbye now");
    }

    #[test]
    fn a_letter_split_over_byte_tokens_is_whole_again() {
        let vocabulary = Vocabulary::parse(&file(&[&[0xc3], &[0xa9]])).unwrap();
        assert_eq!(vocabulary.text(&[0, 1]), "é");
    }

    #[test]
    fn a_piece_longer_than_127_bytes_has_a_two_byte_length() {
        let long = [b'a'; 300];
        let vocabulary = Vocabulary::parse(&file(&[&long, b"b"])).unwrap();
        assert_eq!(vocabulary.len(), 2);
        assert_eq!(vocabulary.text(&[0]).len(), 300);
    }

    #[test]
    fn a_file_that_ends_inside_a_token_is_refused() {
        let error = Vocabulary::parse(&[3, b'a']).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::ModelMissing);
    }
}
