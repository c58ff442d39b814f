//! The native layer under the Kotlin and Swift packages. It converts types and nothing else: what happens is told in
//! `voice-bridge`, what users see in `bindings-kotlin` and `bindings-swift`.

mod agent;
mod cancellation;
mod error;
mod event;
mod host;
mod live;
mod log;
mod models;
#[cfg(feature = "testing")]
mod testing;

uniffi::setup_scaffolding!();

pub use agent::{Agent, AudioInput, EventStream, Input, TurnOptions};
pub use cancellation::Cancellation;
pub use error::{ErrorDetails, Failure, HostFailure};
pub use event::{Event, Reply, ReplyFields};
pub use host::{
    AudioAnswer, HostLlm, HostStore, HostStt, HostTts, HostTurnDetector, Hosts, LlmHost, SpokenSound, StoreHost,
    SttHost, TextAnswer, TranscriptAnswer, TtsHost, TurnDetectorHost,
};
pub use live::{LiveSession, LiveSummaryFields, LiveTurnFields, LiveWire, WireFrame};
pub use log::LogSink;
pub use models::FetchSink;

/// The version of the library, the same in every language.
#[uniffi::export]
pub fn version() -> String {
    voice_bridge::VERSION.to_owned()
}

/// Samples as bytes: 16 bits each, little-endian. Lists of numbers would be boxed one by one in some languages.
fn to_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Floats of 32 bits, little-endian.
fn floats_from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
