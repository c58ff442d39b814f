//! The events of a turn, pulled in batches or handed to the host as they come.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;
use voice_core::{Turn, TurnStream};

use crate::{
    Call, ErrorRecord, EventRecord, Outcome, ReplyRecord, runtime,
    tell::{BATCH, Feed, tell},
};

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
    /// How the turn ended.
    end: Option<Outcome<ReplyRecord>>,
}

impl EventStream {
    pub(crate) fn new(turn: Turn) -> Self {
        let cancel = CancellationToken::new();
        let turn = turn.cancel_on(&cancel);
        let state = State { waiting: Some(turn), events: None, error: None, end: None };
        Self { state: Arc::new(Mutex::new(state)), cancel }
    }

    /// Begins the turn now, and not with the first pull. What it tells waits to be pulled; a turn of which nobody takes the events
    /// waits, too, once there are many.
    pub fn begin(&self) {
        let state = Arc::clone(&self.state);
        let begun = async move { state.lock().await.begin() };
        Call::spawn(begun).detach();
    }

    /// Waits for the next events, at least one and at most `max`: whatever is there comes at once. Empty: the turn is over.
    ///
    /// # Errors
    /// The turn's own error, after every event that came before it.
    pub fn next_batch(&self, max: usize) -> Call<Vec<EventRecord>> {
        let state = Arc::clone(&self.state);
        Call::waiting(async move { state.lock().await.next_batch(max.max(1)).await })
    }

    /// Hands every event to `told`, one call after the other, on threads of the library for which it may block; the last call brings `Done`
    /// or the error. Whoever asks for the reply meanwhile gets it after that call.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` when somebody is pulling the events; `INTERNAL_ERROR` when the system gives no threads.
    pub fn tell(&self, told: impl FnMut(Outcome<EventRecord>) + Send + 'static) -> Outcome<()> {
        let pulled = |_| ErrorRecord::invalid("the events of this turn are being pulled");
        let state = Arc::clone(&self.state).try_lock_owned().map_err(pulled)?;
        tell(state, ended_early, told)
    }

    /// Waits for the end of the turn, past the events that nobody took. Any number of times, which all give the same.
    ///
    /// # Errors
    /// The turn's own error.
    pub fn reply(&self) -> Call<ReplyRecord> {
        let state = Arc::clone(&self.state);
        Call::spawn(async move { state.lock().await.reply().await })
    }

    /// Cancels the turn.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

fn ended_early() -> ErrorRecord {
    ErrorRecord::internal("the turn ended without a reply")
}

impl Feed for OwnedMutexGuard<State> {
    async fn next(&mut self) -> Outcome<Vec<EventRecord>> {
        self.next_batch(BATCH).await
    }
}

impl State {
    fn begin(&mut self) -> Outcome<()> {
        if let Some(turn) = self.waiting.take() {
            let runtime = runtime::handle()?;
            let _here = runtime.enter();
            self.events = Some(turn.stream());
        }
        Ok(())
    }

    async fn next_batch(&mut self, max: usize) -> Outcome<Vec<EventRecord>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.begin()?;
        let Some(events) = &mut self.events else { return Ok(Vec::new()) };
        let mut batch = Vec::new();
        while batch.len() < max {
            // Only the first one is waited for.
            let next = if batch.is_empty() { events.next().await } else { events.try_next() };
            match next {
                Some(Ok(event)) => {
                    let event = EventRecord::new(event);
                    if let Some(EventRecord::Done { reply }) = &event {
                        self.end = Some(Ok(reply.clone()));
                    }
                    batch.extend(event);
                }
                Some(Err(error)) => {
                    let error = ErrorRecord::from(error);
                    self.end = Some(Err(error.clone()));
                    if batch.is_empty() {
                        return Err(error);
                    }
                    self.error = Some(error);
                    break;
                }
                None => break,
            }
        }
        Ok(batch)
    }

    async fn reply(&mut self) -> Outcome<ReplyRecord> {
        loop {
            if let Some(end) = &self.end {
                return end.clone();
            }
            if self.next_batch(BATCH).await?.is_empty() {
                return Err(ended_early());
            }
        }
    }
}
