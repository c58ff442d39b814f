//! Where Google's servers are, and how they are entered.

use crate::providers::http::Facts;

const NAME: &str = "google";

/// The header of an API key.
const BY_KEY: (&str, &str) = ("x-goog-api-key", "");

/// The header of an OAuth access token.
const BY_TOKEN: (&str, &str) = ("authorization", "Bearer ");

/// Who pays for calls that are made with a user's own credentials.
pub(super) const PROJECT_HEADER: &str = "x-goog-user-project";

/// The Gemini API.
pub(super) const GEMINI: Facts = Facts {
    name: NAME,
    base_url: "https://generativelanguage.googleapis.com/v1beta",
    key_variable: "GEMINI_API_KEY or GOOGLE_API_KEY",
    key_header: BY_KEY,
    headers: &[],
};

/// Cloud Speech-to-Text.
pub(super) const SPEECH: Facts = Facts {
    name: NAME,
    base_url: "https://speech.googleapis.com/v1",
    key_variable: "GOOGLE_API_KEY",
    key_header: BY_KEY,
    headers: &[],
};

/// The same, entered with an access token.
pub(super) static SPEECH_BY_TOKEN: Facts = Facts { key_header: BY_TOKEN, ..SPEECH };

/// Cloud Text-to-Speech.
pub(super) const VOICES: Facts = Facts {
    name: NAME,
    base_url: "https://texttospeech.googleapis.com/v1",
    key_variable: "GOOGLE_API_KEY",
    key_header: BY_KEY,
    headers: &[],
};

/// The same, entered with an access token.
pub(super) static VOICES_BY_TOKEN: Facts = Facts { key_header: BY_TOKEN, ..VOICES };
