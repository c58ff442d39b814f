//! The files of the local models.

use std::sync::Arc;

use voice_bridge::models;

use crate::{
    cancellation::{Cancellation, stopped_by},
    error::Failure,
};

/// Takes the steps of a fetch, on a thread of the library.
#[uniffi::export(with_foreign)]
pub trait FetchSink: Send + Sync {
    /// Takes one step, an object of JSON whose `type` is `planned`, `downloading`, `making` or `made`.
    fn step(&self, step_json: String);
}

/// Fetches models; `options_json` and the answer, which is JSON, as in `voice-bridge`. Cancelled, it leaves what is in place.
#[uniffi::export]
pub async fn fetch_models(
    folder: Option<String>,
    options_json: String,
    progress: Option<Arc<dyn FetchSink>>,
    cancellation: Option<Arc<Cancellation>>,
) -> Result<String, Failure> {
    let call = models::fetch(folder.map(Into::into), &options_json, move |step| {
        if let Some(progress) = &progress {
            progress.step(step);
        }
        true
    });
    Ok(stopped_by(cancellation, call).await?)
}

/// The models of the catalogue, and whether they are there, as JSON.
#[uniffi::export]
pub async fn list_models(folder: Option<String>, cancellation: Option<Arc<Cancellation>>) -> Result<String, Failure> {
    Ok(stopped_by(cancellation, models::list(folder.map(Into::into))).await?)
}

/// Compares every fetched file with its checksum; the answer is JSON.
#[uniffi::export]
pub async fn verify_models(folder: Option<String>, cancellation: Option<Arc<Cancellation>>) -> Result<String, Failure> {
    Ok(stopped_by(cancellation, models::verify(folder.map(Into::into))).await?)
}
