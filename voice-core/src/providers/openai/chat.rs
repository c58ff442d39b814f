//! Reads chat completions, streamed or whole, from servers that each bend the format a little.

use std::collections::VecDeque;

use serde_json::Value;

use super::tools::Calls;
use crate::{
    cost::Usage,
    error::Result,
    provider::{FinishReason, LlmEvent, ResultStream, Thoughts},
    providers::http::{Peer, Private, SseReader, Written, at_once, streamed},
};

/// The events of a streamed answer.
pub(super) fn stream(events: SseReader, peer: Peer, private: Private) -> ResultStream<LlmEvent> {
    streamed(events, Answer::new(peer, private))
}

/// The events of an answer that came whole, as from a server that does not stream.
pub(super) fn whole(body: &[u8], peer: Peer, private: Private) -> Result<ResultStream<LlmEvent>> {
    let value: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
    if error_in(&value, "").is_none() && value.get("choices").is_none_or(|c| !c.is_array()) {
        return Err(peer.malformed("answered with JSON that holds no choices"));
    }
    at_once(&[value], Answer::new(peer, private))
}

/// The error that a chunk carries instead of text, if any.
fn error_in<'a>(chunk: &'a Value, event: &str) -> Option<&'a Value> {
    if event == "error" || chunk.get("error").is_some_and(|e| !e.is_null()) {
        return Some(chunk);
    }
    // Groq reports failures beside the (then empty) choices.
    chunk.get("x_groq").filter(|g| g.get("error").is_some_and(|e| !e.is_null()))
}

/// What has been read of an answer.
struct Answer {
    peer: Peer,
    private: Private,
    usage: Option<Usage>,
    finish: Option<FinishReason>,
    refused: bool,
    calls: Calls,
    thoughts: Thoughts,
}

impl Answer {
    fn new(peer: Peer, private: Private) -> Self {
        let (calls, thoughts) = (Calls::default(), Thoughts::default());
        Self { peer, private, usage: None, finish: None, refused: false, calls, thoughts }
    }

    fn text(&mut self, text: String, out: &mut VecDeque<LlmEvent>) {
        let spoken = self.thoughts.strip(&text);
        if !spoken.is_empty() {
            out.push_back(LlmEvent::Text(spoken));
        }
    }
}

impl Written for Answer {
    const END_MARK: Option<&'static str> = Some("[DONE]");

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    fn read(&mut self, chunk: &Value, name: &str, out: &mut VecDeque<LlmEvent>) -> Result<bool> {
        if let Some(error) = error_in(chunk, name) {
            return Err(self.peer.reported(error, &self.private));
        }
        let usage = [chunk.get("usage"), chunk.pointer("/x_groq/usage")].into_iter().flatten().find_map(usage);
        self.usage = usage.or(self.usage);
        let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let first = choices.iter().find(|c| c.get("index").and_then(Value::as_u64).unwrap_or(0) == 0);
        let Some(choice) = first else { return Ok(false) };
        let delta = choice.get("delta").filter(|d| d.is_object()).or_else(|| choice.get("message"));
        if let Some(delta) = delta {
            self.text(delta.get("content").map(content).unwrap_or_default(), out);
            if let Some(refusal) = delta.get("refusal").and_then(Value::as_str).filter(|r| !r.is_empty()) {
                self.refused = true;
                self.text(refusal.to_owned(), out);
            }
            self.calls.read(delta);
        } else if let Some(text) = choice.get("text").and_then(Value::as_str) {
            self.text(text.to_owned(), out);
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish = Some(match reason {
                "stop" | "eos" | "eos_token" | "stop_sequence" => FinishReason::Stop,
                "length" | "max_tokens" => FinishReason::Length,
                "content_filter" => FinishReason::ContentFilter,
                "tool_calls" | "function_call" => FinishReason::ToolCalls,
                _ => FinishReason::Other,
            });
        }
        Ok(false)
    }

    fn end(&mut self, out: &mut VecDeque<LlmEvent>) -> Result<()> {
        let rest = self.thoughts.rest();
        if !rest.is_empty() {
            out.push_back(LlmEvent::Text(rest));
        }
        // Many servers call it a stop when the model waits for its tools.
        let reason = match self.finish.unwrap_or(FinishReason::Other) {
            FinishReason::Stop | FinishReason::Other if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        out.extend(self.calls.finish().map(LlmEvent::ToolCall));
        if let Some(usage) = self.usage.take() {
            out.push_back(LlmEvent::Usage(usage));
        }
        out.push_back(LlmEvent::Finished(if self.refused { FinishReason::ContentFilter } else { reason }));
        Ok(())
    }
}

/// Text that is a string, or a list of parts of which some are text.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|p| p.get("text").and_then(Value::as_str)).collect(),
        _ => String::new(),
    }
}

fn usage(value: &Value) -> Option<Usage> {
    let count = |path: &str| value.pointer(path).and_then(Value::as_u64);
    let input = count("/prompt_tokens")?;
    Some(Usage {
        input_tokens: input,
        cached_tokens: count("/prompt_tokens_details/cached_tokens").unwrap_or(0),
        output_tokens: count("/completion_tokens").unwrap_or(0),
        ..Usage::default()
    })
}
