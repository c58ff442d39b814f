//! Server-sent events by the WHATWG rules, on bytes.
//!
//! Source: HTML Living Standard, 9.2.6 "Interpreting an event stream". One departure: an event that is complete but for
//! its blank line when the stream ends is handed over instead of dropped, because some servers end on `data: [DONE]`
//! without one; whoever reads it must expect that it may be cut.

use std::{collections::VecDeque, time::Duration};

use reqwest::Response;
use tokio::time::timeout;

use super::peer::Peer;
use crate::error::Result;

/// The most bytes of one event: ten seconds of base64 sound and then some.
const MOST_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// How long the end of an answer may follow its last event.
const MOST_DRAIN: Duration = Duration::from_secs(1);

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its `event:` name; empty when it has none.
    pub(crate) name: String,
    /// Its `data:` lines, joined by line feeds.
    pub(crate) data: String,
    /// Whether its blank line came. When not, the stream ended inside it.
    pub(crate) complete: bool,
}

/// An event grew past the limit.
#[derive(Debug, PartialEq, Eq)]
struct TooLong;

/// Turns bytes, cut anywhere, into events.
#[derive(Debug, Default)]
struct SseParser {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    seen_first_line: bool,
    ready: VecDeque<SseEvent>,
}

impl SseParser {
    fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + self.data.len() + piece.len() > MOST_EVENT_BYTES {
                return Err(TooLong);
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { break };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line();
        }
        Ok(())
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.seen_first_line, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(true);
            return;
        }
        let (field, value) = match line.iter().position(|b| *b == b':') {
            Some(0) => return,
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"event" => self.name = value.to_vec(),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            // `id` and `retry` serve reconnection, which a request that must not be repeated never does.
            _ => {}
        }
    }

    fn dispatch(&mut self, complete: bool) {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        if std::mem::take(&mut self.has_data) {
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            self.ready.push_back(SseEvent { name: text(name), data: text(data), complete });
        }
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.dispatch(false);
    }
}

/// The events of a response, pulled one by one.
pub(crate) struct SseReader {
    response: Option<Response>,
    parser: SseParser,
    peer: Peer,
}

impl SseReader {
    pub(crate) fn new(response: Response, peer: Peer) -> Self {
        Self { response: Some(response), parser: SseParser::default(), peer }
    }

    /// Lets go of an answer whose last event has come. What little is still on its way is read in the background, because
    /// a connection of HTTP/1.1 can only be used again after the end of the answer.
    pub(crate) fn release(&mut self) {
        let Some(mut response) = self.response.take() else { return };
        let drain = async move { while let Ok(Some(_)) = response.chunk().await {} };
        tokio::spawn(timeout(MOST_DRAIN, drain));
    }

    /// The next event; `None` at the end of the stream. Events that came before a failure are handed over before it.
    pub(crate) async fn next(&mut self) -> Option<Result<SseEvent>> {
        loop {
            if let Some(event) = self.parser.ready.pop_front() {
                return Some(Ok(event));
            }
            match self.response.as_mut()?.chunk().await {
                Ok(Some(bytes)) => {
                    if self.parser.push(&bytes).is_err() && self.parser.ready.is_empty() {
                        self.response = None;
                        return Some(Err(self.peer.malformed("sent an event of more than 4 MiB")));
                    }
                }
                Ok(None) => {
                    self.response = None;
                    self.parser.finish();
                }
                Err(error) => {
                    self.response = None;
                    return Some(Err(self.peer.transport(&error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(pieces: &[&[u8]]) -> Vec<(String, String, bool)> {
        let mut parser = SseParser::default();
        for piece in pieces {
            parser.push(piece).unwrap();
        }
        parser.finish();
        parser.ready.into_iter().map(|e| (e.name, e.data, e.complete)).collect()
    }

    fn event(data: &str) -> (String, String, bool) {
        (String::new(), data.into(), true)
    }

    #[test]
    fn all_three_line_ends_work_and_mix() {
        assert_eq!(parse(&[b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\n"]), ["a", "b", "c", "d"].map(event));
    }

    #[test]
    fn several_data_lines_join_and_one_space_is_dropped() {
        assert_eq!(parse(&[b"data:a\ndata:  b\ndata\n\n"]), [event("a\n b\n")]);
    }

    #[test]
    fn comments_unknown_fields_and_the_byte_order_mark_are_skipped() {
        assert_eq!(
            parse(&[b"\xEF\xBB\xBFdata: a\n\n: keep-alive\n\nid: 1\nretry: 5\ndata: b\n\n"]),
            ["a", "b"].map(event)
        );
    }

    #[test]
    fn a_name_belongs_to_its_event_only() {
        let events = parse(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
        assert_eq!(events, [("error".into(), "a".into(), true), event("b")]);
    }

    #[test]
    fn what_the_end_of_the_stream_cuts_is_marked() {
        assert_eq!(parse(&[b"data: a\n\ndata: [DONE]"]), [event("a"), (String::new(), "[DONE]".into(), false)]);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = SseParser::default();
        let block = vec![b'x'; 1024 * 1024];
        assert!((0..8).any(|_| parser.push(&block).is_err()));
    }

    proptest! {
        #[test]
        fn cutting_the_stream_anywhere_changes_nothing(cuts in prop::collection::vec(0usize..200, 0..12)) {
            let stream = "\u{FEFF}event: x\r\ndata: पुणे\r\n\r\n: c\rdata: two\rdata: lines\r\rdata: {\"a\":1}\n\ndata: [DONE]\n\n".as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c % stream.len()).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
            prop_assert_eq!(parse(&pieces), parse(&[stream]));
        }
    }
}
