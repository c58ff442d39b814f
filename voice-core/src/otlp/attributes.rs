//! Attributes as OTLP writes them.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// A list of keys and values; the first value of a key stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(Vec<(String, Value)>);

impl Attributes {
    fn set(&mut self, key: &str, value: Value) {
        if !self.0.iter().any(|(known, _)| known == key) {
            self.0.push((key.to_owned(), value));
        }
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.set(key, json!({ "stringValue": value }));
    }

    pub(super) fn some_text(&mut self, key: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.text(key, &value.to_string());
        }
    }

    /// 64-bit numbers are strings in the JSON of Protobuf.
    pub(super) fn whole(&mut self, key: &str, value: u64) {
        self.set(key, json!({ "intValue": value.to_string() }));
    }

    pub(super) fn number(&mut self, key: &str, value: f64) {
        self.set(key, json!({ "doubleValue": value }));
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.set(key, json!({ "boolValue": value }));
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| json!({ "key": key, "value": value })))
    }
}
