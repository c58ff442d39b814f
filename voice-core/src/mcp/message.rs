//! The messages of the protocol: JSON-RPC 2.0, and of the Model Context Protocol what concerns tools. Pure.
//!
//! Source: the specification of 2025-06-18, modelcontextprotocol.io.

use serde_json::{Map, Value, json};

use crate::{
    error::{Error, ErrorKind, Result},
    tool::ToolOutput,
};

/// The revision that is asked for, and those that are understood.
const REVISION: &str = "2025-06-18";
const UNDERSTOOD: [&str; 4] = ["2024-11-05", "2025-03-26", REVISION, "2025-11-25"];

/// JSON-RPC's code for a method that nobody has.
const NO_SUCH_METHOD: i64 = -32_601;

/// What came from a server.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// The answer to a request: what it gave, or the server's words on why not.
    Answer(u64, Result<Value, String>),
    /// A request of the server's, and what it is answered.
    Asked(String),
    /// Something told, which nobody waits for, or nothing that is understood.
    Told,
}

pub(super) fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

pub(super) fn notification(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// Tells the server that nobody waits for this request any more.
pub(super) fn cancelled(id: u64) -> String {
    notification("notifications/cancelled", &json!({"requestId": id}))
}

pub(super) fn read(text: &str) -> Incoming {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return Incoming::Told };
    match (fields.remove("id"), fields.get("method").and_then(Value::as_str)) {
        (Some(id), Some(method)) => Incoming::Asked(answered(&id, method)),
        (Some(id), None) => match id.as_u64() {
            Some(id) => Incoming::Answer(id, outcome(fields)),
            None => Incoming::Told,
        },
        (None, _) => Incoming::Told,
    }
}

fn outcome(mut fields: Map<String, Value>) -> Result<Value, String> {
    match (fields.remove("result"), fields.remove("error")) {
        (Some(result), None) => Ok(result),
        (_, Some(error)) => Err(error["message"].as_str().unwrap_or("no reason was given").to_owned()),
        (None, None) => Err("neither a result nor an error came".to_owned()),
    }
}

/// A server may ask whether anybody is there; nothing else was offered to it.
fn answered(id: &Value, method: &str) -> String {
    let answer = match method {
        "ping" => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
        _ => json!({"jsonrpc": "2.0", "id": id, "error": {"code": NO_SUCH_METHOD, "message": "not offered"}}),
    };
    answer.to_string()
}

/// How a session begins.
pub(super) fn hello() -> Value {
    json!({
        "protocolVersion": REVISION,
        "capabilities": {},
        "clientInfo": {"name": "voice-core", "version": env!("CARGO_PKG_VERSION")},
    })
}

/// The revision that a server chose.
///
/// # Errors
/// `INVALID_REQUEST` (kind `Unsupported`) for one that is not understood.
pub(super) fn revision(welcome: &Value) -> Result<&str> {
    let chosen = welcome["protocolVersion"].as_str().unwrap_or_default();
    if UNDERSTOOD.contains(&chosen) {
        return Ok(chosen);
    }
    let told = format!("the server speaks another revision of the protocol; {} are understood", UNDERSTOOD.join(", "));
    Err(Error::new(ErrorKind::Unsupported, told))
}

/// A tool, as its server describes it.
#[derive(Debug, PartialEq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) parameters: Value,
}

/// A page of a server's tools, and where the next one begins.
pub(super) fn described(mut page: Value) -> (Vec<Described>, Option<String>) {
    let next = page["nextCursor"].as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
    let tools = match page["tools"].take() {
        Value::Array(tools) => tools,
        _ => Vec::new(),
    };
    let read = tools.into_iter().filter_map(|mut tool| {
        let text = |of: &str| tool[of].as_str().unwrap_or_default().to_owned();
        let (name, description) = (text("name"), text("description"));
        (!name.is_empty()).then(|| Described { name, description, parameters: tool["inputSchema"].take() })
    });
    (read.collect(), next)
}

/// What a call gave, for the model: texts as they are, anything else by its kind, as no model of text can see it.
///
/// # Errors
/// `PROVIDER_ERROR` (kind `ToolFailed`) with the server's words when it says that the tool failed.
pub(super) fn given(mut result: Value) -> Result<ToolOutput> {
    let failed = result["isError"].as_bool().unwrap_or_default();
    let parts = result["content"].as_array().map(|parts| parts.iter().map(told).collect::<Vec<_>>().join("\n"));
    let text = parts.filter(|text| !text.is_empty());
    if failed {
        return Err(Error::new(ErrorKind::ToolFailed, text.unwrap_or_else(|| "the tool failed".into())));
    }
    Ok(match (text, result["structuredContent"].take()) {
        (Some(text), _) => text.into(),
        (None, Value::Null) => ().into(),
        (None, structured) => structured.into(),
    })
}

fn told(part: &Value) -> String {
    let kind = part["type"].as_str().unwrap_or("content");
    match kind {
        "text" => part["text"].as_str().unwrap_or_default().to_owned(),
        "resource" => part["resource"]["text"].as_str().map_or_else(|| "(a resource)".into(), str::to_owned),
        "resource_link" => format!("(a resource: {})", part["uri"].as_str().unwrap_or_default()),
        _ => format!("({kind}, which cannot be shown here)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_questions_and_news_are_told_apart() {
        let came = |text: &str| read(text);
        assert_eq!(came(r#"{"jsonrpc":"2.0","id":7,"result":{"a":1}}"#), Incoming::Answer(7, Ok(json!({"a": 1}))));
        let refused = came(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no such tool"}}"#);
        assert_eq!(refused, Incoming::Answer(7, Err("no such tool".into())));
        for nothing in
            ["", "[]", "1", r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#, r#"{"id":"x","result":1}"#]
        {
            assert_eq!(came(nothing), Incoming::Told, "{nothing}");
        }
        let Incoming::Asked(pong) = came(r#"{"jsonrpc":"2.0","id":"p1","method":"ping"}"#) else {
            panic!("no question")
        };
        assert_eq!(
            serde_json::from_str::<Value>(&pong).ok(),
            Some(json!({"jsonrpc": "2.0", "id": "p1", "result": {}}))
        );
        let Incoming::Asked(no) = came(r#"{"jsonrpc":"2.0","id":3,"method":"sampling/createMessage"}"#) else {
            panic!("no question")
        };
        assert!(no.contains("-32601"), "{no}");
    }

    #[test]
    fn what_a_call_gave_becomes_text() {
        let text = |result: Value| given(result).map(|output| output.as_str().to_owned()).ok();
        let parts = json!({"content": [{"type": "text", "text": "Sunny."}, {"type": "image", "data": "…"}, {"type": "text", "text": "22 °C"}]});
        assert_eq!(text(parts).as_deref(), Some("Sunny.\n(image, which cannot be shown here)\n22 °C"));
        assert_eq!(text(json!({"content": [], "structuredContent": {"a": 1}})).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(text(json!({})).as_deref(), Some("done"));
        let error = given(json!({"isError": true, "content": [{"type": "text", "text": "no such order"}]})).err();
        assert_eq!(
            error.map(|e| (e.kind(), e.message().to_owned())),
            Some((ErrorKind::ToolFailed, "no such order".into()))
        );
    }

    #[test]
    fn only_revisions_that_are_understood_are_spoken() {
        assert_eq!(revision(&json!({"protocolVersion": "2025-03-26"})).ok(), Some("2025-03-26"));
        assert_eq!(
            revision(&json!({"protocolVersion": "2031-01-01"})).err().map(|e| e.kind()),
            Some(ErrorKind::Unsupported)
        );
    }
}
