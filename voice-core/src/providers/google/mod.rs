//! Google: Gemini, and the recognition and voices of Google Cloud.
//!
//! | type | what it calls |
//! |---|---|
//! | [`GeminiLlm`] | Gemini API: `POST /models/{model}:streamGenerateContent?alt=sse` |
//! | [`GoogleStt`] | Cloud Speech-to-Text v1: `POST /speech:recognize` |
//! | [`GoogleTts`] | Cloud Text-to-Speech v1: `POST /text:synthesize`; `GET /voices` |
//!
//! All three are entered with an API key; Google Cloud takes an OAuth access token, too. Each has a server of its own, so that a
//! base URL belongs to one of them.
//!
//! ```
//! use voice_core::providers::google::{GeminiLlm, GoogleStt, GoogleTts};
//!
//! let llm = GeminiLlm::new("AIza…").model("gemini-3.8-flash");
//! let stt = GoogleStt::new("AIza…").language("hi-IN").alternative_languages(["en-IN"]);
//! let tts = GoogleTts::with_access_token("ya29.…").voice("Kore").speaking_rate(1.1);
//! ```
//!
//! What streams at Google over REST is Gemini's answers alone: speech is recognised and spoken in whole pieces, as the streams of
//! Google Cloud are gRPC.

mod entry;
mod gemini;
mod language;
mod stt;
mod tts;
mod voices;
mod wav;

pub use gemini::GeminiLlm;
pub use stt::GoogleStt;
pub use tts::GoogleTts;
