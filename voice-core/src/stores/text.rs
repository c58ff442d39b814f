//! Text as database servers can keep it: PostgreSQL, and whatever stands on it, knows every character but NUL.
//!
//! NUL is written as two characters that begin with U+10FFFF, which Unicode sets apart for such internal uses; that character
//! itself, should anybody say it, is written as two as well. All other text is kept as it is, so that it can be searched.

use std::borrow::Cow;

const MARK: char = '\u{10FFFF}';

/// Text on its way into a column.
pub(crate) fn kept(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([MARK, '0']),
            MARK => out.extend([MARK, '1']),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text from a column.
pub(crate) fn read(text: String) -> String {
    if !text.contains(MARK) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c == MARK).then(|| chars.next()).flatten() {
            None => out.push(c),
            Some('0') => out.push('\0'),
            Some('1') => out.push(MARK),
            // Not written by this library; shown as it is.
            Some(other) => out.extend([MARK, other]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back_and_holds_no_nul_meanwhile(parts in prop::collection::vec("\\PC|\0|\u{10FFFF}|0|1", 0..20)) {
            let text = parts.concat();
            let stored = kept(&text).into_owned();
            prop_assert!(!stored.contains('\0'));
            prop_assert_eq!(read(stored), text);
        }
    }

    #[test]
    fn ordinary_text_is_kept_as_it_is() {
        assert!(matches!(kept("नमस्ते ☔"), Cow::Borrowed("नमस्ते ☔")));
    }
}
