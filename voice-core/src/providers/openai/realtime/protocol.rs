//! A conversation as events of the Realtime API, without the connection: what a client sends for what the model is told, and
//! what the server's events mean, under their present and their beta names.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{super::tools::arguments, RATE, speech};
use crate::{
    audio::{LiveResampler, Pcm, SPEECH_RATE, to_i16},
    cost::TokensUsed,
    error::{ErrorKind, Result},
    event::{TextDelta, Transcript},
    message::{Role, ToolCall},
    provider::{AnswerEnd, FromModel, PromptMessage, ToModel, ToolSpec},
    providers::http::{Peer, Private},
};

/// Sound goes out in pieces of at least 20 ms.
const PIECE: usize = RATE as usize / 50;
/// Samples of silence behind which everything before is resampled: 10 ms.
const RESAMPLING: usize = SPEECH_RATE as usize / 100;
/// The least that the server makes an item of: 100 ms.
const LEAST: usize = RATE as usize / 10;
/// The field of a response that names the words that it reads aloud.
const SAYS: &str = "says";
/// How many events of ours are remembered that an error may answer.
const REMEMBERED: usize = 64;
/// How many words of people's are remembered, so that an error that quotes them can be told.
const QUOTED: usize = 64;

/// One conversation on one connection.
pub(super) struct Protocol {
    peer: Peer,
    private: Private,
    resampler: LiveResampler,
    unsent: Vec<i16>,
    /// Samples that became no item yet.
    uncommitted: usize,
    /// How much silence the server waits for before it says that the voice has ended.
    silence: Duration,
    /// What was recognised of each item so far.
    heard: HashMap<String, String>,
    /// Our events that ask for an answer, and whether it may call tools.
    asked: HashMap<String, bool>,
    /// An answer that could not be begun because another was under way.
    again: Option<bool>,
    /// Our events that have words read aloud.
    to_say: Vec<String>,
    /// Our events whose refusal changes nothing: what they are about is over already.
    harmless: Vec<String>,
}

/// What an event of the server's comes to.
#[derive(Default)]
pub(super) struct Read {
    pub(super) events: Vec<FromModel>,
    /// What is to be sent on account of it.
    pub(super) send: Vec<Value>,
}

impl From<FromModel> for Read {
    fn from(event: FromModel) -> Self {
        Self { events: vec![event], send: Vec::new() }
    }
}

fn event(kind: &str) -> (String, Value) {
    let id = Uuid::now_v7().to_string();
    let event = json!({"type": kind, "event_id": id});
    (id, event)
}

fn with(kind: &str, field: &str, value: Value) -> Value {
    let (_, mut event) = event(kind);
    event[field] = value;
    event
}

fn text_item(role: &str, part: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": part, "text": text}]})
}

/// The tools of a session.
pub(super) fn offered(tools: &[ToolSpec]) -> Value {
    let tool = |tool: &ToolSpec| json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters});
    tools.iter().map(tool).collect()
}

impl Protocol {
    pub(super) fn new(peer: Peer, silence: Duration, private: Private) -> Self {
        Self {
            peer,
            private,
            resampler: LiveResampler::new(SPEECH_RATE, RATE),
            unsent: Vec::new(),
            uncommitted: 0,
            silence,
            heard: HashMap::new(),
            asked: HashMap::new(),
            again: None,
            to_say: Vec::new(),
            harmless: Vec::new(),
        }
    }

    pub(super) fn private(&self) -> &Private {
        &self.private
    }

    fn quotes(&mut self, text: &Arc<str>) {
        if self.private.len() >= QUOTED {
            // The first are the instructions.
            self.private.remove(1);
        }
        self.private.push(Arc::clone(text));
    }

    /// The events that tell the model something.
    pub(super) fn write(&mut self, told: ToModel) -> Vec<Value> {
        match told {
            ToModel::Sound(pcm) => self.sound(pcm.samples(), PIECE).into_iter().collect(),
            ToModel::Commit => self.commit(),
            ToModel::Typed(text) => {
                self.quotes(&text);
                vec![with("conversation.item.create", "item", text_item("user", "input_text", &text))]
            }
            ToModel::Remember(messages) => self.remember(&messages),
            ToModel::ToolResult { call, result } => {
                self.quotes(&result);
                let item = json!({"type": "function_call_output", "call_id": call, "output": &*result});
                vec![with("conversation.item.create", "item", item)]
            }
            ToModel::Answer { tools } => vec![self.answer(tools)],
            ToModel::Say { id, text } => {
                self.quotes(&text);
                let response = json!({
                    "conversation": "none",
                    "instructions": speech::READ_ALOUD,
                    "input": [speech::to_read(&text)],
                    "tool_choice": "none",
                    "metadata": {SAYS: id.to_string()},
                });
                let (id, mut event) = event("response.create");
                event["response"] = response;
                self.to_say.push(id);
                vec![event]
            }
            ToModel::Cancel { response } => {
                let (id, mut event) = event("response.cancel");
                event["response_id"] = response.into();
                self.harmless.push(id);
                vec![event]
            }
            ToModel::Heard { item, until } => {
                let (id, mut event) = event("conversation.item.truncate");
                event["item_id"] = item.into();
                event["content_index"] = 0.into();
                event["audio_end_ms"] = u64::try_from(until.as_millis()).unwrap_or(u64::MAX).into();
                self.harmless.push(id);
                vec![event]
            }
        }
    }

    fn answer(&mut self, tools: bool) -> Value {
        let (id, mut event) = event("response.create");
        if !tools {
            event["response"] = json!({"tool_choice": "none"});
        }
        self.asked.insert(id, tools);
        event
    }

    fn sound(&mut self, samples: &[i16], least: usize) -> Option<Value> {
        let mut resampled = Vec::new();
        self.resampler.push(samples.iter().map(|&sample| f32::from(sample) / 32_768.0), &mut resampled);
        self.unsent.extend(resampled.into_iter().map(to_i16));
        if self.unsent.len() < least.max(1) {
            return None;
        }
        self.uncommitted += self.unsent.len();
        let bytes: Vec<u8> = self.unsent.drain(..).flat_map(i16::to_le_bytes).collect();
        Some(with("input_audio_buffer.append", "audio", STANDARD.encode(bytes).into()))
    }

    /// The server refuses to make an item of nothing, or of next to nothing.
    fn commit(&mut self) -> Vec<Value> {
        if self.uncommitted + self.unsent.len() == 0 {
            return Vec::new();
        }
        let mut events: Vec<Value> = self.sound(&[0; RESAMPLING], 1).into_iter().collect();
        if let Some(missing) = LEAST.checked_sub(self.uncommitted).filter(|missing| *missing > 0) {
            let silence = vec![0; missing * SPEECH_RATE as usize / RATE as usize + RESAMPLING];
            events.extend(self.sound(&silence, 1));
        }
        self.uncommitted = 0;
        events.push(event("input_audio_buffer.commit").1);
        events
    }

    /// Ids of calls are made anew: those of a prompt are counted for each prompt alone.
    fn remember(&mut self, messages: &[PromptMessage]) -> Vec<Value> {
        let mut calls: HashMap<&str, String> = HashMap::new();
        let mut items = Vec::new();
        for message in messages {
            if let Some(answered) = &message.answers {
                self.quotes(&message.content);
                let id = calls.get(answered.id.as_str()).cloned().unwrap_or_else(call_id);
                items.push(json!({"type": "function_call_output", "call_id": id, "output": &*message.content}));
                continue;
            }
            if !message.content.trim().is_empty() {
                self.quotes(&message.content);
                items.push(match message.role {
                    Role::Assistant => text_item("assistant", "output_text", &message.content),
                    Role::User => text_item("user", "input_text", &message.content),
                    _ => text_item("system", "input_text", &message.content),
                });
            }
            for call in &*message.tool_calls {
                let id = call_id();
                let arguments = call.arguments.to_string();
                items.push(json!({"type": "function_call", "call_id": id, "name": call.name, "arguments": arguments}));
                calls.insert(&call.id, id);
            }
        }
        items.into_iter().map(|item| with("conversation.item.create", "item", item)).collect()
    }

    /// What an event of the server's means.
    ///
    /// # Errors
    /// When the conversation cannot go on over this connection.
    pub(super) fn read(&mut self, event: &Value) -> Result<Read> {
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let at = |path: &str| Duration::from_millis(event.pointer(path).and_then(Value::as_u64).unwrap_or_default());
        let (item, response) = (text("/item_id"), text("/response_id"));
        Ok(match event["type"].as_str().map(str::trim).unwrap_or_default() {
            "input_audio_buffer.speech_started" => FromModel::SpeechStarted { at: at("/audio_start_ms") }.into(),
            "input_audio_buffer.speech_stopped" => {
                FromModel::SpeechStopped { at: at("/audio_end_ms").saturating_sub(self.silence) }.into()
            }
            "input_audio_buffer.committed" => {
                self.uncommitted = 0;
                FromModel::Committed { item }.into()
            }
            "conversation.item.input_audio_transcription.delta" => {
                let so_far = self.heard.entry(item.clone()).or_default();
                so_far.push_str(&text("/delta"));
                let so_far = so_far.trim().to_owned();
                if so_far.is_empty() {
                    return Ok(Read::default());
                }
                FromModel::Transcript { item, transcript: Transcript::interim(so_far) }.into()
            }
            "conversation.item.input_audio_transcription.completed" => {
                self.heard.remove(&item);
                let mut transcript = Transcript::last(text("/transcript").trim());
                transcript.language = event.pointer("/languages/0/code").and_then(Value::as_str).map(str::to_owned);
                let said = Arc::from(transcript.text.as_str());
                self.quotes(&said);
                FromModel::Transcript { item, transcript }.into()
            }
            "conversation.item.input_audio_transcription.failed" => {
                self.heard.remove(&item);
                FromModel::Unheard { item, error: self.peer.reported(event, &self.private) }.into()
            }
            "response.created" => {
                let says = event.pointer("/response/metadata").and_then(|data| data.get(SAYS)).and_then(Value::as_str);
                FromModel::Begun { response: text("/response/id"), says: says.and_then(|id| id.parse().ok()) }.into()
            }
            "response.output_audio_transcript.delta"
            | "response.audio_transcript.delta"
            | "response.output_text.delta"
            | "response.text.delta" => FromModel::Text { response, item, delta: TextDelta(text("/delta")) }.into(),
            "response.output_audio.delta" | "response.audio.delta" => {
                let bytes = STANDARD.decode(text("/delta"));
                let bytes = bytes.map_err(|_| self.peer.malformed("sent sound that is not base64"))?;
                let samples: Vec<i16> =
                    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                FromModel::Sound { response, item, pcm: Pcm::new(samples, RATE) }.into()
            }
            "response.done" => self.done(&event["response"]),
            "error" => return self.fault(event),
            _ => Read::default(),
        })
    }

    fn done(&mut self, response: &Value) -> Read {
        // Whatever was to be refused is by now.
        let late = |ids: &mut Vec<String>| drop(ids.drain(..ids.len().saturating_sub(REMEMBERED)));
        late(&mut self.to_say);
        late(&mut self.harmless);
        if self.asked.len() > REMEMBERED {
            self.asked.clear();
        }
        let id = response["id"].as_str().unwrap_or_default().to_owned();
        let mut read = Read::default();
        for item in response["output"].as_array().into_iter().flatten().filter(|item| item["type"] == "function_call") {
            let field = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            let call = ToolCall::new(field("call_id"), field("name"), arguments(field("arguments")));
            // What was cancelled in the middle of a call is no call.
            if response["status"] == "completed" {
                read.events.push(FromModel::ToolCall { response: id.clone(), call });
            }
        }
        read.events.push(FromModel::Done { response: id, end: self.end(response), usage: usage(&response["usage"]) });
        if response["conversation_id"].is_string() || response.get("metadata").is_none_or(|m| m.get(SAYS).is_none()) {
            read.send.extend(self.again.take().map(|tools| self.answer(tools)));
        }
        read
    }

    fn end(&self, response: &Value) -> AnswerEnd {
        let details = &response["status_details"];
        match response["status"].as_str() {
            Some("cancelled") => AnswerEnd::Cancelled,
            Some("failed") => AnswerEnd::Failed(self.peer.reported(details, &self.private)),
            Some("incomplete") if details["reason"] == "content_filter" => {
                let message = format!("{} would not go on with the answer: content_filter", self.peer.host);
                AnswerEnd::Failed(self.peer.error(ErrorKind::RejectedByProvider, message))
            }
            _ => AnswerEnd::Complete,
        }
    }

    fn fault(&mut self, event: &Value) -> Result<Read> {
        let about = event.pointer("/error/event_id").and_then(Value::as_str).unwrap_or_default();
        let code = event.pointer("/error/code").and_then(Value::as_str).unwrap_or_default();
        let asked = self.asked.remove(about);
        if code == "conversation_already_has_active_response" && asked.is_some() {
            self.again = asked;
            return Ok(Read::default());
        }
        if let Some(at) = self.harmless.iter().position(|id| id == about) {
            self.harmless.remove(at);
            tracing::debug!(provider = &*self.peer.provider, code, "what was to be stopped is over already");
            return Ok(Read::default());
        }
        if code == "session_expired" {
            let message = format!("{} ended the session, which had lasted as long as it may", self.peer.host);
            return Err(self.peer.error(ErrorKind::ConnectionLost, message));
        }
        let error = self.peer.reported(event, &self.private);
        if error.kind() == ErrorKind::InvalidProviderKey {
            return Err(error);
        }
        let is_to_say = self.to_say.iter().any(|id| id == about);
        Ok(if asked.is_some() || is_to_say { FromModel::Refused(error) } else { FromModel::Fault(error) }.into())
    }
}

fn call_id() -> String {
    format!("call_{}", &Uuid::now_v7().simple().to_string()[8..])
}

fn usage(usage: &Value) -> Option<TokensUsed> {
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
    let all_in = count("/input_tokens")?;
    let all_out = count("/output_tokens").unwrap_or_default();
    let cached = count("/input_token_details/cached_tokens").unwrap_or_default();
    let audio_in = count("/input_token_details/audio_tokens").unwrap_or_default().min(all_in);
    let cached_audio_in = count("/input_token_details/cached_tokens_details/audio_tokens").unwrap_or_default();
    let audio_out = count("/output_token_details/audio_tokens").unwrap_or_default().min(all_out);
    let mut used = TokensUsed::default();
    // Pictures, which are never sent, would count as text.
    (used.text_in, used.audio_in) = (all_in - audio_in, audio_in);
    used.cached_audio_in = cached_audio_in.min(audio_in);
    used.cached_text_in = cached.saturating_sub(cached_audio_in).min(used.text_in);
    (used.text_out, used.audio_out) = (all_out - audio_out, audio_out);
    Some(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Stage, provider::AnsweredCall};

    fn protocol() -> Protocol {
        let peer = Peer { provider: "openai/m".into(), stage: Stage::Llm, host: "host".into(), key: None };
        Protocol::new(peer, Duration::from_millis(500), vec!["Be brief.".into()])
    }

    fn kinds(events: &[Value]) -> Vec<&str> {
        events.iter().filter_map(|event| event["type"].as_str()).collect()
    }

    #[test]
    fn the_end_of_the_voice_lies_before_the_silence_that_told_it() {
        let event = json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 2_000, "item_id": "i"});
        let read = protocol().read(&event).unwrap();
        assert!(matches!(read.events[..], [FromModel::SpeechStopped { at }] if at == Duration::from_millis(1_500)));
    }

    #[test]
    fn nothing_is_committed_when_nothing_was_said_and_a_moment_is_made_long_enough() {
        let mut protocol = protocol();
        assert!(protocol.write(ToModel::Commit).is_empty());
        protocol.write(ToModel::Sound(Pcm::new(vec![7_i16; 160], SPEECH_RATE)));
        let events = protocol.write(ToModel::Commit);
        assert_eq!(kinds(&events).last(), Some(&"input_audio_buffer.commit"));
        let bytes: usize = events
            .iter()
            .filter_map(|event| event["audio"].as_str())
            .map(|audio| STANDARD.decode(audio).unwrap().len())
            .sum();
        assert!(bytes >= LEAST * 2, "{bytes}");
        assert!(protocol.write(ToModel::Commit).is_empty());
    }

    #[test]
    fn an_answer_that_came_too_early_is_asked_for_again_when_the_other_is_over() {
        let mut protocol = protocol();
        let asked = protocol.write(ToModel::Answer { tools: false }).remove(0);
        let code = "conversation_already_has_active_response";
        let error = json!({"type": "error", "error": {"code": code, "event_id": asked["event_id"]}});
        let read = protocol.read(&error).unwrap();
        assert!(read.events.is_empty() && read.send.is_empty());
        let done = json!({"type": "response.done", "response": {"id": "r", "status": "completed", "output": []}});
        let read = protocol.read(&done).unwrap();
        assert_eq!(kinds(&read.send), ["response.create"]);
        assert_eq!(read.send[0]["response"]["tool_choice"], "none");
        assert!(protocol.read(&done).unwrap().send.is_empty());
    }

    #[test]
    fn a_refusal_to_stop_what_is_over_is_no_fault_and_others_are() {
        let mut protocol = protocol();
        let cancel = protocol.write(ToModel::Cancel { response: "r".into() }).remove(0);
        let about = |id: &Value| json!({"type": "error", "error": {"type": "invalid_request_error", "event_id": id}});
        assert!(protocol.read(&about(&cancel["event_id"])).unwrap().events.is_empty());
        assert!(matches!(protocol.read(&about(&json!(null))).unwrap().events[..], [FromModel::Fault(_)]));
    }

    #[test]
    fn a_session_that_has_lasted_its_time_can_be_gone_on_with_and_a_wrong_key_cannot() {
        let error = |code: &str| json!({"type": "error", "error": {"type": "invalid_request_error", "code": code}});
        let kind = |code: &str| protocol().read(&error(code)).err().unwrap();
        assert!(kind("session_expired").retryable());
        assert_eq!(kind("invalid_api_key").kind(), ErrorKind::InvalidProviderKey);
    }

    #[test]
    fn tokens_of_text_and_of_sound_are_counted_apart() {
        let used = usage(&json!({
            "total_tokens": 150, "input_tokens": 100, "output_tokens": 50,
            "input_token_details": {"text_tokens": 60, "audio_tokens": 40, "cached_tokens": 30,
                "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 10}},
            "output_token_details": {"text_tokens": 15, "audio_tokens": 35},
        }))
        .unwrap();
        assert_eq!((used.text_in, used.cached_text_in, used.audio_in, used.cached_audio_in), (60, 20, 40, 10));
        assert_eq!((used.text_out, used.audio_out), (15, 35));
        assert_eq!(usage(&Value::Null), None);
    }

    #[test]
    fn what_was_said_elsewhere_is_told_as_items_and_each_result_with_its_call() {
        let call = ToolCall::new("call00001", "f", json!({"n": 1}));
        let mut result = PromptMessage::tool_result(&call, false, "done");
        result.answers = Some(AnsweredCall { id: "call00001".into(), name: "f".into(), failed: false });
        let messages = vec![
            PromptMessage::new(Role::User, "hello"),
            PromptMessage::calling("", vec![call]),
            result,
            PromptMessage::new(Role::Assistant, "there"),
        ];
        let events = protocol().write(ToModel::Remember(messages));
        let items: Vec<&Value> = events.iter().map(|event| &event["item"]).collect();
        assert_eq!(items[0]["content"][0], json!({"type": "input_text", "text": "hello"}));
        assert_eq!((&items[1]["type"], &items[1]["arguments"]), (&json!("function_call"), &json!("{\"n\":1}")));
        assert_eq!(items[1]["call_id"], items[2]["call_id"]);
        assert_eq!(items[3]["content"][0], json!({"type": "output_text", "text": "there"}));
    }
}
