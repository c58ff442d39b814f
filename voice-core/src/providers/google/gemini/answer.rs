//! Reads Gemini's answers, streamed or whole.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::signatures::{Seal, Signatures};
use crate::{
    cost::Usage,
    error::{ErrorKind, Result},
    id::SessionId,
    message::ToolCall,
    provider::{FinishReason, LlmEvent, ResultStream},
    providers::http::{Peer, Private, SseReader},
};

/// How long the end of the stream may take after the model has finished. A server that keeps the connection open must not hold up
/// the turn.
const AFTER_FINISH: Duration = Duration::from_secs(1);

/// Whose answer it is.
pub(super) struct Origin {
    pub(super) peer: Peer,
    pub(super) private: Private,
    pub(super) signatures: Signatures,
    pub(super) session: SessionId,
}

/// The events of a streamed answer.
pub(super) fn stream(events: SseReader, origin: Origin) -> ResultStream<LlmEvent> {
    let state = Stream { events, answer: Answer::new(origin), patience: None, ended: false };
    stream::unfold(state, |mut stream| async move { stream.next().await.map(|item| (item, stream)) }).boxed()
}

/// The events of an answer that came whole: one response, or a list of the pieces that would have been streamed.
pub(super) fn whole(body: &[u8], origin: Origin) -> Result<ResultStream<LlmEvent>> {
    let value: Value = serde_json::from_slice(body).map_err(|_| origin.peer.malformed("answered with broken JSON"))?;
    let mut answer = Answer::new(origin);
    for chunk in value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice) {
        answer.read(chunk)?;
    }
    answer.end()?;
    Ok(stream::iter(answer.ready.into_iter().map(Ok)).boxed())
}

struct Stream {
    events: SseReader,
    answer: Answer,
    patience: Option<Instant>,
    ended: bool,
}

impl Stream {
    async fn next(&mut self) -> Option<Result<LlmEvent>> {
        loop {
            if let Some(event) = self.answer.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }

    async fn advance(&mut self) -> Result<()> {
        let event = match self.patience {
            // Silence, a reset, a cut: the answer is complete, so none of it matters any more.
            Some(until) => timeout_at(until, self.events.next()).await.unwrap_or(None).filter(Result::is_ok),
            None => self.events.next().await,
        };
        let Some(event) = event.transpose()? else {
            self.ended = true;
            self.events.release();
            return self.answer.end();
        };
        if event.data.trim().is_empty() {
            return Ok(());
        }
        let peer = &self.answer.origin.peer;
        let chunk: Value = serde_json::from_str(&event.data).map_err(|_| {
            if event.complete { peer.malformed("sent a piece of answer that is not JSON") } else { peer.cut_short() }
        })?;
        self.answer.read(&chunk)?;
        if self.answer.finish.is_some() && self.patience.is_none() {
            self.patience = Some(Instant::now() + AFTER_FINISH);
        }
        Ok(())
    }
}

/// What has been read of an answer.
struct Answer {
    origin: Origin,
    ready: VecDeque<LlmEvent>,
    usage: Option<Usage>,
    /// Why the model stopped, in Gemini's word for it too.
    finish: Option<(FinishReason, String)>,
    called: bool,
    spoke: bool,
}

impl Answer {
    fn new(origin: Origin) -> Self {
        Self { origin, ready: VecDeque::new(), usage: None, finish: None, called: false, spoke: false }
    }

    /// Reads one `GenerateContentResponse`.
    fn read(&mut self, chunk: &Value) -> Result<()> {
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
            return Ok(());
        };
        for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
            self.part(part);
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            self.finish = Some((finish_reason(reason), reason.to_owned()));
        }
        Ok(())
    }

    fn part(&mut self, part: &Value) {
        if part.get("thought") == Some(&Value::Bool(true)) {
            return;
        }
        if let Some(text) = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            self.spoke = true;
            self.ready.push_back(LlmEvent::Text(text.to_owned()));
        }
        let Some(function) = part.get("functionCall") else { return };
        let text = |value: Option<&Value>| value.and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
        let arguments = function.get("args").filter(|args| args.is_object()).cloned().unwrap_or_else(|| json!({}));
        let seal = Seal { id: text(function.get("id")), signature: text(part.get("thoughtSignature")) };
        let id = seal.id.clone().unwrap_or_else(|| format!("call_{}", Uuid::now_v7().simple()));
        let call = ToolCall::new(id, text(function.get("name")).unwrap_or_default(), arguments);
        self.origin.signatures.keep(self.origin.session, &call, seal);
        self.called = true;
        self.ready.push_back(LlmEvent::ToolCall(call));
    }

    /// The answer is over.
    fn end(&mut self) -> Result<()> {
        let peer = &self.origin.peer;
        let Some((reason, word)) = self.finish.take() else { return Err(peer.cut_short()) };
        if reason == FinishReason::Other && !self.spoke && !self.called {
            // A call that the model spoiled, or a reason to come: the next attempt may do better.
            let word: String = word.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').take(40).collect();
            return Err(peer.error(ErrorKind::ProviderFailed, format!("{} gave no answer ({word})", peer.host)));
        }
        if let Some(usage) = self.usage.take() {
            self.ready.push_back(LlmEvent::Usage(usage));
        }
        // Gemini calls it a stop when the model waits for its tools.
        let calls = self.called && matches!(reason, FinishReason::Stop | FinishReason::Other);
        self.ready.push_back(LlmEvent::Finished(if calls { FinishReason::ToolCalls } else { reason }));
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
