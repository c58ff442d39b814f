//! Cancelling what is awaited, for a language that cannot drop it.

use std::sync::Arc;

use voice_bridge::{Call, Outcome};

/// Cancels the calls that are given it. A language that drops what it no longer awaits does without.
#[derive(Default, uniffi::Object)]
pub struct Cancellation {
    cancellation: voice_bridge::Cancellation,
}

#[uniffi::export]
impl Cancellation {
    /// One that nobody has used yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Cancels: calls end with `CANCELLED`, also those that begin later. Any number of times.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }
}

/// Awaits a call until it is cancelled.
pub(crate) async fn stopped_by<T: Send + 'static>(by: Option<Arc<Cancellation>>, call: Call<T>) -> Outcome<T> {
    match by {
        Some(by) => by.cancellation.stops(call).await,
        None => call.await,
    }
}
