//! Fields of messages whose writers do not agree, nor always with themselves: names in two styles, numbers as text.

use serde_json::{Map, Value};

/// The first field of these names that is there and not null.
pub(super) fn at<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| value.get(name).filter(|field| !field.is_null()))
}

/// A text, or a number as it is written. Nothing for an empty text.
pub(super) fn text(value: &Value, names: &[&str]) -> Option<String> {
    match at(value, names)? {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A whole number, as a number or as text.
pub(super) fn number(value: &Value, names: &[&str]) -> Option<u64> {
    match at(value, names)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An object; Plivo writes one as text: JSON, or `name=value` with commas between.
pub(super) fn object(value: &Value, names: &[&str]) -> Map<String, Value> {
    match at(value, names) {
        Some(Value::Object(fields)) => fields.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| pairs(text)),
        _ => Map::new(),
    }
}

fn pairs(text: &str) -> Map<String, Value> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_owned(), Value::from(value.trim())))
    };
    text.split([',', ';']).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_in_either_style_and_spelling() {
        let message = json!({"chunk": "2", "sample_rate": 8000, "empty": "", "none": null});
        assert_eq!(number(&message, &["chunk"]), Some(2));
        assert_eq!(number(&message, &["sampleRate", "sample_rate"]), Some(8_000));
        assert_eq!(text(&message, &["sampleRate", "sample_rate"]).as_deref(), Some("8000"));
        assert_eq!((text(&message, &["empty"]), at(&message, &["none"])), (None, None));
    }

    #[test]
    fn objects_that_are_written_as_text_are_read() {
        let message = json!({"a": "{\"k\": \"v\"}", "b": "k=v, l = w", "c": "{}", "d": {"k": 1}, "e": "nothing"});
        assert_eq!(object(&message, &["a"])["k"], "v");
        assert_eq!(
            (object(&message, &["b"])["k"].clone(), object(&message, &["b"])["l"].clone()),
            (json!("v"), json!("w"))
        );
        assert!(object(&message, &["c"]).is_empty() && object(&message, &["e"]).is_empty());
        assert_eq!(object(&message, &["d"])["k"], 1);
    }
}
