//! Documents into config, with errors that help.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::invalid;
use crate::error::{Error, Result};

/// Lays `over` on `base`: objects key by key, everything else whole.
pub(super) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

pub(super) fn document<T: DeserializeOwned>(document: Value) -> Result<T> {
    serde_path_to_error::deserialize(document).map_err(|e| explain(&e))
}

/// serde's words made into ours: path first, then what is wrong; never a value, which may be a secret.
fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let said = error.inner().to_string();
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    if said.starts_with("unknown field")
        && let Some((field, known)) = quoted.split_first()
    {
        let path = if path == "." || path.is_empty() {
            (*field).to_owned()
        } else if path.ends_with(field) {
            path
        } else {
            format!("{path}.{field}")
        };
        let nearest =
            known.iter().max_by(|a, b| strsim::jaro_winkler(field, a).total_cmp(&strsim::jaro_winkler(field, b)));
        return invalid(match nearest {
            Some(nearest) => format!("{path}: there is no such key; did you mean `{nearest}`?"),
            None => format!("{path}: there is no such key"),
        });
    }
    // "invalid type: string \"sk-…\", expected …": only what was expected is repeated.
    let expected = said.split_once("expected ").map_or("another value", |(_, expected)| expected);
    let expected = expected.split(" at line").next().unwrap_or(expected);
    invalid(match said.strip_prefix("missing field") {
        Some(field) => format!("{path}: the key{field} is missing"),
        None => format!("{path}: expected {expected}"),
    })
}
