//! One turn: from what was said to a stored, spoken answer.
//!
//! ```text
//! admit ─► audio ─► stt ─► context ─► llm ──pieces──► tts ──► audio out
//!                                      └── text out            └─► store ─► Reply
//! ```
//!
//! [`machine`] is the turn without I/O or clock: what has been said, written and spoken, and what that makes of the reply.
//! [`engine`] is what turns share and lets them into sessions; [`driver`] runs them against the providers and the store; [`rest`] asks for what is missing of an answer that broke off; [`speech`] keeps the pieces flowing into sound in order; [`tools`]
//! runs what the model calls; [`parts`] runs a turn's parts one by one for a live session, and [`listening`] recognises speech there while it is spoken. [`recordings`] keeps the sound. [`interpreting`] says what an interpreter says, [`actions`] finds what has to be acted on
//! once a turn is stored. [`knowledge`] looks up what documents say before an answer is written. [`preview`] speaks a text that belongs to no turn.
//! [`locks`] and [`lease`] keep the turns of a session apart.

mod actions;
mod driver;
mod engine;
mod greeting;
mod interpreting;
mod knowledge;
mod lease;
mod listening;
mod locks;
mod machine;
mod parts;
mod preview;
mod recordings;
mod rest;
mod sentence;
mod speech;
mod tools;

pub(crate) use actions::Books;
pub use driver::TurnInput;
pub(crate) use driver::{Sink, TurnCall};
pub(crate) use engine::{Caller, Cast, Engine, Leave, check_text, who};
pub use greeting::Greeting;
pub(crate) use interpreting::Voices;
pub(crate) use knowledge::{Attached, Library, Recall};
pub(crate) use listening::Spoken;
pub(crate) use locks::{Saving, SessionLocks};
pub(crate) use machine::{Outcome, TurnSettings};
pub(crate) use parts::Words;
pub(crate) use recordings::Recordings;
pub(crate) use tools::GoAhead;
