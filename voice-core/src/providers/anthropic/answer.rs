//! Reads messages, streamed or whole.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::{
    cost::Usage,
    error::Result,
    message::ToolCall,
    provider::{FinishReason, LlmEvent, ResultStream},
    providers::http::{Peer, Private, SseReader, Written, at_once, streamed},
};

/// The events of a streamed answer.
pub(super) fn stream(events: SseReader, peer: Peer, private: Private) -> ResultStream<LlmEvent> {
    streamed(events, Answer::new(peer, private))
}

/// The events of an answer that came whole, as from a server that does not stream.
pub(super) fn whole(body: &[u8], peer: Peer, private: Private) -> Result<ResultStream<LlmEvent>> {
    let message: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
    if !is_error(&message, "") && !message.get("content").is_some_and(Value::is_array) {
        return Err(peer.malformed("answered with JSON that holds no content"));
    }
    at_once(&[message], Answer::new(peer, private))
}

/// Whether an event, or a whole answer, is a failure.
fn is_error(value: &Value, event: &str) -> bool {
    kind(value, event) == "error" || value.get("error").is_some_and(|e| !e.is_null())
}

fn kind<'a>(value: &'a Value, event: &'a str) -> &'a str {
    value.get("type").and_then(Value::as_str).unwrap_or(event)
}

/// What has been read of an answer.
struct Answer {
    peer: Peer,
    private: Private,
    usage: Counts,
    finish: Option<FinishReason>,
    calls: Vec<Fragments>,
}

impl Written for Answer {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    fn read(&mut self, event: &Value, name: &str, out: &mut VecDeque<LlmEvent>) -> Result<bool> {
        if is_error(event, name) {
            return Err(self.peer.reported(event, &self.private));
        }
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match kind(event, name) {
            "message_start" => self.usage.note(&event["message"]),
            "content_block_start" => self.begin(index, &event["content_block"], out),
            "content_block_delta" => self.go_on(index, &event["delta"], out),
            "message_delta" => {
                self.finish(&event["delta"]);
                self.usage.note(event);
            }
            "message_stop" => return Ok(true),
            // A whole one.
            "message" | "" => {
                let blocks = event.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                (0..).zip(blocks).for_each(|(index, block)| self.begin(index, block, out));
                self.finish(event);
                self.usage.note(event);
            }
            // `ping`, the end of a block, and whatever is new.
            _ => {}
        }
        Ok(false)
    }

    fn end(&mut self, out: &mut VecDeque<LlmEvent>) -> Result<()> {
        let reason = match self.finish.unwrap_or(FinishReason::Other) {
            FinishReason::Stop | FinishReason::Other if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        out.extend(std::mem::take(&mut self.calls).into_iter().map(|call| LlmEvent::ToolCall(call.whole())));
        if let Some(usage) = self.usage.total() {
            out.push_back(LlmEvent::Usage(usage));
        }
        out.push_back(LlmEvent::Finished(reason));
        Ok(())
    }
}

impl Answer {
    fn new(peer: Peer, private: Private) -> Self {
        Self { peer, private, usage: Counts::default(), finish: None, calls: Vec::new() }
    }

    /// A block: text, a call, or what is not to be spoken.
    fn begin(&mut self, index: u64, block: &Value, out: &mut VecDeque<LlmEvent>) {
        let word = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        match word("type") {
            "text" => say(word("text"), out),
            "tool_use" => {
                let input = block.get("input").cloned().unwrap_or_default();
                let (id, name) = (word("id").to_owned(), word("name").to_owned());
                self.calls.push(Fragments { index, id, name, input, arguments: String::new() });
            }
            _ => {}
        }
    }

    fn go_on(&mut self, index: u64, delta: &Value, out: &mut VecDeque<LlmEvent>) {
        let word = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
        match word("type") {
            "text_delta" => say(word("text"), out),
            "input_json_delta" => {
                // Fragments of a block that is no call belong to a tool of the server's own.
                if let Some(call) = self.calls.iter_mut().rfind(|call| call.index == index) {
                    call.arguments.push_str(word("partial_json"));
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, message: &Value) {
        let Some(reason) = message.get("stop_reason").and_then(Value::as_str) else { return };
        self.finish = Some(match reason {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "refusal" => FinishReason::ContentFilter,
            // `pause_turn`, which only tools of the server's own bring about, and whatever is new.
            _ => FinishReason::Other,
        });
    }
}

fn say(words: &str, out: &mut VecDeque<LlmEvent>) {
    if !words.is_empty() {
        out.push_back(LlmEvent::Text(words.to_owned()));
    }
}

/// A call whose arguments arrive in fragments.
struct Fragments {
    index: u64,
    id: String,
    name: String,
    /// What the block began with: an empty object when fragments follow, the arguments when they came whole.
    input: Value,
    arguments: String,
}

impl Fragments {
    fn whole(self) -> ToolCall {
        let arguments = match self.arguments.trim() {
            "" if self.input.is_object() => self.input,
            "" => Value::Object(Map::new()),
            // Text that is no JSON stays text: the model is told.
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(self.arguments.clone())),
        };
        ToolCall::new(self.id, self.name, arguments)
    }
}

/// What was used, by Anthropic's book: each figure replaces the one before, and what was read from the cache or written to it is
/// not part of the input.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    written: Option<u64>,
    read: Option<u64>,
    output: Option<u64>,
}

impl Counts {
    fn note(&mut self, message: &Value) {
        let Some(usage) = message.get("usage") else { return };
        for (kept, name) in [
            (&mut self.input, "input_tokens"),
            (&mut self.written, "cache_creation_input_tokens"),
            (&mut self.read, "cache_read_input_tokens"),
            (&mut self.output, "output_tokens"),
        ] {
            *kept = usage.get(name).and_then(Value::as_u64).or(*kept);
        }
    }

    fn total(&self) -> Option<Usage> {
        self.input.or(self.output)?;
        let count = |figure: Option<u64>| figure.unwrap_or(0);
        Some(Usage {
            input_tokens: count(self.input).saturating_add(count(self.written)).saturating_add(count(self.read)),
            cached_tokens: count(self.read),
            output_tokens: count(self.output),
            ..Usage::default()
        })
    }
}
