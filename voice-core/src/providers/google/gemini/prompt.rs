//! A prompt as Gemini's contents.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::signatures::Seal;
use crate::{
    message::{Role, ToolCall},
    provider::PromptMessage,
};

/// What one side says at once.
struct Content {
    role: &'static str,
    parts: Vec<Value>,
    /// It holds results of tools, which stand alone.
    results: bool,
}

/// The system instruction, if there is one, and the contents. `seals` finds the seals of the calls in the prompt, step by step.
pub(super) fn contents(
    messages: &[PromptMessage],
    seals: impl FnOnce(&[&[ToolCall]]) -> Vec<Vec<Seal>>,
) -> (Option<Value>, Value) {
    let steps: Vec<&[ToolCall]> = messages.iter().map(|m| &*m.tool_calls).filter(|calls| !calls.is_empty()).collect();
    let mut seals = if steps.is_empty() { Vec::new() } else { seals(&steps) }.into_iter();
    let mut ids = HashMap::new();
    let mut instruction = Vec::new();
    let mut contents: Vec<Content> = Vec::new();
    for message in messages {
        let (role, results, parts) = match (message.role, &message.answers) {
            (_, Some(call)) => {
                let key = if call.failed { "error" } else { "output" };
                let id = ids.get(&call.id).unwrap_or(&call.id);
                let response = json!({"id": id, "name": call.name, "response": {key: &*message.content}});
                ("user", true, vec![json!({ "functionResponse": response })])
            }
            (Role::System, None) => {
                instruction.push(json!({"text": &*message.content}));
                continue;
            }
            (Role::Assistant, None) => {
                let mut parts: Vec<Value> = text(message).into_iter().collect();
                if !message.tool_calls.is_empty() {
                    let seals = seals.next().unwrap_or_default();
                    parts.extend(calls(&message.tool_calls, seals, &mut ids));
                }
                ("model", false, parts)
            }
            // The result of a tool without the call it answers is refused; as the user's words it is read.
            (Role::User | Role::Tool, None) => ("user", false, text(message).into_iter().collect()),
        };
        match contents.last_mut() {
            _ if parts.is_empty() => {}
            Some(last) if last.role == role && last.results == results => last.parts.extend(parts),
            _ => contents.push(Content { role, parts, results }),
        }
    }
    // Gemini answers nothing but contents.
    if contents.is_empty() && !instruction.is_empty() {
        contents.push(Content { role: "user", parts: std::mem::take(&mut instruction), results: false });
    }
    let contents = contents.into_iter().map(|content| json!({"role": content.role, "parts": content.parts})).collect();
    ((!instruction.is_empty()).then(|| json!({ "parts": instruction })), contents)
}

fn text(message: &PromptMessage) -> Option<Value> {
    (!message.content.is_empty()).then(|| json!({"text": &*message.content}))
}

/// The parts of calls that were made at once. `ids` learns under which id each goes out.
fn calls<'a>(calls: &'a [ToolCall], seals: Vec<Seal>, ids: &mut HashMap<&'a String, String>) -> Vec<Value> {
    let seals = seals.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    let part = |(call, seal): (&'a ToolCall, Option<Seal>)| {
        let Seal { id, signature } = seal.unwrap_or_default();
        let id = id.unwrap_or_else(|| call.id.clone());
        let mut part = json!({"functionCall": {"id": &id, "name": call.name, "args": call.arguments}});
        if let Some(signature) = signature {
            part["thoughtSignature"] = signature.into();
        }
        ids.insert(&call.id, id);
        part
    };
    calls.iter().zip(seals).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(messages: &[PromptMessage], seals: Vec<Vec<Seal>>) -> (Option<Value>, Value) {
        contents(messages, |_| seals)
    }

    #[test]
    fn calls_made_at_once_are_one_content_and_so_are_their_results() {
        let two = [ToolCall::new("call1", "f", json!({"x": 1})), ToolCall::new("call2", "g", json!({}))];
        let messages = [
            PromptMessage::new(Role::System, "Be kind."),
            PromptMessage::new(Role::User, "Hi."),
            PromptMessage::calling("Let me look.", two.clone()),
            PromptMessage::tool_result(&two[0], false, "one"),
            PromptMessage::tool_result(&two[1], true, "broken"),
            PromptMessage::new(Role::User, "Well?"),
        ];
        let seals = vec![Seal { id: Some("own".into()), signature: Some("c2ln".into()) }, Seal::default()];
        let (instruction, contents) = shown(&messages, vec![seals]);
        assert_eq!(instruction, Some(json!({"parts": [{"text": "Be kind."}]})));
        let expected = json!([
            {"role": "user", "parts": [{"text": "Hi."}]},
            {"role": "model", "parts": [
                {"text": "Let me look."},
                {"functionCall": {"id": "own", "name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "call2", "name": "g", "args": {}}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "own", "name": "f", "response": {"output": "one"}}},
                {"functionResponse": {"id": "call2", "name": "g", "response": {"error": "broken"}}},
            ]},
            {"role": "user", "parts": [{"text": "Well?"}]},
        ]);
        assert_eq!(contents, expected);
    }

    #[test]
    fn turns_alternate_and_a_prompt_without_words_is_asked_by_its_instruction() {
        let said = [Role::User, Role::User, Role::Assistant, Role::Tool].map(|role| PromptMessage::new(role, "a"));
        let roles: Vec<Value> = shown(&said, vec![])
            .1
            .as_array()
            .unwrap()
            .iter()
            .map(|c| json!([c["role"], c["parts"].as_array().unwrap().len()]))
            .collect();
        assert_eq!(Value::from(roles), json!([["user", 2], ["model", 1], ["user", 1]]));
        let only = [PromptMessage::new(Role::System, "Greet."), PromptMessage::new(Role::User, "")];
        assert_eq!(shown(&only, vec![]), (None, json!([{"role": "user", "parts": [{"text": "Greet."}]}])));
    }
}
