//! Keeps keys and people's words out of error messages.

/// What stands where a key stood.
const REDACTED: &str = "[redacted]";

/// How keys of the known services begin.
const KEY_PREFIXES: [&str; 7] = ["sk-", "sk_", "ek_", "gsk_", "xai-", "tgp_", "AIza"];

/// The most characters of a provider's message that are kept.
const MOST_CHARACTERS: usize = 300;

/// How many characters in common with the key make a word suspicious, whole or masked (`sk-te****st`).
const SUSPICIOUS: usize = 6;

/// A provider's own words, fit to be shown: on one line, shortened, without `key` or anything that looks like one, and
/// withheld altogether when they repeat what was said in the conversation (`private`).
pub(super) fn presentable<'a>(text: &str, key: Option<&str>, private: impl IntoIterator<Item = &'a str>) -> String {
    if private.into_iter().any(|said| repeats(text, said)) {
        return "(its message repeats the conversation and is left out)".into();
    }
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        if looks_like_key(word, key) {
            out.push_str(REDACTED)
        } else {
            out.push_str(word)
        }
        if out.chars().count() > MOST_CHARACTERS {
            out = out.chars().take(MOST_CHARACTERS).chain(['…']).collect();
            break;
        }
    }
    out
}

fn looks_like_key(word: &str, key: Option<&str>) -> bool {
    // A word may be wrapped: `'sk-…'.` or `{"key":"sk-…"}`.
    if word.contains("***") {
        return true;
    }
    let mut parts = word.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    parts.any(|part| {
        KEY_PREFIXES.iter().any(|p| part.len() > p.len() + SUSPICIOUS && part.starts_with(p))
            || key.is_some_and(|key| {
                let n = SUSPICIOUS.min(key.len());
                n > 0
                    && part.len() >= n
                    && (part.contains(key)
                        || key.get(..n).is_some_and(|head| part.starts_with(head))
                        || key.get(key.len() - n..).is_some_and(|tail| part.ends_with(tail)))
            })
    }) || key.is_some_and(|key| !key.is_empty() && word.contains(key))
}

/// Whether `text` quotes what was `said`: all of it, or any three words in a row.
fn repeats(text: &str, said: &str) -> bool {
    const LONG_ENOUGH: usize = 12;
    let said = said.trim();
    if said.is_empty() {
        return false;
    }
    let quoted = ['\'', '"', '`'].iter().any(|q| text.contains(&format!("{q}{said}{q}")));
    if quoted || (said.chars().count() >= LONG_ENOUGH && text.contains(said)) {
        return true;
    }
    let words: Vec<&str> = said.split_whitespace().collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.windows(3).map(|w| w.join(" ")).any(|run| run.chars().count() >= LONG_ENOUGH && text.contains(&run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_disappear_whole_masked_and_wrapped() {
        let key = Some("sk-planted-0123456789");
        for text in [
            "Incorrect API key provided: sk-planted-0123456789.",
            "Incorrect API key provided: sk-pl*****789.",
            "{\"key\":\"sk-planted-0123456789\"}",
            "your key 'sk-planted…' is wrong",
            "Bearer gsk_another0123456",
            "API key AIza-another0123456 expired",
        ] {
            let shown = presentable(text, key, []);
            assert!(shown.contains(REDACTED), "{shown}");
            assert!(!shown.contains("planted") && !shown.contains("sk-pl") && !shown.contains("another"), "{shown}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        let text = "Unsupported parameter: 'max_tokens' is not supported with this model.";
        assert_eq!(presentable(text, Some("sk-planted-0123456789"), ["Hello there."]), text);
    }

    #[test]
    fn a_message_that_quotes_the_conversation_is_withheld() {
        let said = "my neighbour Ada owes me forty pounds";
        for text in ["Invalid input: 'my neighbour Ada owes me…'", "bad: my neighbour Ada owes me forty pounds"] {
            assert!(!presentable(text, None, [said]).contains("Ada"));
        }
        assert!(!presentable("cannot speak 'Hi Bob'", None, ["Hi Bob"]).contains("Bob"));
    }

    #[test]
    fn html_becomes_one_short_line() {
        let shown = presentable(&format!("<html>\r\n<body>\u{0}{}", "x ".repeat(500)), None, []);
        assert!(shown.starts_with("<html> <body> x"), "{shown}");
        assert!(shown.chars().count() <= MOST_CHARACTERS + 1);
    }
}
