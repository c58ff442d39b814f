//! What the environment says, as a config document.

use serde_json::{Map, Value, json};

use super::{LOG_LEVELS, invalid, parse::merge};
use crate::error::Result;

/// The variables that are read, and where in the document each stands. Keys of providers (`OPENAI_API_KEY`, …) are read by
/// the providers themselves.
const VARIABLES: &[(&str, &[&str], Kind)] = &[
    ("DATABASE_URL", &["storage"], Kind::Text),
    ("MAX_AUDIO_SIZE_MB", &["limits", "max_audio_bytes"], Kind::Mebibytes),
    ("MAX_AUDIO_DURATION_SECONDS", &["limits", "max_audio_seconds"], Kind::Number),
    ("SESSION_TIMEOUT_MINUTES", &["limits", "session_idle_minutes"], Kind::Number),
    ("LOG_LEVEL", &["log_level"], Kind::Level),
    ("VOICE_CORE_CREDENTIALS_KEY", &["accounts", "credentials_key"], Kind::Text),
    ("VOICE_CORE_MODELS", &["local", "models"], Kind::Text),
];

/// The variables of OpenTelemetry. A library without it does not read them: they stand there for others.
const OTEL: &[(&str, &[&str], Kind)] = &[
    ("OTEL_EXPORTER_OTLP_ENDPOINT", &["telemetry", "otlp_endpoint"], Kind::Text),
    ("OTEL_EXPORTER_OTLP_HEADERS", &["telemetry", "headers"], Kind::Pairs),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", &["telemetry", "timeout_ms"], Kind::Whole),
    ("OTEL_RESOURCE_ATTRIBUTES", &["telemetry", "attributes"], Kind::Pairs),
    ("OTEL_SERVICE_NAME", &["telemetry", "service_name"], Kind::Text),
    ("OTEL_BSP_SCHEDULE_DELAY", &["telemetry", "spans_interval_ms"], Kind::Whole),
    ("OTEL_METRIC_EXPORT_INTERVAL", &["telemetry", "metrics_interval_ms"], Kind::Whole),
];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// Which log records are wanted, in the words of whatever program it was said for.
    Level,
    Number,
    Mebibytes,
    Whole,
    /// `name=value,name=value`, values in percent-encoding.
    Pairs,
}

pub(super) fn as_document(get: impl Fn(&str) -> Option<String>) -> Result<Value> {
    let mut document = Value::Object(Map::new());
    let speaks_http = get("OTEL_EXPORTER_OTLP_PROTOCOL").is_none_or(|protocol| protocol.trim() != "grpc");
    let is_on = get("OTEL_SDK_DISABLED").is_none_or(|disabled| !disabled.trim().eq_ignore_ascii_case("true"));
    let otel = if cfg!(feature = "otel") && speaks_http && is_on { OTEL } else { &[] };
    for (name, path, kind) in VARIABLES.iter().chain(otel) {
        let Some(text) = get(name).filter(|text| !text.trim().is_empty()) else { continue };
        let number = || {
            let number: Option<f64> = text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0);
            number.ok_or_else(|| invalid(format!("the environment variable {name} must be a number")))
        };
        let value = match kind {
            Kind::Text => json!(text.trim()),
            Kind::Level => match level(&text) {
                Some(level) => json!(level),
                None => continue,
            },
            Kind::Number => json!(number()?),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Kind::Mebibytes => json!((number()? * 1024.0 * 1024.0) as u64),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Kind::Whole => json!(number()? as u64),
            Kind::Pairs => Value::Object(pairs(&text)),
        };
        let nested = path.iter().rev().fold(value, |inner, key| json!({ *key: inner }));
        merge(&mut document, nested);
    }
    Ok(document)
}

/// A level as other programs name it, too; `None`: it is none of this library's, and meant for another.
fn level(text: &str) -> Option<&'static str> {
    let named = text.trim().to_lowercase();
    let level = match named.as_str() {
        "warning" => "warn",
        "critical" | "fatal" => "error",
        "notice" => "info",
        level => level,
    };
    LOG_LEVELS.into_iter().find(|known| *known == level)
}

/// What cannot be read is left out, as OpenTelemetry asks: these variables are for other programs, too.
fn pairs(text: &str) -> Map<String, Value> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), json!(decoded(value.trim())))).filter(|(name, _)| !name.is_empty())
    };
    text.split(',').filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
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

    #[cfg(feature = "otel")]
    #[test]
    fn the_variables_of_opentelemetry_take_their_place_unless_they_are_for_somebody_else() {
        let set = |more: &'static [(&str, &str)]| {
            let all = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20b%3D, x-2=2,,nothing"),
                ("OTEL_BSP_SCHEDULE_DELAY", "250"),
            ];
            move |name: &str| all.iter().chain(more).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(
            as_document(set(&[])).unwrap(),
            json!({"telemetry": {
                "otlp_endpoint": "http://localhost:4318", "headers": {"x-api-key": "a b=", "x-2": "2"},
                "spans_interval_ms": 250
            }})
        );
        assert_eq!(as_document(set(&[("OTEL_SDK_DISABLED", "true")])).unwrap(), json!({}));
        assert_eq!(as_document(set(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])).unwrap(), json!({}));
    }

    #[test]
    fn a_level_of_another_program_stops_no_agent() {
        let read = |level: &str| as_document(|name| (name == "LOG_LEVEL").then(|| level.into())).unwrap();
        for (level, ours) in [
            ("debug", "debug"),
            (" Info ", "info"),
            ("OFF", "off"),
            ("WARNING", "warn"),
            ("Critical", "error"),
            ("fatal", "error"),
            ("NOTICE", "info"),
        ] {
            assert_eq!(read(level), json!({"log_level": ours}), "{level}");
        }
        for level in ["20", "verbose", "info,hyper=warn"] {
            assert_eq!(read(level), json!({}), "{level}");
        }
        assert!(crate::Config::from_json(r#"{"log_level": "WARNING"}"#).is_err(), "a document is for nobody else");
    }

    #[test]
    fn a_variable_that_is_no_number_is_named() {
        let error = as_document(|name| (name == "MAX_AUDIO_SIZE_MB").then(|| "many".into())).unwrap_err();
        assert!(error.message().contains("MAX_AUDIO_SIZE_MB"));
    }
}
