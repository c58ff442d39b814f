//! Arguments as JSON.

use std::{str::FromStr, time::Duration};

use serde_json::{Map, Value};
use voice_core::{Error, ErrorKind, SessionId};

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

    pub(crate) fn of(arguments: Map<String, Value>) -> Self {
        Self(arguments)
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

    /// A text that must be there.
    pub(crate) fn required(&self, name: &str) -> Outcome<&str> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// An id, or another word with a meaning.
    pub(crate) fn parsed<T: FromStr<Err = Error>>(&self, name: &str) -> Outcome<Option<T>> {
        parsed(name, self.text(name)?)
    }

    /// The same where it must be there.
    pub(crate) fn id<T: FromStr<Err = Error>>(&self, name: &str) -> Outcome<T> {
        self.parsed(name)?.ok_or_else(|| missing(name))
    }

    /// An object that must be there.
    pub(crate) fn object(&self, name: &str) -> Outcome<&Map<String, Value>> {
        let object = self.given(name).ok_or_else(|| missing(name))?;
        object.as_object().ok_or_else(|| ErrorRecord::invalid(format!("{name}: expected an object")))
    }

    /// A time in seconds.
    pub(crate) fn seconds(&self, name: &str) -> Outcome<Option<Duration>> {
        let wrong = || ErrorRecord::invalid(format!("{name}: expected a number of seconds from 0"));
        let read = |v: &Value| v.as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok());
        self.given(name).map(|v| read(v).ok_or_else(wrong)).transpose()
    }

    /// A time in seconds that must be there.
    pub(crate) fn age(&self, name: &str) -> Outcome<Duration> {
        self.seconds(name)?.ok_or_else(|| missing(name))
    }

    /// The session that a call is about.
    pub(crate) fn session(&self, name: &str) -> Outcome<SessionId> {
        // What is no id names no session.
        self.required(name)?
            .parse()
            .map_err(|_| Error::new(ErrorKind::SessionNotFound, "there is no such session").into())
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
        self.given("metadata").map_or_else(|| Ok(Map::new()), |_| self.object("metadata").cloned())
    }
}

fn missing(name: &str) -> ErrorRecord {
    ErrorRecord::invalid(format!("{name}: missing"))
}

/// What a word means, if it was given.
pub(crate) fn parsed<T: FromStr<Err = Error>>(name: &str, text: Option<&str>) -> Outcome<Option<T>> {
    let read = |text: &str| text.parse().map_err(|e: Error| ErrorRecord::invalid(format!("{name}: {}", e.message())));
    text.map(read).transpose()
}
