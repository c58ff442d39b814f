//! Things said that have to be acted on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{
    id::{ActionId, MessageId, SessionId, TurnId},
    time::Timestamp,
};

/// Something said that has to be acted on: a visit that was agreed on, a medicine that is to be refilled. `Debug` leaves its
/// details out.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Action {
    /// Its id; later ones have later ids.
    pub id: ActionId,
    /// The session in which it was said.
    pub session_id: SessionId,
    /// The turn in which it was said.
    pub turn_id: TurnId,
    /// The message that says it.
    pub message_id: MessageId,
    /// What it is, as the config names it: `refill`, `follow_up_visit`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What is known of it: a JSON object, as the type's schema says.
    pub details: Map<String, Value>,
    /// How sure the language model was, 0–1.
    pub confidence: f64,
    /// When it was found.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}

impl Action {
    /// An action with a fresh id and without details, of which the finder is sure.
    #[must_use]
    pub fn new(
        session_id: SessionId,
        turn_id: TurnId,
        message_id: MessageId,
        kind: impl Into<String>,
        at: Timestamp,
    ) -> Self {
        Self {
            id: ActionId::new(),
            session_id,
            turn_id,
            message_id,
            kind: kind.into(),
            details: Map::new(),
            confidence: 1.0,
            created_at: at,
        }
    }

    /// What makes it the same as another of its session: the same type and details, but for case, spaces and what is empty. 64
    /// hexadecimal digits, by which a store keeps it once.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let details = canonical(&Value::Object(self.details.clone()));
        let digest =
            Sha256::new().chain_update(&self.kind).chain_update([0]).chain_update(details.to_string()).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A value without case, spaces around words and empty parts; the keys of objects in order.
fn canonical(value: &Value) -> Value {
    match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().into(),
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(fields) => {
            let mut all: Vec<(String, Value)> = fields
                .iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .filter(|(_, v)| !is_empty(v))
                .collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            // Written as pairs: whether a map keeps its order is a setting of the JSON library.
            all.into_iter().map(|(key, value)| Value::Array(vec![key.into(), value])).collect()
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("id", &self.id)
            .field("session_id", &self.session_id)
            .field("kind", &self.kind)
            .field("details", &self.details.len())
            .field("confidence", &self.confidence)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fingerprint(kind: &str, details: &Value) -> String {
        let (session, turn, message) = (SessionId::new(), TurnId::new(), MessageId::new());
        let mut action = Action::new(session, turn, message, kind, Timestamp::UNIX_EPOCH);
        action.details = details.as_object().unwrap().clone();
        action.fingerprint()
    }

    #[test]
    fn actions_are_the_same_whatever_their_case_spaces_order_and_empty_parts() {
        let one = fingerprint("refill", &json!({"medication": "Metformin", "dose": "500 mg"}));
        assert_eq!(
            one,
            fingerprint("refill", &json!({"dose": " 500  MG", "medication": "metformin", "pharmacy": null}))
        );
        assert_eq!(one.len(), 64);
        assert_ne!(one, fingerprint("refill", &json!({"medication": "Metformin", "dose": "850 mg"})));
        assert_ne!(one, fingerprint("lab_order", &json!({"medication": "Metformin", "dose": "500 mg"})));
    }

    #[test]
    fn debug_leaves_the_details_out() {
        let mut action =
            Action::new(SessionId::new(), TurnId::new(), MessageId::new(), "refill", Timestamp::UNIX_EPOCH);
        action.details.insert("medication".into(), "metformin".into());
        assert!(!format!("{action:?}").contains("metformin"));
    }
}
