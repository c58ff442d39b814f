//! Conversations over the Realtime WebSocket: a [`ScriptedRealtime`] behind the real wire format.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use voice_core::{
    Error, Pcm, SpeechToSpeech,
    cost::TokensUsed,
    message::ToolCall,
    provider::{AnswerEnd, CallContext, ConversationRequest, FromModel, ToModel, Turns},
};

use super::{State, lock, realtime::Socket, record::Entry};
use crate::ScriptedRealtime;

/// The rate of the API's sound.
const RATE: u32 = 24_000;

/// One conversation, from behind its first `session.update`.
pub(super) async fn serve(mut socket: Socket, entry: Arc<Entry>, state: Arc<State>, model: ScriptedRealtime) {
    let mut wire = Wire { state, sent: 0, answers: HashMap::new(), items: 0, committed: None };
    let (tell, told) = mpsc::unbounded_channel();
    let mut told = Some(told);
    let mut events = None;
    loop {
        let next = async {
            match &mut events {
                Some(events) => StreamExt::next(events).await,
                None => std::future::pending().await,
            }
        };
        let (sent, goes_on) = tokio::select! {
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Message::Text(text) = message else { continue };
                let Ok(event) = serde_json::from_str::<Value>(&text) else { return };
                lock(&entry.frames).push(event.clone());
                if event["type"] == "session.update"
                    && let Some(told) = told.take()
                {
                    let input = stream::unfold(told, |mut told| async { Some((told.recv().await?, told)) }).boxed();
                    let opened = model.converse(asked(&event["session"]), input, &CallContext::new()).await;
                    match opened {
                        Ok(conversation) => events = Some(conversation.events),
                        Err(_) => return,
                    }
                }
                (wire.understand(&event, &tell), true)
            }
            event = next => match event {
                Some(Ok(event)) => (wire.tell(event), true),
                // A session that has lasted its time says so; a connection that drops says nothing.
                Some(Err(error)) if error.message().contains("lasted") => {
                    (vec![wire.error(&json!({"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit the maximum duration of 60 minutes.", "param": null}))], false)
                }
                _ => (Vec::new(), false),
            },
        };
        for event in sent {
            if socket.send(Message::text(event.to_string())).await.is_err() {
                return;
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// What a session is to be, as the model is asked for it.
fn asked(session: &Value) -> ConversationRequest {
    let mut request = ConversationRequest::new(session["instructions"].as_str().unwrap_or_default());
    let detection = &session["audio"]["input"]["turn_detection"];
    request.turns = if detection.is_null() {
        Turns::Manual
    } else {
        let ms = |field: &str| Duration::from_millis(detection[field].as_u64().unwrap_or(500));
        Turns::Automatic {
            interruptible: detection["interrupt_response"] == true,
            threshold: 0.5,
            prefix_padding: ms("prefix_padding_ms"),
            silence: ms("silence_duration_ms"),
        }
    };
    request
}

#[derive(Default)]
struct Answer {
    says: Option<u64>,
    item: Option<String>,
    words: String,
    calls: Vec<Value>,
}

struct Wire {
    state: Arc<State>,
    sent: u64,
    answers: HashMap<String, Answer>,
    items: u64,
    committed: Option<String>,
}

impl Wire {
    fn event(&mut self, mut event: Value) -> Value {
        self.sent += 1;
        event["event_id"] = format!("event_{}", self.sent).into();
        lock(&self.state.told).push(event.clone());
        event
    }

    fn error(&mut self, error: &Value) -> Value {
        self.event(json!({"type": "error", "error": error}))
    }

    /// What a client's event asks of the model, and what is answered to it at once.
    fn understand(&mut self, event: &Value, tell: &mpsc::UnboundedSender<ToModel>) -> Vec<Value> {
        // The model is there for as long as the connection.
        let tell = |told| drop(tell.send(told));
        let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or_default();
        match text("/type") {
            "session.update" => {
                let session = self.session(&event["session"]);
                return vec![self.event(json!({"type": "session.updated", "session": session}))];
            }
            "input_audio_buffer.append" => {
                let bytes = STANDARD.decode(text("/audio")).unwrap_or_default();
                let samples: Vec<i16> =
                    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                tell(ToModel::Sound(Pcm::new(samples, RATE)));
            }
            "input_audio_buffer.commit" => tell(ToModel::Commit),
            "conversation.item.create" => {
                self.items += 1;
                let mut item = event["item"].clone();
                item["id"] = format!("item_c{}", self.items).into();
                match text("/item/type") {
                    "function_call_output" => tell(ToModel::ToolResult {
                        call: text("/item/call_id").into(),
                        result: text("/item/output").into(),
                    }),
                    "message" if text("/item/role") == "user" => {
                        tell(ToModel::Typed(text("/item/content/0/text").into()));
                    }
                    _ => {}
                }
                if item["type"] == "message" || item["type"] == "function_call" {
                    item["status"] = "completed".into();
                }
                let added = self.event(json!({"type": "conversation.item.added", "item": item}));
                return vec![added, self.event(json!({"type": "conversation.item.done", "item": item}))];
            }
            "conversation.item.truncate" => {
                let mut truncated = json!({"type": "conversation.item.truncated"});
                for field in ["item_id", "content_index", "audio_end_ms"] {
                    truncated[field] = event[field].clone();
                }
                let until = Duration::from_millis(event["audio_end_ms"].as_u64().unwrap_or_default());
                tell(ToModel::Heard { item: text("/item_id").into(), until });
                return vec![self.event(truncated)];
            }
            "response.cancel" if self.answers.contains_key(text("/response_id")) => {
                tell(ToModel::Cancel { response: text("/response_id").into() });
            }
            "response.cancel" => {
                let id = &event["event_id"];
                return vec![self.error(&json!({"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "Cancellation failed: no active response found", "param": null, "event_id": id}))];
            }
            "response.create" => match text("/response/metadata/says").parse() {
                Ok(id) => {
                    let words = text("/response/input/0/content/0/text");
                    let words = words.trim_start_matches("<speak>").trim_end_matches("</speak>");
                    tell(ToModel::Say { id, text: words.into() });
                }
                Err(_) => tell(ToModel::Answer { tools: text("/response/tool_choice") != "none" }),
            },
            _ => {}
        }
        Vec::new()
    }

    /// The session as the server repeats it.
    fn session(&mut self, asked: &Value) -> Value {
        let mut session = asked.clone();
        session["id"] = "sess_double".into();
        session["object"] = "realtime.session".into();
        let voice = &mut session["audio"]["output"]["voice"];
        if voice.is_object() {
            *voice = voice["id"].take();
        }
        session
    }

    /// What the model does, as the server tells it.
    fn tell(&mut self, event: FromModel) -> Vec<Value> {
        let events = match event {
            FromModel::SpeechStarted { at } => {
                let item = self.next_item();
                vec![json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": ms(at), "item_id": item})]
            }
            FromModel::SpeechStopped { at } => {
                let item = self.next_item();
                // The silence that told it is part of it.
                vec![
                    json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": ms(at) + 500, "item_id": item}),
                ]
            }
            FromModel::Committed { item } => {
                let previous = self.committed.replace(item.clone());
                vec![
                    json!({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item}),
                    json!({"type": "conversation.item.added", "previous_item_id": previous, "item": {"id": item, "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_audio"}]}}),
                ]
            }
            FromModel::Transcript { item, transcript } => transcribed(&item, &transcript.text),
            FromModel::Unheard { item, .. } => {
                let error = json!({"type": "transcription_error", "code": "audio_unintelligible", "message": "The audio could not be transcribed.", "param": null});
                vec![
                    json!({"type": "conversation.item.input_audio_transcription.failed", "item_id": item, "content_index": 0, "error": error}),
                ]
            }
            FromModel::Begun { response, says } => {
                let shown = shown(&response, "in_progress", says, &[], None);
                self.answers.insert(response, Answer { says, ..Answer::default() });
                vec![json!({"type": "response.created", "response": shown})]
            }
            FromModel::Text { response, item, delta } => {
                let mut events = self.begin(&response, &item);
                if let Some(answer) = self.answers.get_mut(&response) {
                    answer.words.push_str(&delta);
                }
                let mut event = part(&response, &item, "response.output_audio_transcript.delta");
                event["delta"] = delta.0.into();
                events.push(event);
                events
            }
            FromModel::Sound { response, item, pcm } => {
                let mut events = self.begin(&response, &item);
                let bytes: Vec<u8> = pcm.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect();
                let mut event = part(&response, &item, "response.output_audio.delta");
                event["delta"] = STANDARD.encode(bytes).into();
                events.push(event);
                events
            }
            FromModel::ToolCall { response, call } => self.call(&response, &call),
            FromModel::Done { response, end, usage } => self.done(&response, &end, usage),
            _ => Vec::new(),
        };
        events.into_iter().map(|event| self.event(event)).collect()
    }

    fn next_item(&self) -> String {
        let latest = self.committed.as_deref().and_then(|item| item.rsplit('_').next()?.parse::<u64>().ok());
        format!("item_{}", latest.unwrap_or_default() + 1)
    }

    fn begin(&mut self, response: &str, item: &str) -> Vec<Value> {
        let Some(answer) = self.answers.get_mut(response).filter(|answer| answer.item.is_none()) else {
            return Vec::new();
        };
        answer.item = Some(item.to_owned());
        let shown = json!({"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []});
        let mut added = json!({"type": "response.output_item.added", "response_id": response, "output_index": 0});
        added["item"] = shown;
        vec![added]
    }

    fn call(&mut self, response: &str, call: &ToolCall) -> Vec<Value> {
        let id = format!("item_of_{}", call.id);
        let arguments = call.arguments.to_string();
        let item = json!({"id": id, "type": "function_call", "status": "completed", "call_id": call.id, "name": call.name, "arguments": arguments});
        let index = self.answers.get(response).map_or(0, |answer| answer.calls.len());
        if let Some(answer) = self.answers.get_mut(response) {
            answer.calls.push(item.clone());
        }
        vec![
            json!({"type": "response.function_call_arguments.done", "response_id": response, "item_id": id, "output_index": index, "call_id": call.id, "name": call.name, "arguments": arguments}),
            json!({"type": "response.output_item.done", "response_id": response, "output_index": index, "item": item}),
        ]
    }

    fn done(&mut self, response: &str, end: &AnswerEnd, usage: Option<TokensUsed>) -> Vec<Value> {
        let answer = self.answers.remove(response).unwrap_or_default();
        let mut output = Vec::new();
        if let Some(item) = &answer.item {
            output.push(json!({"id": item, "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_audio", "transcript": answer.words}]}));
        }
        output.extend(answer.calls);
        let (status, details) = match end {
            AnswerEnd::Cancelled => ("cancelled", json!({"type": "cancelled", "reason": "turn_detected"})),
            AnswerEnd::Failed(error) => ("failed", json!({"type": "failed", "error": reason(error)})),
            _ => ("completed", Value::Null),
        };
        let mut shown = shown(response, status, answer.says, &output, usage);
        if !details.is_null() {
            shown["status_details"] = details;
        }
        vec![json!({"type": "response.done", "response": shown})]
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn reason(error: &Error) -> Value {
    let limited = error.kind() == voice_core::ErrorKind::RateLimited;
    let code = if limited { "rate_limit_exceeded" } else { "server_error" };
    json!({"type": code, "code": code})
}

fn part(response: &str, item: &str, kind: &str) -> Value {
    json!({"type": kind, "response_id": response, "item_id": item, "output_index": 0, "content_index": 0})
}

fn transcribed(item: &str, text: &str) -> Vec<Value> {
    let event = |kind: &str| json!({"type": format!("conversation.item.input_audio_transcription.{kind}"), "item_id": item, "content_index": 0});
    let mut delta = event("delta");
    delta["delta"] = text.into();
    let mut completed = event("completed");
    completed["transcript"] = text.into();
    completed["languages"] = json!([{"code": "en"}]);
    completed["usage"] = json!({"type": "duration", "seconds": 1});
    vec![delta, completed]
}

fn shown(id: &str, status: &str, says: Option<u64>, output: &[Value], used: Option<TokensUsed>) -> Value {
    let mut response = json!({"id": id, "object": "realtime.response", "status": status, "output": output, "output_modalities": ["audio"]});
    match says {
        Some(says) => response["metadata"] = json!({"says": says.to_string()}),
        None => response["conversation_id"] = "conv_double".into(),
    }
    if let Some(used) = used {
        let (input, output) = (used.text_in + used.audio_in, used.text_out + used.audio_out);
        let cached = json!({"text_tokens": used.cached_text_in, "audio_tokens": used.cached_audio_in});
        response["usage"] = json!({
            "total_tokens": input + output, "input_tokens": input, "output_tokens": output,
            "input_token_details": {"text_tokens": used.text_in, "audio_tokens": used.audio_in,
                "cached_tokens": used.cached_text_in + used.cached_audio_in, "cached_tokens_details": cached},
            "output_token_details": {"text_tokens": used.text_out, "audio_tokens": used.audio_out},
        });
    }
    response
}
