//! What the environment says, as a config document.

use serde_json::{Map, Value, json};

use super::{invalid, parse::merge};
use crate::error::Result;

/// The variables that are read, and where in the document each stands. Keys of providers (`OPENAI_API_KEY`, …) are read by
/// the providers themselves.
const VARIABLES: &[(&str, &[&str], Kind)] = &[
    ("DATABASE_URL", &["storage"], Kind::Text),
    ("MAX_AUDIO_SIZE_MB", &["limits", "max_audio_bytes"], Kind::Mebibytes),
    ("MAX_AUDIO_DURATION_SECONDS", &["limits", "max_audio_seconds"], Kind::Number),
    ("SESSION_TIMEOUT_MINUTES", &["limits", "session_idle_minutes"], Kind::Number),
    ("LOG_LEVEL", &["log_level"], Kind::Text),
    ("VOICE_CORE_CREDENTIALS_KEY", &["accounts", "credentials_key"], Kind::Text),
    ("VOICE_CORE_MODELS", &["local", "models"], Kind::Text),
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Mebibytes,
}

pub(super) fn as_document(get: impl Fn(&str) -> Option<String>) -> Result<Value> {
    let mut document = Value::Object(Map::new());
    for (name, path, kind) in VARIABLES {
        let Some(text) = get(name).filter(|text| !text.trim().is_empty()) else { continue };
        let number = || {
            let number: Option<f64> = text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
            number.ok_or_else(|| invalid(format!("the environment variable {name} must be a number")))
        };
        let value = match kind {
            Kind::Text => json!(text.trim()),
            Kind::Number => json!(number()?),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Kind::Mebibytes => json!((number()? * 1024.0 * 1024.0) as u64),
        };
        let nested = path.iter().rev().fold(value, |inner, key| json!({ *key: inner }));
        merge(&mut document, nested);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_take_their_place_in_the_document() {
        let get = |name: &str| match name {
            "MAX_AUDIO_SIZE_MB" => Some("10".into()),
            "SESSION_TIMEOUT_MINUTES" => Some("5".into()),
            "DATABASE_URL" => Some("sqlite:x.db".into()),
            _ => None,
        };
        assert_eq!(
            as_document(get).unwrap(),
            json!({"storage": "sqlite:x.db", "limits": {"max_audio_bytes": 10_485_760, "session_idle_minutes": 5.0}})
        );
    }

    #[test]
    fn a_variable_that_is_no_number_is_named() {
        let error = as_document(|name| (name == "MAX_AUDIO_SIZE_MB").then(|| "many".into())).unwrap_err();
        assert!(error.message().contains("MAX_AUDIO_SIZE_MB"));
    }
}
