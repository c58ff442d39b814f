//! Events, handed to the host as they come.

use tokio::runtime::Handle;

use crate::{ErrorRecord, EventRecord, Outcome, guard, runtime};

/// How many events cross the border at a time: one wait serves all that are there.
pub(crate) const BATCH: usize = 16;

/// Hands events to `told` on a thread of their own, one call after the other. The last call brings the event that is the last, or an
/// error: that of `next`, or `missing` where the events end without either.
pub(crate) fn tell(
    mut next: impl FnMut(&Handle) -> Outcome<Vec<EventRecord>> + Send + 'static,
    missing: fn() -> ErrorRecord,
    mut told: impl FnMut(Outcome<EventRecord>) + Send + 'static,
) -> Outcome<()> {
    let runtime = runtime::handle()?;
    runtime.clone().spawn_blocking(move || {
        let ended = guard(|| {
            loop {
                let events = next(&runtime)?;
                let last = events.last().ok_or_else(missing)?.is_last();
                events.into_iter().for_each(|event| told(Ok(event)));
                if last {
                    return Ok(());
                }
            }
        });
        if let Err(error) = ended {
            told(Err(error));
        }
    });
    Ok(())
}
