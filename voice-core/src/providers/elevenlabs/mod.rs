//! ElevenLabs: Scribe and voices.
//!
//! | type | what it calls |
//! |---|---|
//! | [`ElevenLabsStt`] | `POST /v1/speech-to-text`; in live sessions the WebSocket `/v1/speech-to-text/realtime` |
//! | [`ElevenLabsTts`] | `POST /v1/text-to-speech/{voice}/stream`, streamed; `GET /v2/voices` |
//!
//! Both are made with a key, or with that of the environment variable `ELEVENLABS_API_KEY`.
//!
//! ```
//! use voice_core::providers::elevenlabs::{ElevenLabsStt, ElevenLabsTts};
//!
//! let stt = ElevenLabsStt::new("sk_…");
//! let tts = ElevenLabsTts::new("sk_…").model("eleven_flash_v2_5").voice("JBFqnCBsd6RMkjVDRZzb").stability(0.4);
//! ```

mod alignment;
mod language;
mod listening;
mod stt;
mod tts;
mod voices;

pub use stt::ElevenLabsStt;
pub use tts::ElevenLabsTts;

use super::http::Facts;

static SERVER: Facts = Facts {
    name: "elevenlabs",
    base_url: "https://api.elevenlabs.io",
    key_variable: "ELEVENLABS_API_KEY",
    key_header: ("xi-api-key", ""),
    headers: &[],
};

/// The cheapest call: the list of models.
const WARM_UP: &str = "/v1/models";
