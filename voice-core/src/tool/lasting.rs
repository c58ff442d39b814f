//! Calls that outlast the turn that asked for them.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use crate::message::{ToolCall, ToolCallRecord};

/// What the model is told of a call whose work goes on.
const UNDER_WAY: &str = "The work has begun and goes on; its result will be told later. Until then nothing is known of it: say briefly \
    that it is being worked on, and do not call the tool for the same again.";

/// Where the results go that come when their turn is over. Clones are one.
#[derive(Clone)]
pub(crate) struct Lasting {
    // Boxed, because a queue has room for 32 of what it is made for, and is nearly always empty.
    results: mpsc::UnboundedSender<Box<ToolCallRecord>>,
    running: Arc<Mutex<Vec<(u64, ToolCall)>>>,
    next: Arc<AtomicU64>,
}

/// One call that may outlast its turn.
#[derive(Clone)]
struct Ticket {
    lasting: Lasting,
    number: u64,
}

/// The turn's own ear for a call that may outlast it. Once it is dropped, the result goes to [`Lasting`]; it goes to one of them.
struct Ear {
    result: oneshot::Receiver<ToolCallRecord>,
    ticket: Ticket,
}

impl Lasting {
    /// And the end at which late results arrive.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Box<ToolCallRecord>>) {
        let (results, late) = mpsc::unbounded_channel();
        (Self { results, running: Arc::default(), next: Arc::default() }, late)
    }

    /// The calls whose results are not there yet, as results that say so.
    pub(crate) fn running(&self) -> Vec<ToolCallRecord> {
        self.lock().iter().map(|(_, call)| under_way(call.clone())).collect()
    }

    /// Whether no result is outstanding.
    pub(crate) fn is_idle(&self) -> bool {
        self.lock().is_empty()
    }

    /// Sees a call through on a task of its own. What is given back is its result, for as long as somebody waits for it.
    pub(super) fn see_through<W>(
        &self,
        call: ToolCall,
        work: W,
    ) -> impl Future<Output = Option<ToolCallRecord>> + Send + use<W>
    where
        W: Future<Output = ToolCallRecord> + Send + 'static,
    {
        let ticket = Ticket { lasting: self.clone(), number: self.next.fetch_add(1, Ordering::Relaxed) };
        self.lock().push((ticket.number, call));
        let (sender, result) = oneshot::channel();
        let late = ticket.clone();
        tokio::spawn(async move {
            if let Err(record) = sender.send(work.await) {
                late.deliver(record);
            }
        });
        let mut ear = Ear { result, ticket };
        async move {
            let record = (&mut ear.result).await.ok();
            ear.ticket.end();
            record
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, ToolCall)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    fn end(&self) {
        self.lasting.lock().retain(|(number, _)| *number != self.number);
    }

    fn deliver(&self, record: ToolCallRecord) {
        // In this order it is never in neither place.
        let _gone = self.lasting.results.send(Box::new(record));
        self.end();
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.result.close();
        // It came, and nobody has looked.
        if let Ok(record) = self.result.try_recv() {
            self.ticket.deliver(record);
        }
    }
}

/// The result of a call that has none yet.
pub(super) fn under_way(call: ToolCall) -> ToolCallRecord {
    ToolCallRecord::new(call, UNDER_WAY, false, std::time::Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn call() -> ToolCall {
        ToolCall::new("a", "slow", serde_json::json!({}))
    }

    async fn work() -> ToolCallRecord {
        tokio::time::sleep(Duration::from_secs(5)).await;
        ToolCallRecord::new(call(), "done", false, Duration::from_secs(5))
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_goes_to_the_turn_while_it_waits() {
        let (lasting, mut late) = Lasting::new();
        let waiting = lasting.see_through(call(), work());
        assert_eq!(lasting.running().len(), 1);
        assert_eq!(waiting.await.map(|record| record.result).as_deref(), Some("done"));
        assert!(lasting.is_idle() && late.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_nobody_waits_for_arrives_late_and_once() {
        let (lasting, mut late) = Lasting::new();
        let waiting = lasting.see_through(call(), work());
        drop(waiting);
        assert_eq!(lasting.running()[0].result, UNDER_WAY);
        assert_eq!(late.recv().await.map(|record| record.result).as_deref(), Some("done"));
        assert!(lasting.is_idle() && late.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_came_but_was_not_looked_at_is_not_lost() {
        let (lasting, mut late) = Lasting::new();
        let waiting = lasting.see_through(call(), work());
        tokio::time::sleep(Duration::from_secs(10)).await;
        drop(waiting);
        assert_eq!(late.try_recv().map(|record| record.result).as_deref(), Ok("done"));
        assert!(lasting.is_idle());
    }
}
