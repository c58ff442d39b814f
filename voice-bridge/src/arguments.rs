//! Arguments as JSON.

use serde_json::{Map, Value};
use voice_core::SessionId;

use crate::{ErrorRecord, Outcome};

/// Arguments by name, as JSON; null is the same as nothing.
pub(crate) struct Arguments(Map<String, Value>);

impl Arguments {
    pub(crate) fn read(json: &str) -> Outcome<Self> {
        match serde_json::from_str(json) {
            Ok(Value::Object(arguments)) => Ok(Self(arguments)),
            _ => Err(ErrorRecord::invalid("the arguments must be a JSON object")),
        }
    }

    /// Refuses what has no name in `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Outcome<()> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                Err(ErrorRecord::invalid(format!("{name}: there is no such option; known: {}", known.join(", "))))
            }
        }
    }

    pub(crate) fn given(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Outcome<Option<&str>> {
        self.given(name)
            .map(|v| v.as_str().ok_or_else(|| ErrorRecord::invalid(format!("{name}: expected a string"))))
            .transpose()
    }

    pub(crate) fn id(&self, name: &str) -> Outcome<SessionId> {
        let text = self.text(name)?.ok_or_else(|| ErrorRecord::invalid(format!("{name}: missing")))?;
        // What is no id names no session.
        text.parse().map_err(|_| {
            voice_core::Error::new(voice_core::ErrorKind::SessionNotFound, "there is no such session").into()
        })
    }

    pub(crate) fn number(&self, name: &str) -> Outcome<Option<u32>> {
        let read = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let wrong = || ErrorRecord::invalid(format!("{name}: expected a whole number from 0"));
        self.given(name).map(|v| read(v).ok_or_else(wrong)).transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Outcome<Option<bool>> {
        self.given(name)
            .map(|v| v.as_bool().ok_or_else(|| ErrorRecord::invalid(format!("{name}: expected true or false"))))
            .transpose()
    }

    pub(crate) fn limit(&self) -> Outcome<usize> {
        match self.given("limit") {
            None => Ok(20),
            Some(v) => v
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| ErrorRecord::invalid("limit: expected a whole number from 1 to 100")),
        }
    }

    pub(crate) fn metadata(&self) -> Outcome<Map<String, Value>> {
        match self.given("metadata") {
            None => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(_) => Err(ErrorRecord::invalid("metadata: expected an object")),
        }
    }
}
