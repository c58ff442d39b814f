//! What the double answers: content, pace, and how it ends.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Recorded, RecordedBody, Route, socket::SocketScript};

/// The rate of speech, in samples a second.
const SPEECH_RATE: u32 = 24_000;

/// The bytes of one piece of speech. Odd, as TCP cuts anywhere.
const SPEECH_PIECE: usize = 4801;

/// The characters of one piece of a tool's arguments.
const ARGUMENTS_PIECE: usize = 5;

/// Stands in a Realtime frame for the id of the response or of the item of sound, and for the id of the event that asked for it.
pub(super) const RESPONSE_ID: &str = "{response}";
pub(super) const EVENT_ID: &str = "{event}";

/// One scripted answer. Build it with a constructor, then change pace and end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    content: Content,
    pub(super) first_byte: Option<Duration>,
    pub(super) gap: Duration,
    pub(super) end: End,
}

#[derive(Clone, Debug)]
enum Content {
    /// These bytes, piece by piece.
    Pieces(Vec<Bytes>),
    /// A transcript, in the form that the request asks for.
    Transcript { text: String, language: String },
    /// An answer and calls of tools (names and arguments), streamed or whole as the request asks.
    Chat(Vec<String>, Vec<(String, Value)>),
    /// Samples at 24 kHz, in the format that the request asks for.
    Speech(Vec<i16>),
    /// What an utterance on a Realtime WebSocket says.
    Utterance(String),
    /// When a Realtime session ends, in seconds since 1970.
    Session(Option<i64>),
    /// What happens on a WebSocket.
    Socket(SocketScript),
}

/// How an answer ends. Counts are pieces that still go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    /// Proper in HTTP, too early in content.
    Stop(usize),
    /// The connection closes in the middle.
    Cut(usize),
    /// The connection is reset in the middle.
    Reset(usize),
    /// Nothing more comes, and the connection stays.
    Hang(usize),
}

impl Reply {
    fn new(status: u16, content_type: &str, content: Content) -> Self {
        Self {
            status,
            headers: vec![("content-type".into(), content_type.into()), ("x-request-id".into(), "req_double".into())],
            content,
            first_byte: Some(Duration::ZERO),
            gap: Duration::ZERO,
            end: End::Complete,
        }
    }

    pub(super) fn standard(route: Route) -> Self {
        match route {
            Route::Transcription => Self::transcription("What time is it?"),
            Route::Chat => Self::chat(["It ", "is ", "noon."]),
            Route::Speech => Self::silence(0.25),
            Route::Models => Self::json(
                200,
                json!({"object": "list", "data": [{"id": "gpt-6-luna", "object": "model", "created": 1, "owned_by": "openai", "shutdown_date": null}]}),
            ),
            Route::RealtimeConnect => Self::raw(101, "text/plain", [""; 0]),
            Route::RealtimeSession => Self::new(200, "application/json", Content::Session(None)),
            Route::Realtime => Self::realtime(&vec![0; 6000]),
            Route::LiveTranscription => Self::live_transcription("What time is it?"),
            Route::At(_) | Route::Unknown => Self::error(404, "not_found", "no such path"),
        }
    }

    /// A transcript in English, in whatever form is asked for: events, JSON, verbose JSON.
    #[must_use]
    pub fn transcription(text: impl Into<String>) -> Self {
        Self::transcription_in("en", text)
    }

    /// A transcript in a language given by its code.
    #[must_use]
    pub fn transcription_in(language: impl Into<String>, text: impl Into<String>) -> Self {
        let content = Content::Transcript { text: text.into(), language: language.into() };
        Self::new(200, "application/json", content)
    }

    /// A model's answer, one chunk for each piece, streamed when that is asked for.
    #[must_use]
    pub fn chat<S: Into<String>>(pieces: impl IntoIterator<Item = S>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).collect();
        Self::new(200, "application/json", Content::Chat(pieces, Vec::new()))
    }

    /// Calls a tool, behind what a chat answer says and calls so far; the arguments come in fragments when it is streamed.
    #[must_use]
    pub fn calling(mut self, tool: &str, arguments: Value) -> Self {
        if let Content::Chat(_, calls) = &mut self.content {
            calls.push((tool.into(), arguments));
        }
        self
    }

    /// Speech: samples at 24 kHz, as PCM or WAV as asked for, in pieces of a tenth of a second.
    #[must_use]
    pub fn speech(samples: impl Into<Vec<i16>>) -> Self {
        Self::new(200, "audio/pcm", Content::Speech(samples.into()))
    }

    /// So many seconds of speech in which nothing is to be heard.
    #[must_use]
    pub fn silence(seconds: f64) -> Self {
        Self::speech(vec![0; (seconds * f64::from(SPEECH_RATE)).round() as usize])
    }

    /// Speech as Realtime events: samples at 24 kHz, in pieces of a tenth of a second, among the other events of a response.
    #[must_use]
    pub fn realtime(samples: &[i16]) -> Self {
        let created = json!({"type": "response.created", "event_id": "e1", "response": {"object": "realtime.response", "id": RESPONSE_ID, "status": "in_progress", "output": []}});
        let item = json!({"type": "response.output_item.added", "event_id": "e2", "response_id": RESPONSE_ID, "output_index": 0, "item": {"id": "item_1", "type": "message", "role": "assistant", "content": []}});
        let deltas = pcm_bytes(samples).chunks(SPEECH_PIECE - 1).map(|piece| {
            json!({"type": "response.output_audio.delta", "event_id": "e3", "response_id": RESPONSE_ID, "item_id": "item_1", "output_index": 0, "content_index": 0, "delta": STANDARD.encode(piece)})
        }).collect::<Vec<_>>();
        let limits = json!({"type": "rate_limits.updated", "event_id": "e4", "rate_limits": []});
        let done = json!({"type": "response.done", "event_id": "e5", "response": {"object": "realtime.response", "id": RESPONSE_ID, "status": "completed", "status_details": null, "output": []}});
        Self::frames([created, item].into_iter().chain(deltas).chain([limits, done]))
    }

    /// What an utterance says, in English: a word for each piece of sound, the last one and the whole when it is committed.
    #[must_use]
    pub fn live_transcription(text: impl Into<String>) -> Self {
        Self::new(200, "application/json", Content::Utterance(text.into()))
    }

    /// A Realtime session that says it ends at this time, in seconds since 1970.
    #[must_use]
    pub fn session_until(expires_at: i64) -> Self {
        Self::new(200, "application/json", Content::Session(Some(expires_at)))
    }

    /// A WebSocket at a [`Route::At`]: one of `early` goes out for each piece of sound that comes in, as a binary frame or as an
    /// `input_audio_chunk`. A string goes out as it stands, anything else as JSON.
    #[must_use]
    pub fn socket(early: impl IntoIterator<Item = Value>) -> Self {
        Self::new(101, "text/plain", Content::Socket(SocketScript::early(early)))
    }

    /// Answers a text frame of a WebSocket whose `type` is this one, which is this bare word, or, for `commit`, an `input_audio_chunk`
    /// that commits: with what is left to send early, then with these.
    #[must_use]
    pub fn answering(mut self, kind: &str, frames: impl IntoIterator<Item = Value>) -> Self {
        if let Content::Socket(script) = &mut self.content {
            script.answer(kind, frames);
        }
        self
    }

    /// Closes a WebSocket with this code and reason once it has answered a text frame.
    #[must_use]
    pub fn closing(mut self, code: u16, reason: &str) -> Self {
        if let Content::Socket(script) = &mut self.content {
            script.close = Some((code, reason.into()));
        }
        self
    }

    /// What happens on a WebSocket.
    pub(super) fn socket_script(&self) -> SocketScript {
        if let Content::Socket(script) = &self.content { script.clone() } else { SocketScript::default() }
    }

    /// When the session ends.
    pub(super) fn session_end(&self) -> Option<i64> {
        if let Content::Session(end) = self.content { end } else { None }
    }

    /// How many frames may go out before the end of an utterance.
    pub(super) fn early(&self) -> usize {
        match &self.content {
            Content::Utterance(text) => text.split_whitespace().count().saturating_sub(1),
            _ => 0,
        }
    }

    /// Realtime events as they stand. `{response}` in them becomes the id of the response or of the item of sound, `{event}` that
    /// of the client's `response.create` or `input_audio_buffer.commit`.
    #[must_use]
    pub fn frames(events: impl IntoIterator<Item = Value>) -> Self {
        Self::raw(200, "application/json", events.into_iter().map(|e| e.to_string()))
    }

    /// A Realtime `error` event about the client's `response.create` or `input_audio_buffer.commit`.
    #[must_use]
    pub fn realtime_error(class: &str, code: &str, message: &str) -> Self {
        Self::frames([
            json!({"type": "error", "event_id": "e1", "error": {"type": class, "code": code, "message": message, "param": null, "event_id": EVENT_ID}}),
        ])
    }

    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self::raw(status, "application/json", [body.to_string()])
    }

    /// An error body as OpenAI writes it.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let class = match status {
            429 => "requests",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        Self::json(status, json!({"error": {"message": message, "type": class, "param": null, "code": code}}))
    }

    /// A refusal of one field, as OpenAI writes it.
    #[must_use]
    pub fn refused_field(code: &str, field: &str, message: &str) -> Self {
        let error = json!({"message": message, "type": "invalid_request_error", "param": field, "code": code});
        Self::json(400, json!({"error": error}))
    }

    /// Server-sent events, one `data:` line each; no `[DONE]` is added.
    #[must_use]
    pub fn sse<S: AsRef<str>>(data: impl IntoIterator<Item = S>) -> Self {
        let events = data.into_iter().map(|d| format!("data: {}\n\n", d.as_ref()));
        Self::raw(200, "text/event-stream", events)
    }

    /// The bytes of an answer, piece by piece, as they stand.
    #[must_use]
    pub fn raw<B: Into<Bytes>>(status: u16, content_type: &str, pieces: impl IntoIterator<Item = B>) -> Self {
        Self::new(status, content_type, Content::Pieces(pieces.into_iter().map(Into::into).collect()))
    }

    /// No answer at all: the request is taken and nothing comes back.
    #[must_use]
    pub fn never() -> Self {
        Self { first_byte: None, ..Self::raw(200, "text/plain", [""; 0]) }
    }

    /// Sets a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Waits before the status line goes out.
    #[must_use]
    pub fn first_byte(mut self, delay: Duration) -> Self {
        self.first_byte = Some(delay);
        self
    }

    /// Waits before each piece but the first.
    #[must_use]
    pub fn every(mut self, delay: Duration) -> Self {
        self.gap = delay;
        self
    }

    /// Ends properly after so many pieces, although the content is not complete.
    #[must_use]
    pub fn stop_after(mut self, pieces: usize) -> Self {
        self.end = End::Stop(pieces);
        self
    }

    /// Closes the connection after so many pieces, in the middle of the body.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.end = End::Cut(pieces);
        self
    }

    /// Resets the connection (TCP RST) after so many pieces.
    #[must_use]
    pub fn reset_after(mut self, pieces: usize) -> Self {
        self.end = End::Reset(pieces);
        self
    }

    /// Falls silent after so many pieces, the connection staying open.
    #[must_use]
    pub fn hang_after(mut self, pieces: usize) -> Self {
        self.end = End::Hang(pieces);
        self
    }

    /// The pieces for this request, and the content type that goes with them.
    pub(super) fn render(&self, request: &Recorded) -> (Vec<Bytes>, Option<&'static str>) {
        match &self.content {
            Content::Pieces(pieces) => (pieces.clone(), None),
            Content::Transcript { text, language } => transcript(text, language, request),
            Content::Chat(pieces, calls) => chat(pieces, calls, request),
            Content::Utterance(text) => (utterance(text), None),
            Content::Session(_) | Content::Socket(_) => (Vec::new(), None),
            Content::Speech(samples) => {
                let as_wav = request.json().and_then(|j| j.get("response_format")).is_some_and(|f| f == "wav");
                let (bytes, kind) =
                    if as_wav { (wav_bytes(samples), "audio/wav") } else { (pcm_bytes(samples), "audio/pcm") };
                (bytes.chunks(SPEECH_PIECE).map(Bytes::copy_from_slice).collect(), Some(kind))
            }
        }
    }
}

fn sse(events: impl IntoIterator<Item = String>) -> (Vec<Bytes>, Option<&'static str>) {
    (events.into_iter().map(|e| format!("data: {e}\n\n").into()).collect(), Some("text/event-stream"))
}

fn transcript(text: &str, language: &str, request: &Recorded) -> (Vec<Bytes>, Option<&'static str>) {
    let field = |name: &str| request.field(name).unwrap_or_default();
    let languages = json!([{"code": language}]);
    if field("stream") == "true" && !field("model").contains("whisper") {
        let words = text.split_inclusive(' ').map(|w| json!({"type": "transcript.text.delta", "delta": w}).to_string());
        let done = json!({"type": "transcript.text.done", "text": text, "languages": languages});
        return sse(words.chain([done.to_string()]));
    }
    let body = if field("response_format") == "verbose_json" {
        json!({"task": "transcribe", "language": language, "duration": 1.0, "text": text, "segments": []})
    } else {
        json!({"text": text, "languages": languages, "usage": {"type": "duration", "seconds": 1}})
    };
    (vec![body.to_string().into()], Some("application/json"))
}

fn utterance(text: &str) -> Vec<Bytes> {
    let event = |kind: &str| json!({"type": format!("conversation.item.input_audio_transcription.{kind}"), "event_id": "e1", "item_id": RESPONSE_ID, "content_index": 0});
    let words = text.split_inclusive(' ').map(|word| {
        let mut delta = event("delta");
        (delta["delta"], delta["obfuscation"]) = (word.into(), "aLxx0".into());
        delta
    });
    let committed = json!({"type": "input_audio_buffer.committed", "event_id": "e2", "previous_item_id": null, "item_id": RESPONSE_ID});
    let item = json!({"id": RESPONSE_ID, "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_audio", "transcript": null}]});
    let added = json!({"type": "conversation.item.added", "event_id": "e3", "previous_item_id": null, "item": item});
    let mut completed = event("completed");
    completed["transcript"] = text.into();
    completed["languages"] = json!([{"code": "en"}]);
    completed["usage"] = json!({"type": "duration", "seconds": 1});
    words.chain([committed, added, completed]).map(|event| event.to_string().into()).collect()
}

fn chat(pieces: &[String], calls: &[(String, Value)], request: &Recorded) -> (Vec<Bytes>, Option<&'static str>) {
    let asked = request.json().cloned().unwrap_or_default();
    let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
    let call = |n: usize, arguments: &str| {
        let function = json!({"name": calls[n].0, "arguments": arguments});
        json!({"id": format!("call_double{n}"), "type": "function", "function": function})
    };
    let usage = json!({"prompt_tokens": 12, "completion_tokens": pieces.len(), "total_tokens": 12 + pieces.len(), "prompt_tokens_details": {"cached_tokens": 4}});
    if asked.get("stream") != Some(&Value::Bool(true)) {
        let mut message = json!({"role": "assistant", "content": pieces.concat(), "refusal": null});
        if !calls.is_empty() {
            message["tool_calls"] = calls.iter().enumerate().map(|(n, (_, args))| call(n, &args.to_string())).collect();
        }
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": reason});
        let body = json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"], "choices": [choice], "usage": usage});
        return (vec![body.to_string().into()], Some("application/json"));
    }
    let with_usage = asked.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": asked["model"], "choices": choices});
        if with_usage {
            chunk["usage"] = usage;
        }
        chunk.to_string()
    };
    let delta = |delta: Value, reason: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null)];
    events.extend(pieces.iter().map(|p| delta(json!({"content": p}), Value::Null)));
    for (n, (_, arguments)) in calls.iter().enumerate() {
        let mut begin = call(n, "");
        begin["index"] = json!(n);
        events.push(delta(json!({"tool_calls": [begin]}), Value::Null));
        let arguments: Vec<char> = arguments.to_string().chars().collect();
        events.extend(arguments.chunks(ARGUMENTS_PIECE).map(|piece| {
            let function = json!({"arguments": piece.iter().collect::<String>()});
            delta(json!({"tool_calls": [{"index": n, "function": function}]}), Value::Null)
        }));
    }
    events.push(delta(json!({}), json!(reason)));
    if with_usage {
        events.push(chunk(json!([]), usage));
    }
    events.push("[DONE]".into());
    sse(events)
}

fn pcm_bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// A WAV file as servers stream it: with a length that was not known yet.
fn wav_bytes(samples: &[i16]) -> Vec<u8> {
    let mut out = b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    out.extend_from_slice(&SPEECH_RATE.to_le_bytes());
    out.extend_from_slice(&(SPEECH_RATE * 2).to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data\xFF\xFF\xFF\xFF");
    out.extend(pcm_bytes(samples));
    out
}

impl Recorded {
    /// A text field of a multipart body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        match &self.body {
            RecordedBody::Multipart(parts) => {
                parts.iter().find(|p| p.name == name).map(|p| String::from_utf8_lossy(&p.bytes).into_owned())
            }
            _ => None,
        }
    }

    /// A JSON body.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        match &self.body {
            RecordedBody::Json(value) => Some(value),
            _ => None,
        }
    }
}
