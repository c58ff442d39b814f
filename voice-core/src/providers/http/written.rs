//! Language models' answers, streamed as server-sent events of JSON or given at once: the part of reading them that is alike everywhere.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{Peer, SseReader};
use crate::{
    error::Result,
    provider::{LlmEvent, ResultStream},
};

/// How long figures and the end mark may take after the model has said why it stopped. A server that sends neither and keeps the
/// connection open must not hold up the turn.
const AFTER_FINISH: Duration = Duration::from_secs(1);

/// An answer, as a provider writes it.
pub(crate) trait Written: Send + 'static {
    /// The event that ends a stream, where that is no JSON.
    const END_MARK: Option<&'static str> = None;

    /// Who answers.
    fn peer(&self) -> &Peer;

    /// Reads one event, named as in the stream, or a whole answer. True: it was the last.
    fn read(&mut self, event: &Value, name: &str, out: &mut VecDeque<LlmEvent>) -> Result<bool>;

    /// Whether the model has said why it stopped: all that is to be spoken is there.
    fn is_complete(&self) -> bool;

    /// The answer is over: what was kept back, what was used, and why it ended.
    fn end(&mut self, out: &mut VecDeque<LlmEvent>) -> Result<()>;
}

/// The events of a streamed answer.
pub(crate) fn streamed(events: SseReader, answer: impl Written) -> ResultStream<LlmEvent> {
    let state = Reading { events, answer, ready: VecDeque::new(), patience: None, ended: false };
    stream::unfold(state, |mut reading| async move { reading.next().await.map(|item| (item, reading)) }).boxed()
}

/// The events of an answer that came at once, as from a server that does not stream: in one piece, or in those that would have been
/// streamed.
pub(crate) fn at_once(pieces: &[Value], mut answer: impl Written) -> Result<ResultStream<LlmEvent>> {
    let mut ready = VecDeque::new();
    for piece in pieces {
        answer.read(piece, "", &mut ready)?;
    }
    answer.end(&mut ready)?;
    Ok(stream::iter(ready.into_iter().map(Ok)).boxed())
}

struct Reading<A> {
    events: SseReader,
    answer: A,
    ready: VecDeque<LlmEvent>,
    patience: Option<Instant>,
    ended: bool,
}

impl<A: Written> Reading<A> {
    async fn next(&mut self) -> Option<Result<LlmEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
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
            return if self.answer.is_complete() { self.end() } else { Err(self.answer.peer().cut_short()) };
        };
        let data = event.data.trim();
        if data.is_empty() {
            return Ok(());
        }
        if A::END_MARK == Some(data) {
            return self.end();
        }
        let value: Value = serde_json::from_str(data).map_err(|_| {
            let peer = self.answer.peer();
            if event.complete { peer.malformed("sent a piece of answer that is not JSON") } else { peer.cut_short() }
        })?;
        if self.answer.read(&value, &event.name, &mut self.ready)? {
            return self.end();
        }
        if self.answer.is_complete() && self.patience.is_none() {
            self.patience = Some(Instant::now() + AFTER_FINISH);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.ended = true;
        self.events.release();
        self.answer.end(&mut self.ready)
    }
}
