//! OpenAI, and every server that speaks its wire format.
//!
//! | type | what it calls |
//! |---|---|
//! | [`OpenAiStt`] | `POST /audio/transcriptions` |
//! | [`OpenAiLlm`] | `POST /chat/completions`, streamed |
//! | [`OpenAiTts`] | `POST /audio/speech`, streamed |
//! | [`OpenAiRealtimeTts`] | the Realtime API over WebSocket, which replaces `/audio/speech` |
//!
//! All four are built from an [`OpenAiConfig`]: key, base URL, and the [`Dialect`] of the server. [`OpenAiConfig::preset`]
//! knows Groq, Together, Ollama, llama.cpp and vLLM by name.
//!
//! ```
//! use voice_core::providers::openai::{OpenAiConfig, OpenAiLlm, OpenAiStt};
//!
//! let stt = OpenAiStt::new("sk-…").model("gpt-transcribe");
//! let llm = OpenAiLlm::with_config(OpenAiConfig::preset("ollama")?).model("qwen3:0.6b");
//! # Ok::<(), voice_core::Error>(())
//! ```
//!
//! Connections are shared by everything in the process that connects alike, kept alive, and use HTTP/2 where the server
//! offers it. The time for the first byte and between bytes is watched by the layers around a provider; here only
//! connecting has a limit. Keys and what people say never appear in errors, logs or `Debug`.

mod call;
mod chat;
mod config;
mod deprecation;
mod llm;
mod realtime;
mod sound;
mod stt;
mod transcription;
mod tts;

use std::sync::Arc;

pub use config::{Dialect, InstructionRole, MaxTokensField, OpenAiConfig, PRESETS, Preset};
pub use deprecation::{Shutdown, shutdown_of};
pub use llm::OpenAiLlm;
pub use realtime::OpenAiRealtimeTts;
pub use stt::OpenAiStt;
pub use tts::OpenAiTts;

use crate::provider::TextToSpeech;

/// The speech synthesiser that `model` means: over the Realtime API for `gpt-realtime…`, over `/audio/speech` for every
/// other. `voice`: a voice's name, or the `voice_…` id of a custom one; `None` is the default of the way taken.
#[must_use]
pub fn text_to_speech(config: OpenAiConfig, model: &str, voice: Option<&str>) -> Arc<dyn TextToSpeech> {
    if realtime::speaks(model) {
        let tts = OpenAiRealtimeTts::with_config(config).model(model);
        Arc::new(if let Some(voice) = voice { tts.voice(voice) } else { tts })
    } else {
        let tts = OpenAiTts::with_config(config).model(model);
        Arc::new(if let Some(voice) = voice { tts.voice(voice) } else { tts })
    }
}
