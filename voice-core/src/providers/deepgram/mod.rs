//! Deepgram: recognition, also while it is spoken, and Aura's voices.
//!
//! | type | what it calls |
//! |---|---|
//! | [`DeepgramStt`] | `POST /v1/listen`; in live sessions the WebSocket `/v1/listen` (Nova) or `/v2/listen` (Flux) |
//! | [`DeepgramTts`] | `POST /v1/speak`, streamed; `GET /v1/models` |
//!
//! ```
//! use voice_core::providers::deepgram::{DeepgramStt, DeepgramTts};
//!
//! let stt = DeepgramStt::new("…").keyterms(["Ada Lovelace"]);
//! let tts = DeepgramTts::new("…").voice("aura-2-thalia-en");
//! ```
//!
//! `from_env` reads the key from `DEEPGRAM_API_KEY`. Keys and what people say never appear in errors, logs or `Debug`.

mod language;
mod listening;
mod stt;
mod tts;
mod voices;

pub use stt::DeepgramStt;
pub use tts::DeepgramTts;

use crate::providers::http::Facts;

const FACTS: Facts = Facts {
    name: "deepgram",
    base_url: "https://api.deepgram.com",
    key_variable: "DEEPGRAM_API_KEY",
    key_header: ("authorization", "Token "),
    headers: &[],
};

/// All models, voices among them; nothing is cheaper to ask for.
const MODELS: &str = "/v1/models";
