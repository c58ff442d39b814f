//! A prompt as Anthropic takes it: instructions apart, user and assistant in turn, calls and results as blocks.

use serde_json::{Map, Value, json};

use crate::{
    message::Role,
    provider::{PromptMessage, ToolSpec},
};

/// The instructions. The last block ends the prefix that is cached: tools stand before it.
pub(super) fn system(prompt: &[PromptMessage]) -> Option<Value> {
    let instructions = prompt.iter().filter(|message| message.role == Role::System);
    let mut blocks: Vec<Value> = instructions.filter_map(|message| text(&message.content)).collect();
    blocks.last_mut()?["cache_control"] = json!({"type": "ephemeral"});
    Some(Value::Array(blocks))
}

/// What was said, called and answered. Neighbours of the same role become one message, because roles must alternate; in it,
/// results stand before words.
pub(super) fn conversation(prompt: &[PromptMessage]) -> Value {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in prompt.iter().filter(|message| message.role != Role::System) {
        let (role, blocks) = blocks(message);
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, said)) if *last == role => said.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let turn = |(role, mut blocks): (&str, Vec<Value>)| {
        blocks.sort_by_key(|block| role == "user" && block["type"] != "tool_result");
        let words = match blocks.as_slice() {
            [only] if only["type"] == "text" => Some(only["text"].clone()),
            _ => None,
        };
        json!({"role": role, "content": words.unwrap_or(Value::Array(blocks))})
    };
    turns.into_iter().map(turn).collect()
}

fn blocks(message: &PromptMessage) -> (&'static str, Vec<Value>) {
    if let Some(call) = &message.answers {
        let mut result = json!({"type": "tool_result", "tool_use_id": call.id});
        if !message.content.is_empty() {
            result["content"] = json!(&*message.content);
        }
        if call.failed {
            result["is_error"] = json!(true);
        }
        return ("user", vec![result]);
    }
    let mut blocks: Vec<Value> = text(&message.content).into_iter().collect();
    blocks.extend(message.tool_calls.iter().map(|call| {
        let input = if call.arguments.is_object() { call.arguments.clone() } else { Value::Object(Map::new()) };
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
    }));
    let role = match message.role {
        Role::Assistant => "assistant",
        // The result of a tool without the call it answers is refused; as the user's words it is read.
        Role::User | Role::Tool | Role::System => "user",
    };
    (role, blocks)
}

/// A block of text; a blank one is refused and left out.
fn text(words: &str) -> Option<Value> {
    (!words.trim().is_empty()).then(|| json!({"type": "text", "text": words}))
}

/// The `tools` of a request.
pub(super) fn tools(tools: &[ToolSpec]) -> Value {
    let tool =
        |tool: &ToolSpec| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters});
    tools.iter().map(tool).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::ToolCall;

    fn said(role: Role, words: &str) -> PromptMessage {
        PromptMessage::new(role, words)
    }

    #[test]
    fn neighbours_of_one_role_become_one_message_and_blank_ones_none() {
        let prompt = [
            said(Role::System, "Be brief."),
            said(Role::User, "Hi."),
            said(Role::Assistant, " "),
            said(Role::User, "Are you there?"),
            said(Role::Assistant, "Yes."),
        ];
        let words = |words: &str| json!({"type": "text", "text": words});
        assert_eq!(
            conversation(&prompt),
            json!([
                {"role": "user", "content": [words("Hi."), words("Are you there?")]},
                {"role": "assistant", "content": "Yes."},
            ])
        );
    }

    #[test]
    fn results_follow_their_calls_at_once_and_stand_before_words() {
        let calls = [ToolCall::new("a", "f", json!({"n": 1})), ToolCall::new("b", "g", json!("no object"))];
        let prompt = [
            said(Role::User, "Look."),
            PromptMessage::calling("One moment.", calls.clone()),
            said(Role::User, "Hurry!"),
            PromptMessage::tool_result(&calls[0], false, "found"),
            PromptMessage::tool_result(&calls[1], true, ""),
        ];
        assert_eq!(
            conversation(&prompt),
            json!([
                {"role": "user", "content": "Look."},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "One moment."},
                    {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}},
                    {"type": "tool_use", "id": "b", "name": "g", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "found"},
                    {"type": "tool_result", "tool_use_id": "b", "is_error": true},
                    {"type": "text", "text": "Hurry!"},
                ]},
            ])
        );
    }

    #[test]
    fn the_cached_prefix_ends_with_the_last_instruction() {
        let prompt = [said(Role::System, "Be brief."), said(Role::User, "Hi."), said(Role::System, "Be kind.")];
        assert_eq!(
            system(&prompt),
            Some(json!([
                {"type": "text", "text": "Be brief."},
                {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
            ]))
        );
        assert_eq!(system(&prompt[1..2]), None);
    }
}
