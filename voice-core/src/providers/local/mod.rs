//! Speech to text, language model and text to speech on this machine's CPU, in pure Rust.
//!
//! ```text
//! models   a plain directory of model files; fetch, verify, list
//! runtime  the thread budget, one copy of each model per process, work off the async threads
//! process  what a forked child does not take over
//! moonshine, …  the providers, each a thin async face over blocking work
//! ```

mod guard;
mod llm;
mod mel;
pub mod models;
mod moonshine;
mod process;
mod runtime;
mod segment;
mod smart_turn;
mod tts;
mod whisper;

pub use llm::{LlmWork, LocalLlm, LocalLlmOptions, Sampling};
pub use models::ModelDir;
pub use moonshine::MoonshineStt;
pub use runtime::ThreadBudget;
pub use smart_turn::SmartTurn;
pub use tts::{KokoroOptions, KokoroTts, PiperOptions, PiperTts};
pub use whisper::WhisperStt;
