//! What the double was asked.

use std::sync::Mutex;

use bytes::Bytes;
use serde_json::Value;
use voice_core::Secret;

use super::{Route, lock};

/// One request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// What was asked for.
    pub route: Route,
    /// The HTTP method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The headers in order, names in lower case, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// The key of `authorization: Bearer …`; `Debug` does not show it.
    pub bearer: Option<Secret>,
    /// The whole header `authorization`; `Debug` does not show it.
    pub authorization: Option<Secret>,
    /// The body.
    pub body: RecordedBody,
}

impl Recorded {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The names and values of the query, in order and decoded.
    pub fn query(&self) -> impl Iterator<Item = (String, String)> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
    }
}

/// The body of a request, parsed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecordedBody {
    /// There was none.
    Empty,
    /// JSON.
    Json(Value),
    /// Multipart form data.
    Multipart(Vec<Part>),
    /// What the client sent over a WebSocket so far; of a binary frame `{"binary": "<base64>"}`.
    Frames(Vec<Value>),
    /// Something else.
    Bytes(Bytes),
}

/// One part of multipart form data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file name, for files.
    pub file_name: Option<String>,
    /// The content type, if the part names one.
    pub content_type: Option<String>,
    /// The content.
    pub bytes: Bytes,
}

/// A request as it is kept: the frames of a WebSocket are still growing.
pub(crate) struct Entry {
    pub(crate) request: Recorded,
    pub(crate) frames: Mutex<Vec<Value>>,
}

impl Entry {
    pub(crate) fn new(request: Recorded) -> Self {
        Self { request, frames: Mutex::default() }
    }

    pub(crate) fn snapshot(&self) -> Recorded {
        let mut request = self.request.clone();
        if let RecordedBody::Frames(frames) = &mut request.body {
            frames.clone_from(&lock(&self.frames));
        }
        request
    }
}

/// A part of a query without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Parses a body by its content type.
pub(crate) fn parse(content_type: &str, body: Bytes) -> RecordedBody {
    if body.is_empty() {
        return RecordedBody::Empty;
    }
    if let Some(boundary) = content_type.strip_prefix("multipart/form-data").and_then(|p| p.split_once("boundary=")) {
        return RecordedBody::Multipart(multipart(boundary.1.trim_matches('"'), &body));
    }
    match serde_json::from_slice(&body) {
        Ok(value) => RecordedBody::Json(value),
        Err(_) => RecordedBody::Bytes(body),
    }
}

/// The parts of multipart form data (RFC 7578), as far as HTTP clients write it.
fn multipart(boundary: &str, body: &Bytes) -> Vec<Part> {
    let find = |from: usize, what: &[u8]| body[from..].windows(what.len()).position(|w| w == what).map(|p| from + p);
    let opening = format!("--{boundary}\r\n");
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    let Some(mut at) = find(0, opening.as_bytes()).map(|p| p + opening.len()) else { return parts };
    while let Some(head_end) = find(at, b"\r\n\r\n") {
        let Some(end) = find(head_end + 4, delimiter.as_bytes()) else { break };
        let head = String::from_utf8_lossy(&body[at..head_end]).into_owned();
        let attribute = |name: &str| {
            let (_, rest) = head.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let content_type = head
            .lines()
            .find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-type")))
            .map(|(_, v)| v.trim().to_owned());
        parts.push(Part {
            name: attribute("; name").unwrap_or_default(),
            file_name: attribute("filename"),
            content_type,
            bytes: body.slice(head_end + 4..end),
        });
        at = end + delimiter.len() + 2;
        if at >= body.len() {
            break;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_bodies_come_apart() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n\
            --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n\r\n\r\nxy\r\n--b--\r\n";
        let RecordedBody::Multipart(parts) = parse("multipart/form-data; boundary=b", Bytes::from(body)) else {
            panic!("multipart is expected")
        };
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), &parts[0].bytes[..]), ("model", &b"m"[..]));
        assert_eq!(parts[1].file_name.as_deref(), Some("a.wav"));
        assert_eq!(parts[1].content_type.as_deref(), Some("audio/wav"));
        assert_eq!(&parts[1].bytes[..], b"\r\n\r\nxy");
    }
}
