//! The host's own logger.

use std::sync::Arc;

use crate::error::{Failure, guarded};

/// Takes log records. Called on any thread; must not call back into the library.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// Takes one record; `fields_json` is an object.
    fn log(&self, level: String, target: String, text: String, fields_json: String);
}

/// Sends log records of `level` and above to `sink`, in place of an earlier one.
#[uniffi::export]
pub fn set_log_sink(level: &str, sink: Arc<dyn LogSink>) -> Result<(), Failure> {
    guarded(|| {
        let sink = move |level: &str, target: &str, text: &str, fields: &str| {
            sink.log(level.to_owned(), target.to_owned(), text.to_owned(), fields.to_owned());
        };
        voice_bridge::logging::set_sink(level, Arc::new(sink))
    })
}

/// Stops sending log records.
#[uniffi::export]
pub fn clear_log_sink() {
    voice_bridge::logging::clear_sink();
}
