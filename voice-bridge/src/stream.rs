//! Events, pulled in batches.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use voice_core::{Turn, TurnStream};

use crate::{Call, ErrorRecord, EventRecord, Outcome};

/// The events of a running turn. Abandoning it cancels the turn; cancelling twice is fine.
#[derive(Clone)]
pub struct EventStream {
    state: Arc<Mutex<State>>,
    cancel: CancellationToken,
}

struct State {
    /// The turn until it begins; streams begin with the first pull, on the runtime.
    waiting: Option<Turn>,
    events: Option<TurnStream>,
    /// An error that came behind items of an earlier batch.
    error: Option<ErrorRecord>,
}

impl EventStream {
    pub(crate) fn new(turn: Turn) -> Self {
        let cancel = CancellationToken::new();
        let turn = turn.cancel_on(&cancel);
        let state = State { waiting: Some(turn), events: None, error: None };
        Self { state: Arc::new(Mutex::new(state)), cancel }
    }

    /// Waits for the next events, at least one and at most `max`: whatever is there comes at once. Empty: the turn is over.
    ///
    /// # Errors
    /// The turn's own error, after every event that came before it.
    pub fn next_batch(&self, max: usize) -> Call<Vec<EventRecord>> {
        let state = Arc::clone(&self.state);
        Call::spawn(async move { state.lock().await.next_batch(max.max(1)).await })
    }

    /// Cancels the turn.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl State {
    async fn next_batch(&mut self, max: usize) -> Outcome<Vec<EventRecord>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if let Some(turn) = self.waiting.take() {
            self.events = Some(turn.stream());
        }
        let Some(events) = &mut self.events else { return Ok(Vec::new()) };
        let mut batch = Vec::new();
        while batch.len() < max {
            // Only the first one is waited for.
            let next = if batch.is_empty() { events.next().await } else { events.try_next() };
            match next {
                Some(Ok(event)) => batch.extend(EventRecord::new(event)),
                Some(Err(error)) if batch.is_empty() => return Err(error.into()),
                Some(Err(error)) => {
                    self.error = Some(error.into());
                    break;
                }
                None => break,
            }
        }
        Ok(batch)
    }
}
