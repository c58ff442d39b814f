//! What the generators share: folding lines, and names as each language writes them.

/// How long a line of a generated file may be.
const WIDTH: usize = 118;

/// Folds a text so that each line begins with `indent`; the first is already `taken` characters long behind it.
pub fn folded(text: &str, indent: &str, taken: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut room = WIDTH - indent.chars().count() - taken;
    for word in text.split(' ') {
        let length = word.chars().count() + usize::from(!line.is_empty());
        if length > room && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            room = WIDTH - indent.chars().count();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        room = room.saturating_sub(word.chars().count() + 1);
        line.push_str(word);
    }
    lines.push(line);
    lines.into_iter().map(|line| format!("{indent}{line}")).collect()
}

/// A documentation comment between `/**` and `*/`, on one line where it fits.
pub fn block_comment(text: &str, indent: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = text.replace("*/", "*\\/");
    let inline = format!("{indent}/** {text} */");
    if inline.chars().count() <= WIDTH + 2 {
        return format!("{inline}\n");
    }
    let lines = folded(&text, &format!("{indent} * "), 0).join("\n");
    format!("{indent}/**\n{lines}\n{indent} */\n")
}

/// `max_delay_ms` as `maxDelayMs`.
pub fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        camel.push_str(&first.to_uppercase());
        camel.push_str(rest);
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_folded_between_words_and_loses_none() {
        let text = "word ".repeat(60).trim().to_owned();
        let lines = folded(&text, "    ", 3);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "), text);
    }

    #[test]
    fn names_are_written_as_the_language_does() {
        assert_eq!((camel("max_delay_ms").as_str(), camel("stt").as_str()), ("maxDelayMs", "stt"));
    }
}
