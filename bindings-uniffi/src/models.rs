//! The files of the local models.

use std::sync::{Arc, Mutex, PoisonError};

use voice_bridge::{Call, Cancel, ErrorRecord, models};

use crate::error::Failure;

/// Takes the steps of a fetch, on a thread of the library.
#[uniffi::export(with_foreign)]
pub trait FetchSink: Send + Sync {
    /// Takes one step, an object of JSON whose `type` is `planned`, `downloading`, `making` or `made`.
    fn step(&self, step_json: String);
}

/// Work on the model folder; its answer is JSON. Dropping it cancels the work.
#[derive(uniffi::Object)]
pub struct ModelsCall {
    cancel: Cancel,
    call: Mutex<Option<Call<String>>>,
}

impl ModelsCall {
    fn new(call: Call<String>) -> Arc<Self> {
        Arc::new(Self { cancel: call.canceller(), call: Mutex::new(Some(call)) })
    }
}

#[uniffi::export]
impl ModelsCall {
    /// Waits for the answer. Once.
    pub async fn answer(&self) -> Result<String, Failure> {
        let call = self.call.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(call) = call else { return Err(ErrorRecord::closed("call").into()) };
        Ok(call.await?)
    }

    /// Stops the work: it ends with `CANCELLED`, and what is in place stays. Any number of times.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// Fetches models; `options_json` and the answer as in `voice-bridge`.
#[uniffi::export]
pub fn fetch_models(
    folder: Option<String>,
    options_json: &str,
    progress: Option<Arc<dyn FetchSink>>,
) -> Arc<ModelsCall> {
    ModelsCall::new(models::fetch(folder.map(Into::into), options_json, move |step| {
        if let Some(progress) = &progress {
            progress.step(step);
        }
        true
    }))
}

/// The models of the catalogue, and whether they are there.
#[uniffi::export]
pub fn list_models(folder: Option<String>) -> Arc<ModelsCall> {
    ModelsCall::new(models::list(folder.map(Into::into)))
}

/// Compares every fetched file with its checksum.
#[uniffi::export]
pub fn verify_models(folder: Option<String>) -> Arc<ModelsCall> {
    ModelsCall::new(models::verify(folder.map(Into::into)))
}
