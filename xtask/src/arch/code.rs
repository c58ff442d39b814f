//! Rust source without what is not code.

/// The source with comments and the contents of literals blanked out; every line keeps its number and its length.
pub fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_or_comment(&chars, at);
        match end {
            Some(end) => {
                out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends, if one does.
fn literal_or_comment(chars: &[char], at: usize) -> Option<usize> {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => Some(position(chars, at, |c| c == '\n')),
        '/' if next == Some('*') => Some(block_comment(chars, at)),
        '"' => Some(quoted(chars, at + 1, '"')),
        'r' | 'b' | 'c' if !within_word(chars, at) => prefixed(chars, at),
        '\'' => char_literal(chars, at),
        _ => None,
    }
}

fn within_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn position(chars: &[char], from: usize, is: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| is(*c)).map_or(chars.len(), |p| from + p)
}

fn block_comment(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0_usize, at);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

/// The end of a literal whose contents begin at `from`, with backslashes respected.
fn quoted(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

/// `b"…"`, `c"…"`, `r"…"`, `br#"…"#` and their like.
fn prefixed(chars: &[char], at: usize) -> Option<usize> {
    let mut i = at;
    while matches!(chars.get(i), Some('b' | 'c' | 'r')) && i < at + 2 {
        i += 1;
    }
    let raw = chars[at..i].contains(&'r');
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    if !raw {
        return match chars.get(i) {
            Some('"') => Some(quoted(chars, i + 1, '"')),
            Some('\'') => Some(quoted(chars, i + 1, '\'')),
            _ => None,
        };
    }
    if chars.get(i + hashes) != Some(&'"') {
        return None;
    }
    let mut end = i + hashes + 1;
    while end < chars.len() {
        if chars[end] == '"' && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(chars.len())
}

/// A character, unless the quote begins a lifetime.
fn char_literal(chars: &[char], at: usize) -> Option<usize> {
    match chars.get(at + 1)? {
        '\\' => Some(quoted(chars, at + 1, '\'')),
        _ if chars.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let source = "a // crate::x\n/* b /* c */ d */ e\n\"crate::y \\\" z\" f r#\"g\"h\"# 'i' '\\'' &'life j b\"k\"";
        let code = code_only(source);
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words, ["a", "e", "f", "&'life", "j"]);
        assert_eq!(code.lines().count(), 3);
        assert_eq!(code.chars().count(), source.chars().count());
    }

    #[test]
    fn raw_identifiers_and_words_that_end_in_a_prefix_stay() {
        assert_eq!(code_only("r#type bar\"x\" z"), "r#type bar    z");
    }
}
