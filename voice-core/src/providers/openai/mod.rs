//! OpenAI, and every server that speaks its wire format.
//!
//! | type | what it calls |
//! |---|---|
//! | [`OpenAiStt`] | `POST /audio/transcriptions`; in live sessions the Realtime API over WebSocket |
//! | [`OpenAiLlm`] | `POST /chat/completions`, streamed |
//! | [`OpenAiTts`] | `POST /audio/speech`, streamed |
//! | [`OpenAiRealtimeTts`] | the Realtime API over WebSocket, which replaces `/audio/speech` |
//! | [`OpenAiRealtime`] | the Realtime API over WebSocket: a model that hears and speaks by itself |
//!
//! All of them are built from an [`OpenAiConfig`]: key, base URL, and the [`Dialect`] of the server. [`OpenAiConfig::preset`]
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
mod stt;
mod tools;
mod transcription;
mod tts;
mod voices;

use std::sync::Arc;

pub use config::{Dialect, InstructionRole, MaxTokensField, OpenAiConfig, PRESETS, Preset};
pub use deprecation::{Shutdown, shutdown_of};
pub use llm::OpenAiLlm;
pub use realtime::{Eagerness, OpenAiRealtime, OpenAiRealtimeTts, VoiceDetection};
pub use stt::OpenAiStt;
pub use tts::OpenAiTts;

use crate::provider::TextToSpeech;

/// How an OpenAI voice speaks; what is `None` is the default of the way taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpeechOptions {
    /// The model: `gpt-realtime…` speaks over the Realtime API, every other over `/audio/speech`. Default
    /// `gpt-realtime-2.1-mini` at OpenAI, else the server's own choice of `/audio/speech`.
    pub model: Option<String>,
    /// A voice's name, or the `voice_…` id of a custom one.
    pub voice: Option<String>,
    /// How to speak, in words.
    pub instructions: Option<String>,
    /// The pace, 0.25–4 (over the Realtime API 0.25–1.5); 1 is normal.
    pub speed: Option<f32>,
}

/// The speech synthesiser that `options` mean.
#[must_use]
pub fn text_to_speech(config: OpenAiConfig, options: SpeechOptions) -> Arc<dyn TextToSpeech> {
    macro_rules! build {
        ($tts:ident) => {{
            let mut tts = $tts::with_config(config);
            if let Some(model) = options.model {
                tts = tts.model(model);
            }
            if let Some(voice) = options.voice {
                tts = tts.voice(voice);
            }
            if let Some(instructions) = options.instructions {
                tts = tts.instructions(instructions);
            }
            if let Some(speed) = options.speed {
                tts = tts.speed(speed);
            }
            Arc::new(tts)
        }};
    }
    if options.model.as_deref().map_or(config.is_official(), realtime::speaks) {
        build!(OpenAiRealtimeTts)
    } else {
        build!(OpenAiTts)
    }
}
