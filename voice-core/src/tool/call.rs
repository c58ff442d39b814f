//! One call of a tool: on a task of its own, so that it neither holds up the turn's sound nor takes the turn down with it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Tool, ToolOptions, ToolOutput};
use crate::{
    error::{Error, ErrorKind, Result},
    message::{ToolCall, ToolCallRecord},
    provider::CallContext,
    telemetry::Scope,
    time::after,
};

/// The most characters of a result that go to the model; a longer one would push everything else out of its sight.
const MOST_RESULT_CHARACTERS: usize = 50_000;

/// Runs a call of a `known` tool to its end; what goes wrong is in the record. `task`: the work, or why it cannot be begun. `scope`: what
/// it is measured as a part of.
pub(super) async fn run(call: ToolCall, known: bool, task: Result<Task>, scope: Scope) -> ToolCallRecord {
    let started = Instant::now();
    let mut measured = scope.tool(known.then_some(call.name.as_str()));
    let result = match task {
        Ok(task) => task.await,
        Err(error) => Err(error),
    };
    let elapsed = started.elapsed();
    measured.end(result.as_ref().err().map(Error::code));
    let tool = known.then_some(call.name.as_str());
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(output) => {
            tracing::debug!(tool, elapsed_ms, "tool done");
            ToolCallRecord::new(call, shortened(output), false, elapsed)
        }
        Err(error) => {
            let code = error.code().as_str();
            tracing::info!(tool, elapsed_ms, code, kind = ?error.kind(), "tool failed");
            let told = json!({"error": {"code": code, "message": error.message()}});
            ToolCallRecord::new(call, told.to_string(), true, elapsed)
        }
    }
}

fn shortened(ToolOutput(mut text): ToolOutput) -> String {
    if let Some((end, _)) = text.char_indices().nth(MOST_RESULT_CHARACTERS) {
        let all = text.chars().count();
        text.truncate(end);
        text.push_str(&format!(" … (cut: the first {MOST_RESULT_CHARACTERS} of {all} characters)"));
    }
    text
}

/// A tool at work. Dropping it stops the work, unless the tool is one that runs on.
pub(super) struct Task {
    handle: JoinHandle<Result<ToolOutput>>,
    runs_on: bool,
}

impl Task {
    /// Begins. Must be called within a tokio runtime.
    pub(super) fn start(tool: Arc<dyn Tool>, options: ToolOptions, arguments: Value, turn: &CallContext) -> Self {
        let until = after(Instant::now(), options.timeout);
        let runs_on = options.runs_on();
        let mut ctx = turn.clone();
        if runs_on {
            (ctx.cancel, ctx.deadline) = (CancellationToken::new(), Some(until));
        } else {
            (ctx.cancel, ctx.deadline) = (turn.cancel.child_token(), turn.deadline.min(Some(until)).or(Some(until)));
        }
        let work = async move {
            // Whoever works for it on another thread learns that it is over.
            let _stop = ctx.cancel.clone().drop_guard();
            timeout_at(until, tool.call(arguments, &ctx)).await.unwrap_or_else(|_| {
                let took = format!("the tool took longer than its time-out of {:?}", options.timeout);
                Err(Error::new(ErrorKind::ToolTimeout, took))
            })
        };
        Self { handle: tokio::spawn(work.in_current_span()), runs_on }
    }
}

impl Future for Task {
    type Output = Result<ToolOutput>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle).poll(cx).map(|joined| {
            // What a panic says may hold anything, so it is not shown.
            joined.unwrap_or_else(|_| Err(Error::new(ErrorKind::ToolFailed, "the tool failed for a reason of its own")))
        })
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if !self.runs_on {
            self.handle.abort();
        }
    }
}
