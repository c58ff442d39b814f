//! Runs what a model calls, while what it said before is spoken.

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{driver::Run, speech::Speech};
use crate::{
    error::Result,
    event::TurnEvent,
    message::{ToolCall, ToolCallRecord},
    tool::{Calls, Done},
};

/// What can happen while tools run.
enum Step {
    Done(usize, Done),
    AllDone,
    /// They have been at it for long enough to say so.
    Late,
}

/// The go-ahead for an answer to act. One that is prepared before anybody asked for it may be written and even spoken in secret, but
/// what its tools do cannot be taken back: they wait.
#[derive(Clone, Default)]
pub(crate) struct GoAhead(CancellationToken);

impl GoAhead {
    /// Gives it, for good.
    pub(crate) fn give(&self) {
        self.0.cancel();
    }

    async fn given(&self) {
        self.0.cancelled().await;
    }
}

impl Run<'_> {
    /// Runs the calls of one answer and gives their results, in the order of the calls.
    pub(super) async fn run_tools(
        &mut self,
        calls: Vec<ToolCall>,
        mut speech: Option<&mut Speech>,
    ) -> Result<Vec<ToolCallRecord>> {
        let go_ahead = self.go_ahead.clone();
        self.while_speaking(speech.as_deref_mut(), go_ahead.given()).await?;
        let told: Vec<_> = calls.iter().map(|call| TurnEvent::ToolCall(Box::new(call.clone()))).collect();
        let settings = &self.engine.settings;
        let mut late = Instant::now() + settings.filler_after;
        let mut records = Vec::with_capacity(calls.len());
        let mut calls = Calls::new(self.tools.clone(), calls, self.ctx.clone(), self.lasting.clone());
        // The tools are asked before anybody hears of it: who interrupts on that news stops the tools, not just the asking.
        let mut at_once = calls.next().now_or_never();
        for event in told {
            self.sink.emit(event).await?;
        }
        loop {
            let may_fill = settings.filler.is_some() && self.machine.may_fill();
            let step = async {
                tokio::select! {
                    biased;
                    done = next_of(&mut at_once, &mut calls) => done.map_or(Step::AllDone, |(n, done)| Step::Done(n, done)),
                    () = sleep_until(late), if may_fill => Step::Late,
                }
            };
            match self.while_speaking(speech.as_deref_mut(), step).await? {
                // Its result comes when this turn is over.
                Step::Done(n, Done::Begun(record)) => records.push((n, record)),
                Step::Done(n, Done::Result(record)) => {
                    records.push((n, record.clone()));
                    self.sink.emit(TurnEvent::ToolResult(Box::new(record))).await?;
                }
                Step::AllDone => break,
                Step::Late => {
                    let quiet = speech.as_ref().is_some_and(|speech| speech.is_idle());
                    if let Some(words) = settings.filler.as_ref().filter(|_| quiet)
                        && self.machine.fill_silence(words)
                    {
                        continue;
                    }
                    // Something is being said; the wait for silence begins anew.
                    late = Instant::now() + settings.filler_after;
                }
            }
        }
        records.sort_by_key(|(n, _)| *n);
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }
}

/// What was there at once, and then what comes.
async fn next_of(at_once: &mut Option<Option<(usize, Done)>>, calls: &mut Calls) -> Option<(usize, Done)> {
    match at_once.take() {
        Some(done) => done,
        None => calls.next().await,
    }
}
