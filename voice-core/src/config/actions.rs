//! Which of the things that are said have to be acted on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{invalid, range};
use crate::error::Result;

/// The most types of actions.
const MOST_TYPES: usize = 50;
/// The longest description, in characters, and the most bytes of a schema as JSON.
const LONGEST_DESCRIPTION: usize = 2_000;
const LARGEST_SCHEMA: usize = 16 * 1024;

/// The types that need no definition, what each is, and its details.
pub(crate) const BUILT_IN: &[(&str, &str, &str)] = &[
    (
        "follow_up_visit",
        "The patient is to come again: an appointment that was agreed on or ordered.",
        r#"{"type":"object","properties":{"when":{"type":"string"},"with":{"type":"string"},"reason":{"type":"string"}}}"#,
    ),
    (
        "lab_order",
        "A laboratory test is to be made.",
        r#"{"type":"object","properties":{"test":{"type":"string"},"when":{"type":"string"},"reason":{"type":"string"}},"required":["test"]}"#,
    ),
    (
        "refill",
        "A medicine is to be prescribed again or refilled.",
        r#"{"type":"object","properties":{"medication":{"type":"string"},"dose":{"type":"string"},"quantity":{"type":"string"},"pharmacy":{"type":"string"}},"required":["medication"]}"#,
    ),
    (
        "referral",
        "The patient is to be sent to another doctor or service.",
        r#"{"type":"object","properties":{"to":{"type":"string"},"reason":{"type":"string"},"urgency":{"type":"string"}},"required":["to"]}"#,
    ),
    (
        "imaging_order",
        "A picture is to be taken: X-ray, ultrasound, CT, MRI.",
        r#"{"type":"object","properties":{"kind":{"type":"string"},"part":{"type":"string"},"when":{"type":"string"},"reason":{"type":"string"}},"required":["kind"]}"#,
    ),
];

/// Things said that have to be acted on are found by the language model after each exchange, beside the conversation, and kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ActionsConfig {
    /// What is looked for: `follow_up_visit`, `lab_order`, `refill`, `referral`, `imaging_order`, and the names that `definitions`
    /// says. Default: all of these and those.
    pub types: Vec<String>,
    /// Types of the host's own, or other words for the built-in ones, by name.
    pub definitions: BTreeMap<String, ActionDefinition>,
    /// How sure the language model must be, 0–1. Default 0.6.
    pub confidence: f64,
    /// How many of the latest messages the language model is shown (2–50). Default 8.
    pub context_messages: u32,
    /// Whether a one-shot turn waits for what is found in it, so that its reply says it. Its text and its sound do not wait.
    /// Default false: it is found when the reply is there already.
    pub on_replies: bool,
}

impl Default for ActionsConfig {
    fn default() -> Self {
        Self {
            types: Vec::new(),
            definitions: BTreeMap::new(),
            confidence: 0.6,
            context_messages: 8,
            on_replies: false,
        }
    }
}

/// A type of actions of the host's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ActionDefinition {
    /// What it is, for the language model: when there is one, and when there is none.
    pub description: String,
    /// The JSON schema of its details, an object. Default: any.
    pub details: Map<String, Value>,
}

impl ActionDefinition {
    /// A type of actions with any details.
    #[must_use]
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), details: Map::new() }
    }
}

impl ActionsConfig {
    /// The names of what is looked for.
    pub(crate) fn names(&self) -> Vec<&str> {
        if !self.types.is_empty() {
            return self.types.iter().map(String::as_str).collect();
        }
        let own = self.definitions.keys().map(String::as_str);
        let built_in = BUILT_IN.iter().map(|(name, ..)| *name);
        built_in.filter(|name| !self.definitions.contains_key(*name)).chain(own).collect()
    }

    /// Checks what types cannot. `path` is where it stands in its document.
    pub(super) fn validate(&self, path: &str) -> Result<()> {
        let names = self.names();
        if names.len() > MOST_TYPES {
            return Err(invalid(format!("{path}.types: {} entries; at most {MOST_TYPES} are accepted", names.len())));
        }
        for (at, name) in self.types.iter().enumerate() {
            if !self.definitions.contains_key(name) && !BUILT_IN.iter().any(|(known, ..)| known == name) {
                return Err(invalid(format!(
                    "{path}.types[{at}]: {name:?} is not built in; define it in `definitions`"
                )));
            }
        }
        for (name, definition) in &self.definitions {
            let path = format!("{path}.definitions.{name}");
            let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(is_right) {
                return Err(invalid(format!("{path}: expected a name of small letters, digits and _")));
            }
            let characters = definition.description.chars().count();
            if !(1..=LONGEST_DESCRIPTION).contains(&characters) {
                let accepted = format!("1 to {LONGEST_DESCRIPTION} are accepted");
                return Err(invalid(format!("{path}.description: {characters} characters; {accepted}")));
            }
            let bytes = serde_json::to_string(&definition.details).map_or(usize::MAX, |json| json.len());
            if bytes > LARGEST_SCHEMA {
                return Err(invalid(format!("{path}.details: {bytes} bytes; at most {LARGEST_SCHEMA} are accepted")));
            }
            if definition.details.get("type").is_some_and(|kind| kind != "object") {
                return Err(invalid(format!("{path}.details: expected the JSON schema of an object")));
            }
        }
        range(&format!("{path}.context_messages"), f64::from(self.context_messages), 2.0, 50.0)?;
        range(&format!("{path}.confidence"), self.confidence, 0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Config;

    #[test]
    fn what_is_looked_for_is_built_in_or_defined() {
        let all = ActionsConfig::default();
        assert_eq!(all.names(), ["follow_up_visit", "lab_order", "refill", "referral", "imaging_order"]);
        for (_, _, schema) in BUILT_IN {
            assert!(serde_json::from_str::<Map<String, Value>>(schema).is_ok(), "{schema}");
        }
        let own = json!({"types": ["refill", "call_back"], "definitions": {"call_back": {"description": "Call."}}});
        let config = Config::from_json(&json!({"actions": own}).to_string()).unwrap();
        assert_eq!(config.actions.unwrap().names(), ["refill", "call_back"]);
    }

    #[test]
    fn a_fault_is_named_by_its_path() {
        for (document, says) in [
            (json!({"types": ["dance"]}), "actions.types[0]: \"dance\" is not built in; define it in `definitions`"),
            (json!({"definitions": {"A b": {"description": "x"}}}), "actions.definitions.A b: expected a name"),
            (json!({"definitions": {"a": {}}}), "actions.definitions.a.description: 0 characters"),
            (
                json!({"definitions": {"a": {"description": "x", "details": {"type": "string"}}}}),
                "actions.definitions.a.details: expected the JSON schema of an object",
            ),
            (json!({"confidence": 1.5}), "actions.confidence: 1.5 is out of range"),
            (json!({"context_messages": 1}), "actions.context_messages: 1 is out of range"),
        ] {
            let document = json!({"actions": document}).to_string();
            let error = Config::from_json(&document).unwrap_err();
            assert!(error.message().starts_with(says), "{document}: {}", error.message());
        }
    }
}
