//! Live conversation: sound goes in while sound comes out, and the two take turns.
//!
//! ```text
//! frames ─► front (16 kHz, voice or not) ─► utterances ─► stt ─┐   while they are spoken, if it can
//!                      │ voice                                 │ words
//!                      └───────────────► turn taking ◄─────────┘
//!                                            │ prepare, answer, pause, interrupt, …
//!                                            ▼
//!            events ◄── playout ◄── the turn's parts: llm ─► sentences ─► tts
//!                          └─ what was heard ─► store
//! ```
//!
//! `turn_taking`, `playout`, `front`, `talker`, `jitter`, `reference`, `said`, `track` and `words` know no clock and do no I/O;
//! `session` is the task that runs them, with its sides: `hearing`, what the user says, `speaking`, what the agent says, and
//! `manners`, how the conversation is kept going and ended.

mod event;
mod front;
mod handle;
mod hearing;
mod jitter;
mod lasting;
mod manners;
mod playout;
mod production;
mod recorder;
mod reference;
mod said;
mod session;
mod speaking;
mod talker;
mod track;
mod turn_end;
mod turn_taking;
pub mod wire;
mod words;

pub use event::{AgentState, EndReason, LiveEvent, LiveSummary, LiveTurn, SpeechKind, UserState};
pub use handle::LiveSession;
pub(crate) use handle::{LiveSetup, start};
