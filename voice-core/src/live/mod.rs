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
//! Where a model hears and speaks by itself, it stands in place of everything between the user's sound and the agent's: `talk` keeps what was
//! said and what is under way, `model_line` is the connection to it, and turns are the model's.
//!
//! `turn_taking`, `playout`, `front`, `talker`, `jitter`, `reference`, `said`, `tape`, `track` and `words` know no clock and do no I/O;
//! `session` is the task that runs them, `converse` its loop and `inlet` the host's way into it. Its sides are `hearing`, what the user
//! says, `speaking`, what the agent says, and `manners`, how the conversation is kept going and ended; with a model of that kind
//! `with_model` and `model_speaks`.

mod converse;
mod event;
mod front;
mod handle;
mod hearing;
mod inlet;
mod jitter;
mod lasting;
mod manners;
mod model_line;
mod model_speaks;
mod playout;
mod production;
mod recorder;
mod reference;
mod said;
mod session;
mod speaking;
mod talk;
mod talker;
mod tape;
mod track;
mod turn_end;
mod turn_taking;
pub mod wire;
mod with_model;
mod words;

pub use event::{AgentState, EndReason, LiveEvent, LiveSummary, LiveTurn, SpeechKind, UserState};
pub use handle::LiveSession;
pub(crate) use handle::{LiveSetup, start, turns};
