//! Functions that fail on purpose.

use crate::error::{Failure, guarded};

/// Panics behind the guard of a synchronous entry point.
#[uniffi::export]
pub fn testing_panic_in_call() -> Result<(), Failure> {
    guarded(voice_bridge::testing::panic_in_call)
}

/// Panics inside work on the runtime.
#[uniffi::export]
pub async fn testing_panic_in_work() -> Result<(), Failure> {
    Ok(voice_bridge::testing::panic_in_work().await?)
}

/// Fails with any code of the list.
#[uniffi::export]
pub fn testing_fail_with(code: &str) -> Result<(), Failure> {
    guarded(|| voice_bridge::testing::fail_with(code))
}
