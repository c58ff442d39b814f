//! Reads YAML as far as vendors' API descriptions use it: blocks, plain and quoted scalars over several lines, anchors.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// The document; `None` when it is written in a way that is not read here.
pub(super) fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { lines: text.lines().collect(), at: 0, anchors: HashMap::new() };
    let value = reader.block(0)?;
    reader.skip();
    (reader.at == reader.lines.len()).then_some(value)
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    anchors: HashMap<&'a str, Value>,
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// A key and what stands behind it on the same line.
fn entry(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let (key, rest) = match quote {
        Some(quote) => text[1..].split_once(quote)?,
        None => match text.split_once(": ") {
            Some((key, rest)) => (key, rest),
            None => (text.strip_suffix(':')?, ""),
        },
    };
    let rest = if quote.is_some() { rest.strip_prefix(':')? } else { rest };
    Some((key.to_owned(), rest.trim()))
}

impl<'a> Reader<'a> {
    fn skip(&mut self) {
        while self
            .lines
            .get(self.at)
            .is_some_and(|l| matches!(l.trim_start(), "" | "---") || l.trim_start().starts_with('#'))
        {
            self.at += 1;
        }
    }

    /// The mapping or the list that begins on the next line, if it stands at `least` or further in.
    fn block(&mut self, least: usize) -> Option<Value> {
        self.skip();
        let line = *self.lines.get(self.at)?;
        let depth = indent(line);
        if depth < least {
            return None;
        }
        if is_item(line.trim()) { self.list(depth) } else { self.mapping(depth, line.trim()) }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            self.skip();
            let Some(line) = self.lines.get(self.at).filter(|l| indent(l) == depth && is_item(l.trim())) else { break };
            let rest = line.trim()[1..].trim();
            let inner = depth + line.trim().len() - rest.len();
            items.push(if rest.is_empty() {
                self.at += 1;
                self.block(depth + 1)?
            } else if entry(rest).is_some() && !rest.starts_with('{') {
                self.mapping(inner, rest)?
            } else {
                self.at += 1;
                self.scalar(rest, depth + 1)?
            });
        }
        Some(Value::Array(items))
    }

    /// A mapping whose first entry is `first` and whose others begin at `depth`.
    fn mapping(&mut self, depth: usize, first: &'a str) -> Option<Value> {
        let mut fields = Map::new();
        let mut text = first;
        loop {
            let (key, rest) = entry(text)?;
            self.at += 1;
            let (anchor, rest) = match rest.strip_prefix('&') {
                Some(rest) => rest.split_once(' ').map_or((Some(rest), ""), |(name, rest)| (Some(name), rest.trim())),
                None => (None, rest),
            };
            let value = if rest.is_empty() {
                self.skip();
                // A list may stand as far out as its key.
                let next = self.lines.get(self.at).copied().unwrap_or_default();
                match indent(next) {
                    n if n > depth => self.block(depth + 1)?,
                    n if n == depth && is_item(next.trim()) => self.list(depth)?,
                    _ => Value::Null,
                }
            } else {
                self.scalar(rest, depth + 1)?
            };
            if let Some(anchor) = anchor {
                self.anchors.insert(anchor, value.clone());
            }
            fields.insert(key, value);
            self.skip();
            match self.lines.get(self.at).filter(|l| indent(l) == depth && !is_item(l.trim())) {
                Some(line) => text = line.trim(),
                None => return Some(Value::Object(fields)),
            }
        }
    }

    /// A scalar that begins with `first` and goes on in the lines that stand at `least` or further in.
    fn scalar(&mut self, first: &'a str, least: usize) -> Option<Value> {
        if let Some(name) = first.strip_prefix('*') {
            return self.anchors.get(name).cloned();
        }
        let block = first.starts_with(['|', '>']);
        let quote = first.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let mut text = if block { String::new() } else { first.to_owned() };
        let open = |text: &str| quote.is_some_and(|q| !ends(text, q));
        while let Some(line) = self.lines.get(self.at) {
            let empty = line.trim().is_empty();
            let deep = quote.is_none() && !empty && indent(line) >= least;
            if !(deep || open(&text) || (block && empty)) {
                break;
            }
            text.push(' ');
            text.push_str(line.trim());
            self.at += 1;
        }
        match quote {
            Some(_) => {
                let inner = text.get(1..text.len().checked_sub(1)?)?;
                Some(inner.replace("''", "'").replace("\\\"", "\"").into())
            }
            None if block => Some(text.trim().into()),
            None if text == "{}" => Some(Value::Object(Map::new())),
            None if text == "[]" => Some(Value::Array(Vec::new())),
            None if text.starts_with(['{', '[']) => None,
            None => {
                Some(serde_json::from_str(&text).ok().filter(|v: &Value| !v.is_string()).unwrap_or_else(|| text.into()))
            }
        }
    }
}

/// Whether a quoted scalar is complete.
fn ends(text: &str, quote: char) -> bool {
    let inner = &text[1..];
    match quote {
        '\'' => inner.chars().rev().take_while(|c| *c == '\'').count() % 2 == 1,
        _ => inner.ends_with('"') && inner.chars().rev().skip(1).take_while(|c| *c == '\\').count() % 2 == 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_descriptions_are_made_of_is_read() {
        let text = "a: 1\nb:\n- x\n- 'no'\n- c: true\n  d: plain\n    goes on\ne: &one\n  f: \"q\n\n    r\"\ng: *one\nh: |-\n  two\n\n  lines\ni:\n  j: {}\n  '200':\n    k: http://x\n";
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": 1, "b": ["x", "no", {"c": true, "d": "plain goes on"}], "e": {"f": "q  r"}, "g": {"f": "q  r"},
                "h": "two  lines", "i": {"j": {}, "200": {"k": "http://x"}},
            })
        );
        assert_eq!(parse("a: [1, 2]\n"), None, "flow style is not read, and not misread");
    }
}
