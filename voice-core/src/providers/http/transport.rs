//! Failures below HTTP, told apart.

use std::{error::Error as StdError, io};

#[cfg(feature = "_websocket")]
use reqwest::header::TRANSFER_ENCODING;
#[cfg(feature = "_websocket")]
use tokio_tungstenite::tungstenite;

#[cfg(feature = "_websocket")]
use super::peer::{Peer, Private, Refusal};
use crate::error::ErrorKind;

/// Reads what happened from the chain of causes of a client error.
pub(super) fn classify(error: &reqwest::Error) -> (ErrorKind, String) {
    if error.is_builder() {
        return (ErrorKind::InvalidConfig, "the address is not a valid URL".into());
    }
    if error.is_connect() {
        if error.is_timeout() {
            return (ErrorKind::ConnectTimeout, String::new());
        }
        return (ErrorKind::Connect, causes(error).find_map(reason).unwrap_or_else(|| "no connection".into()));
    }
    if error.is_timeout() {
        return (ErrorKind::IdleTimeout, String::new());
    }
    (ErrorKind::ConnectionLost, causes(error).find_map(reason).unwrap_or_else(|| "it closed early".into()))
}

/// The sentence for people.
#[cfg(feature = "_http")]
pub(super) fn sentence(kind: ErrorKind, host: &str, what: &str) -> String {
    match kind {
        ErrorKind::Connect => format!("cannot connect to {host}: {what}"),
        ErrorKind::ConnectTimeout => format!("no connection to {host} within the connect time-out"),
        ErrorKind::IdleTimeout => format!("{host} fell silent"),
        ErrorKind::ConnectionLost => format!("the connection to {host} broke: {what}"),
        _ => format!("{host}: {what}"),
    }
}

pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    let next = |e: &&'a (dyn StdError + 'static)| -> Option<&'a (dyn StdError + 'static)> { (*e).source() };
    std::iter::successors(Some(error), next)
}

/// What one cause means, if it says more than its wrapper.
fn reason(cause: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
        return Some(tls_reason(tls));
    }
    if let Some(io) = cause.downcast_ref::<io::Error>() {
        return Some(io_reason(io));
    }
    let words = cause.to_string();
    if words.contains("tunnel error") {
        return Some(format!("the proxy does not pass on ({words})"));
    }
    words.contains("dns error").then(|| "its name does not resolve (DNS)".into())
}

fn tls_reason(error: &rustls::Error) -> String {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => "; does the server speak HTTPS on this port?",
        rustls::Error::InvalidCertificate(_) => "; is the certificate's authority trusted on this machine?",
        _ => "",
    };
    format!("the TLS handshake failed ({error}{hint})")
}

pub(super) fn io_reason(error: &io::Error) -> String {
    // TLS failures come wrapped in I/O errors, sometimes twice.
    if let Some(inner) = error.get_ref().and_then(|inner| causes(inner).find_map(reason)) {
        return inner;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset".into(),
        io::ErrorKind::UnexpectedEof => "it closed early".into(),
        kind => kind.to_string(),
    }
}

/// As much of a chunked body as came: a WebSocket client hands it over as it was on the wire.
#[cfg(feature = "_websocket")]
fn without_chunk_marks(mut wire: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(wire.len());
    while let Some(end) = wire.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&wire[..end]).unwrap_or_default();
        let size = size.split(';').next().and_then(|s| usize::from_str_radix(s.trim(), 16).ok()).unwrap_or(0);
        let chunk = &wire[end + 2..];
        let size = size.min(chunk.len());
        if size == 0 {
            break;
        }
        body.extend_from_slice(&chunk[..size]);
        wire = chunk[size..].strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}

/// What a failed handshake or a broken WebSocket means. `handshake` tells whether the socket was still being opened.
#[cfg(feature = "_websocket")]
pub(crate) fn websocket_error(peer: &Peer, error: tungstenite::Error, handshake: bool, private: &Private) -> Refusal {
    use tungstenite::Error as Ws;

    let broken = if handshake { ErrorKind::Connect } else { ErrorKind::ConnectionLost };
    let fail = |kind, what: &str| peer.error(kind, sentence(kind, &peer.host, what));
    match error {
        Ws::Http(response) => {
            let (parts, body) = response.into_parts();
            let mut body = body.unwrap_or_default();
            if parts.headers.contains_key(TRANSFER_ENCODING) {
                body = without_chunk_marks(&body);
            }
            peer.refusal(parts.status, &parts.headers, &body, private)
        }
        Ws::Io(io) => fail(broken, &io_reason(&io)).into(),
        Ws::Tls(tls) => fail(broken, &reason(&tls).unwrap_or_else(|| "the TLS handshake failed".into())).into(),
        Ws::ConnectionClosed | Ws::AlreadyClosed => fail(ErrorKind::ConnectionLost, "it closed early").into(),
        Ws::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            fail(ErrorKind::ConnectionLost, "it closed early").into()
        }
        Ws::Url(_) | Ws::HttpFormat(_) => fail(ErrorKind::InvalidConfig, "the address is not a valid URL").into(),
        _ => peer.malformed("broke the WebSocket protocol").into(),
    }
}
