//! Tokens are bytes; what is handed out is text.

/// Collects bytes and releases them as soon as they are whole characters.
#[derive(Debug, Default)]
pub(super) struct Utf8Pieces {
    held: Vec<u8>,
}

impl Utf8Pieces {
    /// Adds bytes; gives the text that is complete now. Bytes that can never become a character turn into U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            let error = match std::str::from_utf8(&self.held) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.held.clear();
                    return text;
                }
                Err(e) => e,
            };
            let (whole, rest) = self.held.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(whole));
            match error.error_len() {
                Some(bad) => {
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.held = rest[bad..].to_vec();
                }
                None => {
                    self.held = rest.to_vec();
                    return text;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_by_tokens_is_held_until_it_is_whole() {
        let bytes = "a€😀b".as_bytes();
        for cut in 1..bytes.len() {
            let mut pieces = Utf8Pieces::default();
            let text = pieces.push(&bytes[..cut]) + &pieces.push(&bytes[cut..]);
            assert_eq!(text, "a€😀b", "cut at {cut}");
        }
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(&bytes[..2]), "a");
        assert_eq!(pieces.push(&bytes[2..3]), "");
        assert_eq!(pieces.push(&bytes[3..4]), "€");
    }

    #[test]
    fn bytes_that_are_no_text_do_not_hold_up_what_follows() {
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(&[b'a', 0xff, b'b']), "a\u{fffd}b");
        assert_eq!(pieces.push(&[0xe2, 0x28]), "\u{fffd}(");
    }

    #[test]
    fn an_unfinished_character_at_the_end_is_never_shown() {
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(&[b'o', b'k', 0xf0, 0x9f]), "ok");
    }
}
