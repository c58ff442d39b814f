//! The one way from the library's threads to JavaScript.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use napi::{
    Env, Status,
    bindgen_prelude::{FnArgs, Function},
    sys,
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use voice_bridge::{Call, Cancel, Outcome, logging, runtime};

use crate::{message::Message, run};

/// Calls JavaScript from any thread. Weak: by itself it does not keep the event loop alive.
type Deliver = ThreadsafeFunction<Message, (), FnArgs<(Message,)>, Status, false, true>;

/// The port that set the log sink, by its number; 0: none.
static LOGGER: AtomicU64 = AtomicU64::new(0);
static PORTS: AtomicU64 = AtomicU64::new(1);

/// An environment's port: JavaScript opens one when it loads the addon. When the environment ends, what runs for it is cancelled.
#[napi]
pub struct Port {
    pub(crate) line: Arc<Line>,
    number: u64,
}

/// What the library's threads hold of a port.
pub(crate) struct Line {
    deliver: Deliver,
    calls: Mutex<HashMap<u32, Cancel>>,
}

impl Line {
    /// Sends a message. An environment that has ended gets none, and what the message holds is dropped.
    pub(crate) fn post(&self, message: Message) {
        let _ended = self.deliver.call(message, ThreadsafeFunctionCallMode::NonBlocking);
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Cancel>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a piece of work; its outcome goes to JavaScript as the message `done` with this number.
    pub(crate) fn follow<T: Send + 'static>(
        self: &Arc<Self>,
        id: u32,
        call: Call<T>,
        result: impl FnOnce(Message, T) -> Message + Send + 'static,
    ) -> Outcome<()> {
        let handle = runtime::handle()?;
        self.calls().insert(id, call.canceller());
        let line = Arc::clone(self);
        handle.spawn(async move {
            let outcome = call.await;
            line.calls().remove(&id);
            line.post(match outcome {
                Ok(value) => result(Message::of("done", id), value),
                Err(error) => Message::failed(id, &error),
            });
        });
        Ok(())
    }
}

#[napi]
impl Port {
    /// Opens the port: `deliver` is called with every message, always on the environment's own thread.
    #[napi(constructor)]
    pub fn new(deliver: Function<'_, FnArgs<(Message,)>, ()>) -> napi::Result<Self> {
        let deliver = deliver
            .build_threadsafe_function::<Message>()
            .weak::<true>()
            .build_callback(|context| Ok(FnArgs::from((context.value,))))?;
        let line = Line { deliver, calls: Mutex::default() };
        Ok(Self { line: Arc::new(line), number: PORTS.fetch_add(1, Ordering::Relaxed) })
    }

    /// Says whether anybody waits for a message: only then does the port keep the event loop alive.
    #[napi]
    pub fn awaited(&self, env: Env, awaited: bool) -> napi::Result<()> {
        run(|| {
            let function = self.line.deliver.raw();
            // SAFETY: the environment is that of the calling thread, and the function lives as long as the port does.
            let status = unsafe {
                if awaited {
                    sys::napi_ref_threadsafe_function(env.raw(), function)
                } else {
                    sys::napi_unref_threadsafe_function(env.raw(), function)
                }
            };
            // It fails only when the environment is ending, and then there is nothing to keep alive.
            let _ending = status;
            Ok(())
        })
    }

    /// Cancels the work with this number. Work that is over is left alone.
    #[napi]
    pub fn cancel(&self, id: u32) -> napi::Result<()> {
        run(|| {
            let cancel = self.line.calls().get(&id).cloned();
            if let Some(cancel) = cancel {
                cancel.cancel();
            }
            Ok(())
        })
    }

    /// Sends the process's log records here as `log` messages, in place of where they went before.
    #[napi]
    pub fn log(&self, level: String) -> napi::Result<()> {
        run(|| {
            let line = Arc::downgrade(&self.line);
            let sink = move |level: &'static str, target: &str, message: &str, fields: &str| {
                if let Some(line) = line.upgrade() {
                    let record = serde_json::json!({ "target": target, "message": message });
                    let text = format!("[{record},{fields}]");
                    line.post(Message { name: Some(level.into()), text: Some(text), ..Message::of("log", 0) });
                }
            };
            logging::set_sink(&level, Arc::new(sink))?;
            LOGGER.store(self.number, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Whether the process's log records are sent here.
    #[napi]
    pub fn logs(&self) -> napi::Result<bool> {
        run(|| Ok(LOGGER.load(Ordering::Relaxed) == self.number))
    }

    /// Stops sending log records, if they are sent here.
    #[napi]
    pub fn log_off(&self) -> napi::Result<()> {
        run(|| {
            self.stop_logging();
            Ok(())
        })
    }

    fn stop_logging(&self) {
        if LOGGER.compare_exchange(self.number, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            logging::clear_sink();
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.stop_logging();
        let calls = std::mem::take(&mut *self.line.calls());
        for cancel in calls.into_values() {
            cancel.cancel();
        }
    }
}
