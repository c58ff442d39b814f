//! One turn: from what was said to a stored, spoken answer.
//!
//! ```text
//! admit ─► audio ─► stt ─► context ─► llm ──pieces──► tts ──► audio out
//!                                      └── text out            └─► store ─► Reply
//! ```
//!
//! [`machine`] is the turn without I/O or clock: what has been said, written and spoken, and what that makes of the reply.
//! [`driver`] runs it against the providers and the store; [`speech`] keeps the pieces flowing into sound in order.

mod driver;
mod greeting;
mod lease;
mod locks;
mod machine;
mod sentence;
mod speech;

pub use driver::TurnInput;
pub(crate) use driver::{Cast, Engine, Sink, TurnCall};
pub use greeting::Greeting;
pub(crate) use locks::{Saving, SessionLocks};
pub(crate) use machine::TurnSettings;
