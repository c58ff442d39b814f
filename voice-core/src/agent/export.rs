//! A conversation written out: for people, for other programs, as captions.

use std::{
    fmt::Write,
    pin::Pin,
    str::FromStr,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::VoiceAgent;
use crate::{
    error::{Error, ErrorKind, Result},
    id::MessageId,
    message::{Message, Role},
    store::Session,
    time::Timestamp,
};

/// How many messages are read at once.
const PAGE: usize = 100;
/// How long a caption stays at least, and what a character adds to that: an easy reading pace.
const SHORTEST_CAPTION: Duration = Duration::from_millis(1_000);
const READING_A_CHARACTER: Duration = Duration::from_millis(65);

/// How a conversation is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One JSON object: `session` and `messages`, with every field.
    Json,
    /// A line for each message: when, who, what.
    Text,
    /// Captions (<https://www.w3.org/TR/webvtt1/>), timed from the first message.
    ///
    /// When single words were said is not known: a caption begins when its message was said and stays until it can be read, or
    /// until the next begins.
    WebVtt,
    /// Captions as SubRip, timed as those of `WebVtt`.
    Srt,
}

impl ExportFormat {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Json, "json", "application/json"),
        (Self::Text, "text", "text/plain; charset=utf-8"),
        (Self::WebVtt, "vtt", "text/vtt"),
        (Self::Srt, "srt", "application/x-subrip"),
    ];

    /// The media type of what is written.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        Self::ALL.iter().find(|(format, ..)| *format == self).map_or("", |(.., media_type)| media_type)
    }
}

impl FromStr for ExportFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(format, ..)| *format)
            .ok_or_else(|| Error::new(ErrorKind::InvalidField, "format: expected json, text, vtt or srt"))
    }
}

/// A conversation on its way out: a stream of pieces of text, read page by page.
pub struct Export(BoxStream<'static, Result<String>>);

impl Export {
    pub(super) fn new(agent: VoiceAgent, session: Session, format: ExportFormat) -> Self {
        let writer = Writer { format, session, first: None, waiting: None, written: 0 };
        let reader = Reader { agent, writer, after: None, state: State::Start };
        Self(futures_util::stream::unfold(reader, Reader::piece).boxed())
    }

    /// The next piece; `None` at the end. Nothing comes after an error.
    pub async fn next(&mut self) -> Option<Result<String>> {
        self.0.next().await
    }

    /// All of it in one string: for short conversations.
    ///
    /// # Errors
    /// `STORAGE_ERROR`.
    pub async fn text(mut self) -> Result<String> {
        let mut all = String::new();
        while let Some(piece) = self.next().await {
            all.push_str(&piece?);
        }
        Ok(all)
    }
}

impl Stream for Export {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Export")
    }
}

enum State {
    Start,
    Middle,
    Over,
}

struct Reader {
    agent: VoiceAgent,
    writer: Writer,
    after: Option<MessageId>,
    state: State,
}

impl Reader {
    async fn piece(mut self) -> Option<(Result<String>, Self)> {
        match self.state {
            State::Over => None,
            State::Start => {
                self.state = State::Middle;
                let piece = self.writer.begin();
                Some((piece, self))
            }
            State::Middle => {
                let piece = self.page().await;
                if piece.is_err() {
                    self.state = State::Over;
                }
                Some((piece, self))
            }
        }
    }

    async fn page(&mut self) -> Result<String> {
        let store = &self.agent.engine()?.store;
        let page = store.messages_from(self.writer.session.id, self.after, PAGE).await?;
        self.after = page.items.last().map(|m| m.id).or(self.after);
        let mut piece = String::new();
        for message in page.items {
            self.writer.message(&mut piece, message)?;
        }
        if !page.has_more {
            self.state = State::Over;
            self.writer.end(&mut piece);
        }
        Ok(piece)
    }
}

/// The format, without reading.
struct Writer {
    format: ExportFormat,
    session: Session,
    /// When the first message was said.
    first: Option<Timestamp>,
    /// The caption whose end depends on the next.
    waiting: Option<Caption>,
    written: usize,
}

struct Caption {
    start: Duration,
    role: Role,
    text: String,
}

impl Writer {
    fn begin(&self) -> Result<String> {
        Ok(match self.format {
            ExportFormat::Json => format!("{{\"session\":{},\"messages\":[", json(&self.session)?),
            ExportFormat::WebVtt => "WEBVTT\n".into(),
            ExportFormat::Text | ExportFormat::Srt => String::new(),
        })
    }

    fn message(&mut self, out: &mut String, message: Message) -> Result<()> {
        match self.format {
            ExportFormat::Json => {
                let comma = if self.written > 0 { "," } else { "" };
                append(out, format_args!("{comma}{}", json(&message)?));
                self.written += 1;
            }
            ExportFormat::Text => {
                let at = message.created_at.strftime("%Y-%m-%d %H:%M:%S");
                let mut lines = message.content.lines();
                append(out, format_args!("[{at}] {}: {}\n", message.role.as_str(), lines.next().unwrap_or_default()));
                lines.for_each(|line| append(out, format_args!("    {line}\n")));
            }
            ExportFormat::WebVtt | ExportFormat::Srt => {
                let first = *self.first.get_or_insert(message.created_at);
                let said = message.created_at.duration_since(first);
                // Two machines' clocks may differ: captions never go back.
                let earliest = self.waiting.as_ref().map_or(Duration::ZERO, |c| c.start + Duration::from_millis(1));
                let start = Duration::try_from(said).unwrap_or(Duration::ZERO).max(earliest);
                let text = one_paragraph(&message.content);
                let next = Caption { start, role: message.role, text };
                if let Some(caption) = self.waiting.replace(next) {
                    self.caption(out, &caption, Some(start));
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut String) {
        if let Some(caption) = self.waiting.take() {
            self.caption(out, &caption, None);
        }
        if self.format == ExportFormat::Json {
            out.push_str("]}");
        }
    }

    fn caption(&mut self, out: &mut String, caption: &Caption, next: Option<Duration>) {
        if caption.text.is_empty() {
            return;
        }
        self.written += 1;
        let characters = u32::try_from(caption.text.chars().count()).unwrap_or(u32::MAX);
        let end = caption.start + (READING_A_CHARACTER.saturating_mul(characters)).max(SHORTEST_CAPTION);
        let end = next.map_or(end, |next| end.min(next));
        if self.format == ExportFormat::WebVtt {
            let (start, end) = (clock(caption.start, '.'), clock(end, '.'));
            let text = caption.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            append(out, format_args!("\n{start} --> {end}\n<v {}>{text}\n", caption.role.as_str()));
        } else {
            let (start, end) = (clock(caption.start, ','), clock(end, ','));
            let text = caption.text.replace("-->", "->");
            let role = caption.role.as_str();
            append(out, format_args!("{}\n{start} --> {end}\n{role}: {text}\n\n", self.written));
        }
    }
}

fn append(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = out.write_fmt(what);
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::internal("a conversation could not be written").with_source(e))
}

/// Without line breaks: a blank line would end the caption.
fn one_paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clock(at: Duration, point: char) -> String {
    let seconds = at.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}{point}{:03}", seconds % 60, at.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, TurnId};

    fn said(at_ms: &[i64], texts: &[&str]) -> Vec<Message> {
        let (session, turn) = (SessionId::new(), TurnId::new());
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        let all = at_ms.iter().zip(texts).zip(roles);
        all.map(|((at, text), role)| {
            Message::new(session, turn, role, *text, Timestamp::from_millisecond(1_000_000 + at).unwrap())
        })
        .collect()
    }

    fn written(format: ExportFormat, messages: Vec<Message>) -> String {
        let session = Session::new(messages[0].session_id, None, messages[0].created_at);
        let mut writer = Writer { format, session, first: None, waiting: None, written: 0 };
        let mut out = writer.begin().unwrap();
        for message in messages {
            writer.message(&mut out, message).unwrap();
        }
        writer.end(&mut out);
        out
    }

    #[test]
    fn captions_begin_with_their_message_and_never_overlap() {
        let messages =
            said(&[0, 1_500, 3_700_000], &["Will it rain?", "Yes.\n\nTake <b> --> umbrella & coat", "Thanks"]);
        assert_eq!(
            written(ExportFormat::WebVtt, messages.clone()),
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n<v user>Will it rain?\n\n\
             00:00:01.500 --> 00:00:03.645\n<v assistant>Yes. Take &lt;b&gt; --&gt; umbrella &amp; coat\n\n\
             01:01:40.000 --> 01:01:41.000\n<v user>Thanks\n"
        );
        assert_eq!(
            written(ExportFormat::Srt, messages),
            "1\n00:00:00,000 --> 00:00:01,000\nuser: Will it rain?\n\n\
             2\n00:00:01,500 --> 00:00:03,645\nassistant: Yes. Take <b> -> umbrella & coat\n\n\
             3\n01:01:40,000 --> 01:01:41,000\nuser: Thanks\n\n"
        );
    }

    #[test]
    fn captions_do_not_go_back_when_a_clock_does() {
        let out = written(ExportFormat::WebVtt, said(&[0, -5_000], &["one", "two"]));
        assert!(
            out.contains("00:00:00.000 --> 00:00:00.001") && out.contains("00:00:00.001 --> 00:00:01.001"),
            "{out}"
        );
    }

    #[test]
    fn json_is_one_object_and_text_one_line_for_each_message() {
        let messages = said(&[0, 1_000], &["Will it\nrain?", "\"Yes\""]);
        let json: serde_json::Value = serde_json::from_str(&written(ExportFormat::Json, messages.clone())).unwrap();
        assert_eq!(json["messages"][1]["content"], "\"Yes\"");
        assert_eq!(json["session"]["status"], "active");
        assert_eq!(
            written(ExportFormat::Text, messages),
            "[1970-01-01 00:16:40] user: Will it\n    rain?\n[1970-01-01 00:16:41] assistant: \"Yes\"\n"
        );
    }
}
