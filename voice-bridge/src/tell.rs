//! Events, handed to the host as they come.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;

use crate::{ErrorRecord, EventRecord, Outcome, call::panicked, guard, runtime};

/// How many events cross the border at a time: one wait serves all that are there.
pub(crate) const BATCH: usize = 16;

/// Where events come from.
pub(crate) trait Feed: Send + 'static {
    /// Waits for the next events; none: they are over.
    fn next(&mut self) -> impl Future<Output = Outcome<Vec<EventRecord>>> + Send;
}

/// The host, to which every event is told, and one end.
struct Listener<F: FnMut(Outcome<EventRecord>)> {
    told: F,
    /// Whether it had its last call.
    over: bool,
}

impl<F: FnMut(Outcome<EventRecord>)> Listener<F> {
    fn hear(&mut self, events: Outcome<Vec<EventRecord>>, missing: fn() -> ErrorRecord) {
        let told = guard(|| {
            let events = events?;
            let last = events.last().ok_or_else(missing)?.is_last();
            events.into_iter().for_each(|event| (self.told)(Ok(event)));
            Ok(last)
        });
        match told {
            Ok(last) => self.over = last,
            Err(error) => self.end(error),
        }
    }

    fn end(&mut self, error: ErrorRecord) {
        self.over = true;
        (self.told)(Err(error));
    }
}

impl<F: FnMut(Outcome<EventRecord>)> Drop for Listener<F> {
    fn drop(&mut self) {
        if !self.over {
            let stopped = ErrorRecord::internal("the library was shut down before the end was told");
            let _panicked = guard(|| {
                self.end(stopped);
                Ok(())
            });
        }
    }
}

/// Hands events to `told`, one call after the other, where it may block. The last call brings the event that is the last, or an error: that
/// of `feed`, or `missing` where the events end without either. Only then `feed` is let go of.
///
/// A thread is held for the calls of a batch, not for the wait between them: many that say nothing hold none.
pub(crate) fn tell(
    mut feed: impl Feed,
    missing: fn() -> ErrorRecord,
    told: impl FnMut(Outcome<EventRecord>) + Send + 'static,
) -> Outcome<()> {
    let runtime = runtime::handle()?;
    let mut listener = Listener { told, over: false };
    runtime.clone().spawn(async move {
        while !listener.over {
            let next = AssertUnwindSafe(feed.next()).catch_unwind().await;
            let events = next.unwrap_or_else(|_| Err(panicked()));
            let heard = runtime.spawn_blocking(move || {
                listener.hear(events, missing);
                listener
            });
            // The only other way out is that the runtime stops: what is let go of there says so.
            let Ok(back) = heard.await else { return };
            listener = back;
        }
    });
    Ok(())
}
