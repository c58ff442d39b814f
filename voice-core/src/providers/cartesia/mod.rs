//! Cartesia: Sonic's voices, and Ink's recognition, also while it is spoken.
//!
//! | type | what it calls |
//! |---|---|
//! | [`CartesiaStt`] | `POST /stt`; in live sessions the WebSocket `/stt/websocket` |
//! | [`CartesiaTts`] | `POST /tts/bytes`, streamed; `GET /voices` |
//!
//! Both are made with a key, or with that of the environment variable `CARTESIA_API_KEY`, and speak version `2026-03-01` of the
//! API.
//!
//! ```
//! use voice_core::providers::cartesia::CartesiaTts;
//!
//! let tts = CartesiaTts::new("sk_car_…").voice("6ccbfb76-1fc6-48f7-b71d-91ac6298247b").speed(1.1);
//! ```

mod language;
mod listening;
mod stt;
mod tts;
mod voices;

pub use stt::CartesiaStt;
pub use tts::CartesiaTts;

use super::http::Facts;

static SERVER: Facts = Facts {
    name: "cartesia",
    base_url: "https://api.cartesia.ai",
    key_variable: "CARTESIA_API_KEY",
    key_header: ("authorization", "Bearer "),
    headers: &[("cartesia-version", "2026-03-01")],
};

/// The cheapest call: how the API is.
const WARM_UP: &str = "/";
