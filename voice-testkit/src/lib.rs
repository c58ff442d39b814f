//! What voice-core's own tests are made of, for the tests of apps that embed it too: scripted providers, a virtual clock,
//! conformance suites, and doubles that speak providers' real wire formats.

mod clock;
mod collector;
pub mod conformance;
pub mod google;
pub mod openai;
mod realtime;
mod scripted;
mod voice;
pub mod words;

pub use clock::{HeldClock, VirtualClock};
pub use collector::{Collector, Exported};
pub use realtime::ScriptedRealtime;
pub use scripted::{ScriptedLlm, ScriptedStt, ScriptedTts, Step};
pub use voice::Voice;
