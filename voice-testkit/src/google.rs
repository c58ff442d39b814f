//! Checks requests against Google's own API descriptions, when copies of them are at hand.

use std::{fs, path::Path};

use serde_json::Value;

use crate::openai::SpecCheck;

/// The folder of the descriptions, below one that is beside this workspace or beside any folder above it.
const FOLDER: &str = "shared/specs/google-discovery";

/// One of Google's API descriptions (a discovery document).
#[derive(Debug)]
pub struct DiscoverySpec {
    document: Option<Value>,
}

impl DiscoverySpec {
    /// Looks for a description by its file name, such as `speech.v1.json`. When there is none, every check says so.
    #[must_use]
    pub fn find(file: &str) -> Self {
        let near = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|a| a.join(FOLDER).join(file));
        let bytes = near.into_iter().find_map(|path| fs::read(path).ok());
        Self { document: bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) }
    }

    /// Checks the body of a call of `method`, such as `speech.recognize`: types, listed values, and that every field is one that the
    /// description names.
    #[must_use]
    pub fn check(&self, method: &str, body: &Value) -> SpecCheck {
        let Some(document) = &self.document else { return SpecCheck::NotChecked("spec not found".into()) };
        let (resource, name) = method.split_once('.').unwrap_or_default();
        let request = &document["resources"][resource]["methods"][name]["request"];
        if request.is_null() {
            return SpecCheck::Violations(vec![format!("{method} is not described")]);
        }
        let mut faults = Vec::new();
        value(document, request, body, name, &mut faults);
        if faults.is_empty() { SpecCheck::Conforms } else { SpecCheck::Violations(faults) }
    }
}

fn value(document: &Value, schema: &Value, found: &Value, at: &str, faults: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(name) => &document["schemas"][name],
        None => schema,
    };
    let fits = match schema["type"].as_str() {
        Some("object") => found.is_object(),
        Some("array") => found.is_array(),
        Some("string") => found.is_string(),
        Some("boolean") => found.is_boolean(),
        Some("number") => found.is_number(),
        Some("integer") => found.is_i64(),
        _ => false,
    };
    if !fits {
        faults.push(format!("{at} must be {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|listed| !listed.contains(found)) {
        faults.push(format!("{at} must be one of {}", schema["enum"]));
    }
    for (n, item) in found.as_array().into_iter().flatten().enumerate() {
        value(document, &schema["items"], item, &format!("{at}[{n}]"), faults);
    }
    for (name, field) in found.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match &schema["properties"][name] {
            Value::Null => faults.push(format!("{at} is unknown")),
            inner => value(document, inner, field, &at, faults),
        }
    }
}
