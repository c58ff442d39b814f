//! The one FFI-shaped facade that every binding shares. A binding converts types and nothing else; logic lives here.
//!
//! * owned, `'static` types only: [`ReplyRecord`], [`EventRecord`], [`ErrorRecord`]; config and stored records as JSON text;
//! * every piece of work is a [`Call`]: wait for it, await it, or cancel it;
//! * streams are pulled in batches: [`EventStream::next_batch`]; items that are there come before the error that ends them; or they are
//!   handed to the host: [`EventStream::tell`];
//! * live conversations: [`LiveSession`] takes sound at any time and gives its events in batches; [`LiveWire`] does the same in
//!   frames for a connection of the host's;
//! * what is kept, and who may reach it: [`Agent::call`] runs a method of one of the [`rooms`], JSON in and out;
//! * a panic anywhere comes back as an [`ErrorRecord`] with code `INTERNAL_ERROR`;
//! * the [`runtime`] starts with the first call, survives `fork`, and shuts down with the process;
//! * host objects become providers, detectors, stores, tools and sinks of metrics through [`host`]; the host's logger gets records through [`logging`].

mod agent;
mod answer;
mod arguments;
mod call;
mod error;
pub mod host;
mod live;
pub mod logging;
mod metrics;
pub mod models;
mod queue;
mod record;
pub mod rooms;
pub mod runtime;
mod sound;
mod stream;
mod tell;
#[cfg(feature = "testing")]
pub mod testing;
mod tool;
mod wire;

pub use agent::{Agent, AudioInput, Hosts, Input, TurnOptions};
pub use call::{Call, Cancel, Cancellation, guard};
pub use error::{ErrorRecord, Outcome, error_codes, from_host};
pub use live::{LiveBatch, LiveSession};
pub use record::{EventRecord, LiveSummaryRecord, LiveTurnRecord, ReplyRecord, action_json, sources_json};
pub use rooms::Answer;
pub use stream::EventStream;
pub use voice_core::{Action, Cost, Source, Tool, ToolCall, ToolCallRecord, Usage};
pub use wire::{Frame, LiveWire};

/// The version of the library, the same in every language.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The JSON schema of the config document, from which typed languages make their types.
#[must_use]
pub fn config_schema() -> String {
    voice_core::Config::json_schema().to_string()
}

/// The JSON schema of the records of people, assistants and the audit log, by their names in `$defs`.
#[must_use]
pub fn people_schema() -> String {
    rooms::records::schema().to_string()
}

/// The JSON schema of reports to a sink of metrics, by their names in `$defs`.
#[must_use]
pub fn reports_schema() -> String {
    metrics::schema().to_string()
}

/// The JSON schema of the text frames of a live session.
#[must_use]
pub fn wire_schema() -> String {
    voice_core::live::wire::Wire::json_schema().to_string()
}
