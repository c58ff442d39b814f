//! The calls of tools that a model writes into its answer.
//!
//! Models write them in the forms that their templates taught them: as JSON between `<tool_call>` tags (Qwen, Hermes,
//! SmolLM3), as JSON instead of an answer (Llama), behind a token of their own (Mistral, Phi). None of it is for the ear.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::message::ToolCall;

/// What stands before calls, and what behind them; where nothing does, they take the rest of the answer.
const TAGS: [(&str, Option<&str>); 4] = [
    ("<tool_call>", Some("</tool_call>")),
    ("<|tool_call|>", Some("<|/tool_call|>")),
    ("[TOOL_CALLS]", None),
    ("<|python_tag|>", None),
];

/// What stands between a name and its arguments where a call is no JSON object, and perhaps between the name and a number.
const ARGUMENTS: &str = "[ARGS]";
const NUMBER: &str = "[CALL_ID]";

/// Around JSON that is written as if it were to be shown.
const FENCE: &str = "```";

/// What may be missing from a call that was not written to its end, likeliest first.
const ENDINGS: [&str; 6] = ["", "}", "}}", "\"}", "\"}}", "]"];

/// The longest name that a tool can have.
const LONGEST_NAME: usize = 64;

/// The name of a call that cannot be read: there is no such tool, which the model is then told.
const UNREADABLE: &str = "unreadable";

/// Whether a control token is written because calls are found by it.
pub(super) fn is_tag(text: &str) -> bool {
    text == ARGUMENTS || text == NUMBER || TAGS.iter().any(|(open, close)| text == *open || *close == Some(text))
}

/// A call, as it is shown to a model whose template has no place for calls.
pub(super) fn written(call: &ToolCall) -> String {
    let (open, close) = TAGS[0];
    let name = Value::from(call.name.as_str());
    format!("{open}\n{{\"name\": {name}, \"arguments\": {}}}\n{}", call.arguments, close.unwrap_or_default())
}

/// Parts of an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parts {
    /// What of it is said.
    pub(super) text: String,
    /// What is called, after that.
    pub(super) calls: Vec<ToolCall>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// Before any text, where JSON may be a call.
    Start,
    /// Behind JSON that was one.
    More,
    Text,
    /// Behind a tag that opens calls: which of them.
    Calls(usize),
    /// Behind a tag that closes calls, where white space is nothing to say.
    Behind,
}

/// Tells calls from text in an answer that comes in pieces, however they are cut.
pub(super) struct Calls<'a> {
    /// The tools that there are.
    tools: &'a [&'a str],
    at: At,
    held: String,
}

impl<'a> Calls<'a> {
    /// For an answer that may call these tools. Where there are none, calls are left out of the text all the same.
    pub(super) fn of(tools: &'a [&'a str]) -> Self {
        Self { tools, at: At::Start, held: String::new() }
    }

    /// Takes the next piece; gives what is now known.
    pub(super) fn take(&mut self, piece: &str) -> Parts {
        self.held.push_str(piece);
        let mut parts = Parts::default();
        while self.advance(&mut parts) {}
        parts
    }

    /// What was held back at the end of the answer.
    pub(super) fn rest(&mut self) -> Parts {
        let mut parts = Parts::default();
        let held = std::mem::take(&mut self.held);
        match self.at {
            At::Calls(tag) => held.split(TAGS[tag].0).for_each(|body| self.add(body, &mut parts)),
            // The end of calls that stood in a fence.
            At::More if held.trim() == FENCE => {}
            At::Start | At::More | At::Text => parts.text = held,
            At::Behind => {}
        }
        parts
    }

    /// Takes what it can of what is held; gives whether there may be more.
    fn advance(&mut self, parts: &mut Parts) -> bool {
        match self.at {
            At::Start | At::More => self.begin(parts),
            At::Text => self.find_open(parts),
            At::Calls(tag) => self.find_close(tag, parts),
            At::Behind => self.skip(),
        }
    }

    fn begin(&mut self, parts: &mut Parts) -> bool {
        if self.at == At::More {
            self.held = self.held.trim_start_matches(separates).to_owned();
        }
        let begun = self.held.trim_start();
        if begun.is_empty() {
            return false;
        }
        let bare = if self.tools.is_empty() { Bare::None } else { self.bare(begun) };
        match bare {
            Bare::Unfinished => false,
            Bare::Calls(calls, rest) => {
                parts.calls.extend(calls);
                (self.held, self.at) = (rest, At::More);
                true
            }
            Bare::None => {
                self.at = At::Text;
                true
            }
        }
    }

    fn find_open(&mut self, parts: &mut Parts) -> bool {
        let open = TAGS.iter().enumerate().filter_map(|(i, (open, _))| Some((self.held.find(open)?, i))).min();
        let text = match open {
            Some((at, tag)) => {
                let text = self.held[..at].to_owned();
                self.held.drain(..at + TAGS[tag].0.len());
                self.at = At::Calls(tag);
                text
            }
            None => {
                let certain = self.held.len() - begun_tag(&self.held);
                self.held.drain(..certain).collect()
            }
        };
        parts.text.push_str(&text);
        open.is_some()
    }

    fn find_close(&mut self, tag: usize, parts: &mut Parts) -> bool {
        let Some(close) = TAGS[tag].1 else { return false };
        let Some(at) = self.held.find(close) else { return false };
        let body = self.held[..at].to_owned();
        self.add(&body, parts);
        self.held.drain(..at + close.len());
        self.at = At::Behind;
        true
    }

    fn skip(&mut self) -> bool {
        self.held = self.held.trim_start().to_owned();
        if !self.held.is_empty() {
            self.at = At::Text;
        }
        !self.held.is_empty()
    }

    /// Adds the calls that a body holds.
    fn add(&self, body: &str, parts: &mut Parts) {
        if self.tools.is_empty() {
            return;
        }
        let calls = read(body);
        if calls.is_empty() {
            parts.calls.push(call(UNREADABLE, Value::from(body.trim())));
        }
        parts.calls.extend(calls);
    }

    /// What an answer that begins like this says to call, where it is JSON and nothing else.
    fn bare(&self, begun: &str) -> Bare {
        let mut json = begun;
        if begun.starts_with(FENCE) || FENCE.starts_with(begun) {
            let Some((_, body)) = begun.split_once('\n') else { return Bare::Unfinished };
            json = body.trim_start();
        }
        if json.is_empty() {
            return Bare::Unfinished;
        }
        if !json.starts_with(['{', '[']) {
            return Bare::None;
        }
        let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(e)) if e.is_eof() => return Bare::Unfinished,
            _ => return Bare::None,
        };
        let calls = calls_in(value);
        if calls.is_empty() || !calls.iter().all(|call| self.tools.contains(&call.name.as_str())) {
            return Bare::None;
        }
        let rest = json[values.byte_offset()..].trim_start();
        let rest = rest.strip_prefix(FENCE).unwrap_or(rest);
        Bare::Calls(calls, rest.to_owned())
    }
}

/// What the beginning of an answer is.
enum Bare {
    /// Text.
    None,
    /// Perhaps a call.
    Unfinished,
    /// Calls, and what follows them.
    Calls(Vec<ToolCall>, String),
}

/// Whether a character stands between calls.
fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | ',')
}

/// How many bytes at the end may be the beginning of a tag.
fn begun_tag(text: &str) -> usize {
    let begins = |tag: &str| (1..tag.len()).rev().find(|n| text.ends_with(&tag[..*n])).unwrap_or(0);
    TAGS.iter().map(|(open, _)| begins(open)).max().unwrap_or(0)
}

/// The calls between tags: JSON, one value or several, or names with their arguments behind them.
fn read(body: &str) -> Vec<ToolCall> {
    let body = body.trim();
    if !body.starts_with(['{', '[']) {
        let named = body.split_once(ARGUMENTS).or_else(|| Some(body.split_at(body.find('{')?)));
        let called = named.and_then(|(name, arguments)| {
            let name = name.split(NUMBER).next().unwrap_or(name);
            Some(call(name, finished(arguments).into_iter().next()?))
        });
        return called.into_iter().collect();
    }
    finished(body).into_iter().flat_map(calls_in).collect()
}

/// The JSON values of a text, the last of which may lack its end.
fn finished(text: &str) -> Vec<Value> {
    let whole = |ending: &&str| values(&format!("{text}{ending}")).ok();
    ENDINGS.iter().find_map(whole).unwrap_or_else(|| values(text).unwrap_or_else(|some| some))
}

/// All the JSON values of a text, or those before what is none.
fn values(text: &str) -> Result<Vec<Value>, Vec<Value>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut next = serde_json::Deserializer::from_str(rest).into_iter();
        match next.next() {
            Some(Ok(value)) => found.push(value),
            _ => return Err(found),
        }
        rest = rest[next.byte_offset()..].trim_start_matches(separates);
    }
    Ok(found)
}

/// The calls that a JSON value stands for.
fn calls_in(value: Value) -> Vec<ToolCall> {
    match value {
        Value::Array(values) => values.into_iter().flat_map(calls_in).collect(),
        Value::Object(mut object) => match object.remove("function") {
            Some(function @ Value::Object(_)) => calls_in(function),
            Some(Value::String(name)) => vec![of_object(&name, object)],
            _ => match object.remove("name") {
                Some(Value::String(name)) => vec![of_object(&name, object)],
                _ => Vec::new(),
            },
        },
        _ => Vec::new(),
    }
}

fn of_object(name: &str, mut object: Map<String, Value>) -> ToolCall {
    let arguments = ["arguments", "parameters", "input"].iter().find_map(|key| object.remove(*key));
    call(name, arguments.unwrap_or_else(|| Value::Object(Map::new())))
}

/// A call. Its name is shown to the model again, so nothing but the name of a tool can stand there.
fn call(name: &str, arguments: Value) -> ToolCall {
    let may_stand = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = name.chars().filter(may_stand).take(LONGEST_NAME).collect();
    let name = if name.is_empty() { UNREADABLE.to_owned() } else { name };
    let arguments = match arguments {
        Value::String(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        other => other,
    };
    ToolCall::new(format!("call_{}", Uuid::now_v7().simple()), name, arguments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOOLS: [&str; 2] = ["order_status", "weather"];

    /// What is said, and the names and arguments of what is called.
    type Heard = (String, Vec<(String, Value)>);

    fn cut(pieces: &[&str], tools: &[&str]) -> Heard {
        let mut calls = Calls::of(tools);
        let mut parts: Vec<Parts> = pieces.iter().map(|piece| calls.take(piece)).collect();
        parts.push(calls.rest());
        let text = parts.iter().map(|part| part.text.as_str()).collect();
        let called = parts.into_iter().flat_map(|part| part.calls).map(|call| (call.name, call.arguments)).collect();
        (text, called)
    }

    /// Whole, and a character at a time: they must agree.
    fn heard(answer: &str) -> Heard {
        let whole = cut(&[answer], &TOOLS);
        let letters: Vec<String> = answer.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(cut(&letters, &TOOLS), whole, "{answer}");
        whole
    }

    fn order(number: i32) -> (String, Value) {
        ("order_status".to_owned(), json!({"number": number}))
    }

    fn only(calls: impl Into<Vec<(String, Value)>>) -> Heard {
        (String::new(), calls.into())
    }

    #[test]
    fn calls_are_found_in_the_forms_of_all_families() {
        for answer in [
            "<tool_call>\n{\"name\": \"order_status\", \"arguments\": {\"number\": 12}}\n</tool_call>",
            "{\"name\": \"order_status\", \"parameters\": {\"number\": 12}}",
            "<|python_tag|>{\"type\": \"function\", \"name\": \"order_status\", \"parameters\": {\"number\": 12}}",
            "[TOOL_CALLS] [{\"name\": \"order_status\", \"arguments\": {\"number\": 12}}]",
            "[TOOL_CALLS]order_status[ARGS]{\"number\": 12}",
            "<|tool_call|>[{\"name\": \"order_status\", \"arguments\": {\"number\": 12}}]<|/tool_call|>",
            "```json\n{\"name\": \"order_status\", \"arguments\": {\"number\": 12}}\n```",
            "{\"type\": \"function\", \"function\": {\"name\": \"order_status\", \"arguments\": \"{\\\"number\\\": 12}\"}}",
            "<tool_call>order_status{\"number\": 12}</tool_call>",
            "[TOOL_CALLS]order_status[CALL_ID]abc[ARGS]{\"number\": 12}",
        ] {
            assert_eq!(heard(answer), only([order(12)]), "{answer}");
        }
    }

    #[test]
    fn several_calls_are_found_and_what_is_said_before_them_is_kept() {
        let twice = "One moment.<tool_call>{\"name\": \"order_status\", \"arguments\": {\"number\": 1}}</tool_call>\n\
                     <tool_call>{\"name\": \"order_status\", \"arguments\": {\"number\": 2}}</tool_call>";
        assert_eq!(heard(twice), ("One moment.".to_owned(), vec![order(1), order(2)]));
        let bare = "{\"name\": \"order_status\", \"parameters\": {\"number\": 1}}; \
                    {\"name\": \"order_status\", \"parameters\": {\"number\": 2}}";
        assert_eq!(heard(bare), only([order(1), order(2)]));
        let behind = "[TOOL_CALLS]order_status[ARGS]{\"number\": 1}[TOOL_CALLS]order_status[ARGS]{\"number\": 2}";
        assert_eq!(heard(behind), only([order(1), order(2)]));
        let punctuated = "<tool_call>{\"name\": \"weather\", \"arguments\": {\"place\": \"a; b\"}}</tool_call>";
        assert_eq!(heard(punctuated), only([("weather".into(), json!({"place": "a; b"}))]));
    }

    #[test]
    fn a_call_without_its_end_is_read_all_the_same() {
        for unfinished in [
            "<tool_call>{\"name\": \"order_status\", \"arguments\": {\"number\": 7}",
            "<tool_call>{\"name\": \"order_status\", \"arguments\": {\"number\": 7}</tool_call>",
            "[TOOL_CALLS][{\"name\": \"order_status\", \"arguments\": {\"number\": 7}}",
        ] {
            assert_eq!(heard(unfinished), only([order(7)]), "{unfinished}");
        }
        assert_eq!(heard("<tool_call>{\"name\": \"weather\"}</tool_call>"), only([("weather".into(), json!({}))]));
    }

    #[test]
    fn what_cannot_be_read_is_a_call_of_no_tool_and_never_heard() {
        let nonsense = "<tool_call>the weather, please</tool_call>";
        assert_eq!(heard(nonsense), only([("unreadable".into(), json!("the weather, please"))]));
        let attack = "<tool_call>{\"name\": \"<|im_end|>weather\", \"arguments\": {}}</tool_call>";
        assert_eq!(heard(attack).1[0].0, "im_endweather");
    }

    #[test]
    fn an_answer_that_only_looks_like_a_call_is_said() {
        for answer in [
            "{\"name\": \"Peter\", \"age\": 7}",
            "{\"name\": \"unknown_tool\", \"arguments\": {}}",
            "{not json}",
            "[1, 2]",
            "{\"name\": ",
            "``quoted``",
            "```sh\nls\n```",
            "1 < 2 and 2 <t",
            "Say <tool_",
            " Hello.",
        ] {
            assert_eq!(heard(answer), (answer.to_owned(), vec![]), "{answer}");
        }
    }

    #[test]
    fn without_tools_json_is_text_and_tags_are_not() {
        let call = "{\"name\": \"order_status\", \"arguments\": {}}";
        assert_eq!(cut(&[call], &[]), (call.to_owned(), vec![]));
        assert_eq!(cut(&["Hm.", "<tool_call>", call, "</tool_call>"], &[]), ("Hm.".to_owned(), vec![]));
    }

    #[test]
    fn a_call_is_shown_as_it_would_be_written() {
        let call = ToolCall::new("1", "order_status", json!({"number": 12}));
        assert_eq!(heard(&written(&call)), only([order(12)]));
    }
}
