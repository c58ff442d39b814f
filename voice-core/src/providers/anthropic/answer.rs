//! Reads messages, streamed or whole.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use crate::{
    cost::Usage,
    error::Result,
    message::ToolCall,
    provider::{FinishReason, LlmEvent, ResultStream},
    providers::http::{Peer, Private, SseReader},
};

/// How long the end mark may take once the model has said why it stopped.
const AFTER_FINISH: Duration = Duration::from_secs(1);

/// The events of a streamed answer.
pub(super) fn stream(events: SseReader, peer: Peer, private: Private) -> ResultStream<LlmEvent> {
    let state = Reading {
        events,
        peer,
        private,
        answer: Answer::default(),
        ready: VecDeque::new(),
        patience: None,
        ended: false,
    };
    stream::unfold(state, |mut reading| async move { reading.next().await.map(|item| (item, reading)) }).boxed()
}

/// The events of an answer that came whole, as from a server that does not stream.
pub(super) fn whole(body: &[u8], peer: &Peer, private: &Private) -> Result<ResultStream<LlmEvent>> {
    let message: Value = serde_json::from_slice(body).map_err(|_| peer.malformed("answered with broken JSON"))?;
    if is_error(&message, "") {
        return Err(peer.reported(&message, private));
    }
    let Some(blocks) = message.get("content").and_then(Value::as_array) else {
        return Err(peer.malformed("answered with JSON that holds no content"));
    };
    let (mut answer, mut ready) = (Answer::default(), VecDeque::new());
    for (index, block) in (0..).zip(blocks) {
        answer.begin(index, block, &mut ready);
    }
    answer.finish(&message);
    answer.usage.note(&message);
    answer.end(&mut ready);
    Ok(stream::iter(ready.into_iter().map(Ok)).boxed())
}

struct Reading {
    events: SseReader,
    peer: Peer,
    private: Private,
    answer: Answer,
    ready: VecDeque<LlmEvent>,
    patience: Option<Instant>,
    ended: bool,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<LlmEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            let event = match self.patience {
                // Silence, a reset, a cut: the answer is complete, so none of it matters any more.
                Some(until) => timeout_at(until, self.events.next()).await.unwrap_or(None).filter(Result::is_ok),
                None => self.events.next().await,
            };
            let failed = match event {
                Some(Ok(event)) if event.data.trim().is_empty() => None,
                Some(Ok(event)) => match serde_json::from_str::<Value>(&event.data) {
                    Ok(value) if is_error(&value, &event.name) => Some(self.peer.reported(&value, &self.private)),
                    Ok(value) => {
                        if self.answer.read(&value, &event.name, &mut self.ready) {
                            self.end();
                        } else if self.answer.finish.is_some() && self.patience.is_none() {
                            self.patience = Some(Instant::now() + AFTER_FINISH);
                        }
                        None
                    }
                    Err(_) if event.complete => Some(self.peer.malformed("sent a piece of answer that is not JSON")),
                    Err(_) => Some(self.peer.cut_short()),
                },
                Some(Err(error)) => Some(error),
                None if self.answer.finish.is_some() => {
                    self.end();
                    None
                }
                None => Some(self.peer.cut_short()),
            };
            if let Some(error) = failed {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.events.release();
        self.answer.end(&mut self.ready);
    }
}

/// Whether an event, or a whole answer, is a failure.
fn is_error(value: &Value, event: &str) -> bool {
    kind(value, event) == "error" || value.get("error").is_some_and(|e| !e.is_null())
}

fn kind<'a>(value: &'a Value, event: &'a str) -> &'a str {
    value.get("type").and_then(Value::as_str).unwrap_or(event)
}

/// What has been read of an answer.
#[derive(Default)]
struct Answer {
    usage: Counts,
    finish: Option<FinishReason>,
    calls: Vec<Fragments>,
}

impl Answer {
    /// Reads one event; whether it was the last.
    fn read(&mut self, event: &Value, name: &str, out: &mut VecDeque<LlmEvent>) -> bool {
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match kind(event, name) {
            "message_start" => self.usage.note(&event["message"]),
            "content_block_start" => self.begin(index, &event["content_block"], out),
            "content_block_delta" => self.go_on(index, &event["delta"], out),
            "message_delta" => {
                self.finish(&event["delta"]);
                self.usage.note(event);
            }
            "message_stop" => return true,
            // `ping`, the end of a block, and whatever is new.
            _ => {}
        }
        false
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

    fn end(&mut self, out: &mut VecDeque<LlmEvent>) {
        let reason = match self.finish.unwrap_or(FinishReason::Other) {
            FinishReason::Stop | FinishReason::Other if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason,
        };
        out.extend(std::mem::take(&mut self.calls).into_iter().map(|call| LlmEvent::ToolCall(call.whole())));
        if let Some(usage) = self.usage.total() {
            out.push_back(LlmEvent::Usage(usage));
        }
        out.push_back(LlmEvent::Finished(reason));
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
