//! What a model asks of a tool, and what came of it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Message, Role};
use crate::{
    id::{SessionId, TurnId},
    time::Timestamp,
};

/// One call of a tool, as a language model asks for it. `Debug` leaves the arguments out.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCall {
    /// Names the call within its turn.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments: a JSON object. Text that the model wrote instead of JSON is a JSON string.
    pub arguments: Value,
}

impl ToolCall {
    /// A call with these arguments.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, arguments: Value) -> Self {
        Self { id: id.into(), name: name.into(), arguments }
    }
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// One call of a tool with what came of it. `Debug` leaves the arguments and the result out.
///
/// A stored message of [`Role::Tool`] holds one as JSON: see [`Message::tool_call`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolCallRecord {
    /// Names the call within its turn.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments that the model gave.
    pub arguments: Value,
    /// What the model was told: the tool's output, or as JSON why there is none.
    pub result: String,
    /// Whether the call failed: wrong arguments, no such tool, the tool's own error, a panic, a time-out.
    pub failed: bool,
    /// How long it took, to the millisecond where it is stored.
    #[serde(rename = "elapsed_ms", with = "milliseconds")]
    pub elapsed: Duration,
}

impl ToolCallRecord {
    /// What came of `call`.
    #[must_use]
    pub fn new(call: ToolCall, result: impl Into<String>, failed: bool, elapsed: Duration) -> Self {
        Self { id: call.id, name: call.name, arguments: call.arguments, result: result.into(), failed, elapsed }
    }
}

impl fmt::Debug for ToolCallRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCallRecord")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("failed", &self.failed)
            .field("elapsed", &self.elapsed)
            .finish_non_exhaustive()
    }
}

impl Message {
    /// The message that keeps a call of a tool in the history: role `tool`, the record as JSON for content.
    #[must_use]
    pub fn tool(session_id: SessionId, turn_id: TurnId, record: &ToolCallRecord, at: Timestamp) -> Self {
        // Strings, a JSON value and numbers always have a JSON form.
        let content = serde_json::to_string(record).unwrap_or_default();
        Self::new(session_id, turn_id, Role::Tool, content, at)
    }

    /// The call of a tool that this message keeps. `None`: it is of another role, or was not written by this library.
    #[must_use]
    pub fn tool_call(&self) -> Option<ToolCallRecord> {
        (self.role == Role::Tool).then(|| serde_json::from_str(&self.content).ok()).flatten()
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_stored_call_reads_back_as_it_was() {
        let call = ToolCall::new("a", "order_status", json!({"order_id": 7}));
        let record = ToolCallRecord::new(call, "on its way", false, Duration::from_millis(12));
        let message = Message::tool(SessionId::new(), TurnId::new(), &record, Timestamp::UNIX_EPOCH);
        assert_eq!((message.role, message.tool_call()), (Role::Tool, Some(record)));
    }

    #[test]
    fn a_message_of_another_hand_is_no_call() {
        let message =
            |role| Message::new(SessionId::new(), TurnId::new(), role, "planted {", Timestamp::UNIX_EPOCH).tool_call();
        assert_eq!((message(Role::Tool), message(Role::User)), (None, None));
    }

    #[test]
    fn debug_shows_neither_arguments_nor_result() {
        let call = ToolCall::new("a", "f", json!({"who": "planted"}));
        let record = ToolCallRecord::new(call.clone(), "planted", false, Duration::ZERO);
        assert!(!format!("{call:?} {record:?}").contains("planted"));
    }
}
