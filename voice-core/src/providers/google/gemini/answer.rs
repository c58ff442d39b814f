//! Reads Gemini's answers, streamed or whole.

use std::collections::VecDeque;

use serde_json::{Value, json};
use uuid::Uuid;

use super::signatures::{Seal, Signatures};
use crate::{
    cost::Usage,
    error::{ErrorKind, Result},
    id::SessionId,
    message::ToolCall,
    provider::{FinishReason, LlmEvent, ResultStream},
    providers::http::{Peer, Private, SseReader, Written, at_once, streamed},
};

/// Whose answer it is.
pub(super) struct Origin {
    pub(super) peer: Peer,
    pub(super) private: Private,
    pub(super) signatures: Signatures,
    pub(super) session: SessionId,
}

/// The events of a streamed answer.
pub(super) fn stream(events: SseReader, origin: Origin) -> ResultStream<LlmEvent> {
    streamed(events, Answer::new(origin))
}

/// The events of an answer that came whole: one response, or a list of the pieces that would have been streamed.
pub(super) fn whole(body: &[u8], origin: Origin) -> Result<ResultStream<LlmEvent>> {
    let value: Value = serde_json::from_slice(body).map_err(|_| origin.peer.malformed("answered with broken JSON"))?;
    at_once(value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice), Answer::new(origin))
}

/// What has been read of an answer.
struct Answer {
    origin: Origin,
    usage: Option<Usage>,
    /// Why the model stopped, in Gemini's word for it too.
    finish: Option<(FinishReason, String)>,
    called: bool,
    spoke: bool,
}

impl Answer {
    fn new(origin: Origin) -> Self {
        Self { origin, usage: None, finish: None, called: false, spoke: false }
    }

    fn part(&mut self, part: &Value, out: &mut VecDeque<LlmEvent>) {
        if part.get("thought") == Some(&Value::Bool(true)) {
            return;
        }
        if let Some(text) = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.spoke = true;
            out.push_back(LlmEvent::Text(text.to_owned()));
        }
        let Some(function) = part.get("functionCall") else { return };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
        let arguments = function.get("args").filter(|args| args.is_object()).cloned().unwrap_or_else(|| json!({}));
        let seal = Seal { id: text(function.get("id")), signature: text(part.get("thoughtSignature")) };
        let id = seal.id.clone().unwrap_or_else(|| format!("call_{}", Uuid::now_v7().simple()));
        let call = ToolCall::new(id, text(function.get("name")).unwrap_or_default(), arguments);
        self.origin.signatures.keep(self.origin.session, &call, seal);
        self.called = true;
        out.push_back(LlmEvent::ToolCall(call));
    }
}

impl Written for Answer {
    fn peer(&self) -> &Peer {
        &self.origin.peer
    }

    fn is_complete(&self) -> bool {
        self.finish.is_some()
    }

    fn read(&mut self, chunk: &Value, _: &str, out: &mut VecDeque<LlmEvent>) -> Result<bool> {
        if chunk.get("error").is_some_and(|e| !e.is_null()) {
            return Err(self.origin.peer.reported(chunk, &self.origin.private));
        }
        self.usage = chunk.get("usageMetadata").and_then(usage).or(self.usage);
        let candidates = chunk.get("candidates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let first = candidates.iter().find(|c| c.get("index").and_then(Value::as_u64).unwrap_or(0) == 0);
        let Some(candidate) = first else {
            if let Some(reason) = chunk.pointer("/promptFeedback/blockReason").and_then(Value::as_str) {
                self.finish = Some((FinishReason::ContentFilter, reason.to_owned()));
            }
            return Ok(false);
        };
        for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
            self.part(part, out);
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            self.finish = Some((finish_reason(reason), reason.to_owned()));
        }
        Ok(false)
    }

    fn end(&mut self, out: &mut VecDeque<LlmEvent>) -> Result<()> {
        let peer = &self.origin.peer;
        let Some((reason, word)) = self.finish.take() else { return Err(peer.cut_short()) };
        if reason == FinishReason::Other && !self.spoke && !self.called {
            // A call that the model spoiled, or a reason to come: the next attempt may do better.
            let word: String = word.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(40).collect();
            return Err(peer.error(ErrorKind::ProviderFailed, format!("{} gave no answer ({word})", peer.host)));
        }
        if let Some(usage) = self.usage.take() {
            out.push_back(LlmEvent::Usage(usage));
        }
        // Gemini calls it a stop when the model waits for its tools.
        let calls = self.called && matches!(reason, FinishReason::Stop | FinishReason::Other);
        out.push_back(LlmEvent::Finished(if calls { FinishReason::ToolCalls } else { reason }));
        Ok(())
    }
}

fn finish_reason(word: &str) -> FinishReason {
    match word {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
            FinishReason::ContentFilter
        }
        _ => FinishReason::Other,
    }
}

/// Thoughts are written, and paid for, as the answer is.
fn usage(metadata: &Value) -> Option<Usage> {
    let count = |name: &str| metadata.get(name).and_then(Value::as_u64);
    Some(Usage {
        input_tokens: count("promptTokenCount")?,
        cached_tokens: count("cachedContentTokenCount").unwrap_or(0),
        output_tokens: count("candidatesTokenCount").unwrap_or(0) + count("thoughtsTokenCount").unwrap_or(0),
        ..Usage::default()
    })
}
