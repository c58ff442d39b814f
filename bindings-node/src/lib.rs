//! The native half of the npm package `voice-core`. The JavaScript half, in `ts/`, is what users import; see README.md.
//!
//! JavaScript names each piece of work by a number and learns the outcome through one function, the port: one queue per
//! environment, so that a worker may end, an Electron window reload or a context go away while work is under way, without
//! anything that could call into what is no longer there. Every export runs behind a guard: a panic is an error.
//! Memory never crosses by reference: bytes are copied into memory of the engine's own, as Electron asks.

mod agent;
mod answer;
mod host;
mod live;
mod message;
mod models;
mod port;
mod reply;
#[cfg(feature = "testing")]
// Checked as a test of its own it exports nothing.
#[cfg_attr(test, allow(dead_code))]
mod testing;

use napi_derive::napi;
use voice_bridge::{ErrorRecord, Outcome};

/// Runs an export: a panic or an error becomes an exception whose message is the error record as JSON.
fn run<T>(work: impl FnOnce() -> Outcome<T>) -> napi::Result<T> {
    let outcome = voice_bridge::guard(|| {
        #[cfg(feature = "testing")]
        testing::panic_if_armed();
        work()
    });
    outcome.map_err(|error| napi::Error::from_reason(as_json(&error)))
}

fn as_json(error: &ErrorRecord) -> String {
    serde_json::to_string(error).unwrap_or_default()
}

/// The version of the library.
#[napi]
pub fn version() -> &'static str {
    voice_bridge::VERSION
}

/// The level of log records that a config document names, or the environment where it names none.
#[napi]
pub fn configured_log_level(config: String) -> napi::Result<Option<String>> {
    run(|| Ok(voice_bridge::logging::configured(&config)))
}

/// The JSON schema of the config document.
#[napi]
pub fn config_schema() -> napi::Result<String> {
    run(|| Ok(voice_bridge::config_schema()))
}
