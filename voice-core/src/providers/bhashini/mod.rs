//! Bhashini and AI4Bharat: recognition and voices for the languages of India.
//!
//! | type | what it calls |
//! |---|---|
//! | [`BhashiniStt`] | the task `asr` of the pipeline; or `POST /transcribe` of a server of AI4Bharat's |
//! | [`BhashiniTts`] | the task `tts` of the pipeline |
//!
//! A pipeline is called in two steps. ULCA says which service does a task in a language, where it is, and with which key it is
//! entered (`POST /ulca/apis/v0/model/getModelsPipeline`); that is asked once for a language and kept until the key is refused.
//! Then the service is called. Who holds a key for the services themselves goes to them at once, with `direct`.
//!
//! ```
//! use voice_core::providers::bhashini::{BhashiniStt, BhashiniTts};
//!
//! let stt = BhashiniStt::new("user id", "ULCA key").language("hi");
//! let tts = BhashiniTts::new("user id", "ULCA key").language("hi").voice("female");
//! let own = BhashiniStt::self_hosted("http://localhost:8001").language("ta");
//! ```
//!
//! No service detects the language: it is that of the call, else the one set here. Services are asked not to keep what they are
//! sent.

mod pieces;
mod pipeline;
mod stt;
mod tts;

pub(crate) use pipeline::{key_from_env, user_id_from_env};
pub use stt::BhashiniStt;
pub use tts::BhashiniTts;
