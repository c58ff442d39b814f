//! The runtime that all calls share.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::{ErrorRecord, Outcome};

struct Started {
    /// The process that started it: after a `fork` the child has the memory but none of the threads.
    pid: u32,
    runtime: Arc<Runtime>,
}

static RUNTIME: Mutex<Option<Started>> = Mutex::new(None);

/// The handle of the runtime, started if this process has none yet.
///
/// # Errors
/// `INTERNAL_ERROR` when the system gives no threads.
pub fn handle() -> Outcome<Handle> {
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    if let Some(started) = slot.as_ref()
        && started.pid == pid
    {
        return Ok(started.runtime.handle().clone());
    }
    if let Some(of_the_parent) = slot.take() {
        // Its threads do not exist here, so shutting it down would wait for ever; the few pages it holds are let go.
        std::mem::forget(of_the_parent);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, usize::from).clamp(1, 4))
        // For what blocks: files, decoding, names of machines, the host's functions. Each holds a thread while it works and none while
        // it waits for events, so that as many at once are a burst, not how many turns and sessions there are; idle ones end.
        .max_blocking_threads(512)
        .thread_name("voice-core")
        .enable_all()
        .build()
        .map_err(|e| ErrorRecord::internal(format!("cannot start the runtime: {e}")))?;
    let handle = runtime.handle().clone();
    *slot = Some(Started { pid, runtime: Arc::new(runtime) });
    Ok(handle)
}

/// Whether this thread may wait for the library: one of the library's own must not, others would wait for it.
///
/// # Errors
/// `INTERNAL_ERROR` on a thread of the runtime.
pub fn may_block() -> Outcome<()> {
    if Handle::try_current().is_ok() {
        return Err(ErrorRecord::internal(
            "a blocking call was made on a thread of the library; make it on one of your own",
        ));
    }
    Ok(())
}

/// Stops the runtime without waiting for work that is under way. The next call starts a fresh one.
pub fn shutdown() {
    let started = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(started) = started else { return };
    if started.pid != std::process::id() {
        std::mem::forget(started);
    } else if let Ok(runtime) = Arc::try_unwrap(started.runtime) {
        runtime.shutdown_background();
    }
}
