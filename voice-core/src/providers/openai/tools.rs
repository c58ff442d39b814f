//! Tools in chat completions: how they are offered, how calls and results are shown, how calls are read.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    message::ToolCall,
    provider::{PromptMessage, ToolSpec},
};

/// The `tools` of a request.
pub(super) fn offered(tools: &[ToolSpec]) -> Value {
    let tool = |tool: &ToolSpec| {
        let function = json!({"name": tool.name, "description": tool.description, "parameters": tool.parameters});
        json!({"type": "function", "function": function})
    };
    tools.iter().map(tool).collect()
}

/// The message with which the assistant called tools.
pub(super) fn calling(message: &PromptMessage) -> Value {
    let call = |call: &ToolCall| {
        let function = json!({"name": call.name, "arguments": call.arguments.to_string()});
        json!({"id": call.id, "type": "function", "function": function})
    };
    let content = if message.content.is_empty() { Value::Null } else { json!(&*message.content) };
    json!({"role": "assistant", "content": content, "tool_calls": message.tool_calls.iter().map(call).collect::<Value>()})
}

/// Calls that arrive in fragments.
#[derive(Default)]
pub(super) struct Calls(Vec<Fragments>);

#[derive(Default)]
struct Fragments {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// Reads the fragments of a delta, or the calls of a whole message.
    pub(super) fn read(&mut self, delta: &Value) {
        for fragment in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.fragment(fragment);
        }
        // The form before there were several calls in an answer.
        if let Some(function) = delta.get("function_call").filter(|f| f.is_object()) {
            self.fragment(&json!({"index": 0, "function": function}));
        }
    }

    fn fragment(&mut self, fragment: &Value) {
        let text = |path: &str| fragment.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let (id, name) = (text("/id"), text("/function/name"));
        let index = fragment.get("index").and_then(Value::as_u64);
        let begun = match index {
            Some(_) => self.0.iter().rposition(|call| call.index == index),
            // Without a number, what has a name begins a call, and what has none goes on with the last.
            None if name.is_empty() => self.0.len().checked_sub(1),
            None => None,
        };
        // Some servers give every call the same number, but never the same id.
        let same = |n: &usize| id.is_empty() || self.0[*n].id.is_empty() || self.0[*n].id == id;
        let at = begun.filter(same).unwrap_or_else(|| {
            self.0.push(Fragments { index, ..Fragments::default() });
            self.0.len() - 1
        });
        let call = &mut self.0[at];
        // Servers that repeat id and name do so whole.
        for (kept, new) in [(&mut call.id, id), (&mut call.name, name)] {
            if kept.is_empty() {
                new.clone_into(kept);
            }
        }
        match fragment.pointer("/function/arguments") {
            Some(Value::String(text)) => call.arguments.push_str(text),
            Some(Value::Null) | None => {}
            Some(whole) => call.arguments = whole.to_string(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The calls, once nothing more of them will come.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = ToolCall> + use<> {
        std::mem::take(&mut self.0).into_iter().map(|call| {
            let id = if call.id.is_empty() { format!("call_{}", Uuid::now_v7().simple()) } else { call.id };
            ToolCall::new(id, call.name, arguments(call.arguments))
        })
    }
}

/// Arguments as JSON; text that is none stays text.
pub(super) fn arguments(text: String) -> Value {
    if text.trim().is_empty() {
        return Value::Object(Map::new());
    }
    match serde_json::from_str(&text) {
        // Some servers write JSON into JSON.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(Value::Object(fields)) => Value::Object(fields),
            _ => Value::String(inner),
        },
        Ok(value) => value,
        Err(_) => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(deltas: &[Value]) -> Vec<(String, String, Value)> {
        let mut calls = Calls::default();
        for delta in deltas {
            calls.read(delta);
        }
        calls.finish().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: Value) -> (String, String, Value) {
        (id.to_owned(), name.to_owned(), arguments)
    }

    fn piece(index: u64, arguments: &str) -> Value {
        json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})
    }

    #[test]
    fn fragments_are_joined_by_their_number_however_they_interleave() {
        let begin = |index: u64, id: &str, name: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]});
        let deltas = [begin(0, "a", "f"), piece(0, "{\"n\""), begin(1, "b", "g"), piece(1, "{}"), piece(0, ": 1}")];
        assert_eq!(calls(&deltas), [call("a", "f", json!({"n": 1})), call("b", "g", json!({}))]);
    }

    #[test]
    fn calls_without_a_number_begin_with_their_name() {
        let deltas = [
            json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{\"n\":"}}]}),
            json!({"tool_calls": [{"function": {"arguments": "1}"}}]}),
            json!({"tool_calls": [{"id": "b", "function": {"name": "f", "arguments": {"n": 2}}}]}),
        ];
        assert_eq!(calls(&deltas), [call("a", "f", json!({"n": 1})), call("b", "f", json!({"n": 2}))]);
    }

    #[test]
    fn calls_that_share_a_number_are_told_apart_by_their_ids() {
        let whole = |id: &str, n: u32| json!({"index": 0, "id": id, "function": {"name": "f", "arguments": format!("{{\"n\":{n}}}")}});
        let deltas = [json!({"tool_calls": [whole("a", 1), whole("b", 2)]})];
        assert_eq!(calls(&deltas), [call("a", "f", json!({"n": 1})), call("b", "f", json!({"n": 2}))]);
    }

    #[test]
    fn repeated_names_and_ids_are_taken_once() {
        let delta = |arguments: &str| json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]});
        assert_eq!(calls(&[delta("{\"n\":"), delta("1}")]), [call("a", "f", json!({"n": 1}))]);
    }

    #[test]
    fn the_old_form_of_one_call_is_read() {
        let deltas = [
            json!({"function_call": {"name": "f", "arguments": "{\"n\""}}),
            json!({"function_call": {"arguments": ":1}"}}),
        ];
        let read = calls(&deltas);
        assert_eq!((read[0].1.as_str(), &read[0].2, read.len()), ("f", &json!({"n": 1}), 1));
        assert!(read[0].0.starts_with("call_"), "a call without an id is given one");
    }

    #[test]
    fn arguments_come_in_several_shapes() {
        for (written, read) in [
            (json!(""), json!({})),
            (json!(null), json!({})),
            (json!("{\"n\": 1}"), json!({"n": 1})),
            (json!({"n": 1}), json!({"n": 1})),
            (json!("\"{\\\"n\\\": 1}\""), json!({"n": 1})),
            (json!("{\"n\": "), json!("{\"n\": ")),
        ] {
            let delta = json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": written}}]});
            assert_eq!(calls(&[delta]), [call("a", "f", read)], "{written}");
        }
    }
}
