//! Whether what was found is what a scenario expects.

use serde_json::{Map, Value};

/// The first difference, with its path; `None` when it matches.
pub(crate) fn differences(expected: &Value, found: &Value) -> Option<String> {
    match (expected, found) {
        (Value::Object(rule), _) if rule.keys().any(|key| key.starts_with('$')) => broken_rule(rule, found),
        (Value::Object(expected), _) => expected.iter().find_map(|(key, value)| {
            differences(value, found.get(key).unwrap_or(&Value::Null)).map(|why| format!("{key}: {why}"))
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let mut pairs = expected.iter().zip(found).enumerate();
            pairs.find_map(|(n, (e, f))| differences(e, f).map(|why| format!("[{n}]: {why}")))
        }
        (Value::Number(e), Value::Number(f)) if e.as_f64() == f.as_f64() => None,
        _ => (expected != found).then(|| format!("expected {expected}, found {found}")),
    }
}

fn broken_rule(rule: &Map<String, Value>, found: &Value) -> Option<String> {
    let holds = |(name, value): (&String, &Value)| match name.as_str() {
        "$contains" => found.as_str().zip(value.as_str()).is_some_and(|(text, part)| text.contains(part)),
        "$length" => {
            let length = found.as_array().map(Vec::len).or_else(|| found.as_str().map(|text| text.chars().count()));
            length.map(|n| n as u64) == value.as_u64()
        }
        "$min" => found.as_f64() >= value.as_f64(),
        "$max" => found.as_f64().is_some() && found.as_f64() <= value.as_f64(),
        _ => false,
    };
    (!rule.iter().all(holds)).then(|| format!("expected {}, found {found}", Value::Object(rule.clone())))
}
