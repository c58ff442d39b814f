//! Host objects as providers, stores and tools.
//!
//! A binding implements one small trait: take a request, answer through a [`Responder`], on any thread, in any number of
//! pieces, now or later. Time-outs, retries and fallback are the core's: a host that never answers is cut off like any
//! provider.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use voice_core::{
    Error, ErrorKind, LanguageModel, Message, Result, SessionId, SpeechToText, TextToSpeech,
    provider::{
        CallContext, FinishReason, GenerateRequest, LlmCapabilities, PromptMessage, ResultStream, SttCapabilities,
        SynthesisRequest, ToolChoice, ToolSpec, TranscribeRequest, TtsCapabilities,
    },
    store::{ConversationStore, MessageQuery, Page, Saved, Session, SessionQuery, TurnRecord},
    time::Timestamp,
};
pub use voice_core::{Pcm, Transcript, provider::LlmEvent};

pub use crate::{
    answer::{Answer, Responder},
    tool::{HostTool, ToolAdaptor},
};

/// How many sessions are read at once where some of them are looked for.
const LARGEST_PAGE: usize = 100;

/// A recogniser in the host's language.
pub trait HostStt: Send + Sync + 'static {
    /// Transcribes 16 kHz mono samples: interim transcripts if any, then one final.
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>);
}

/// A language model in the host's language.
pub trait HostLlm: Send + Sync + 'static {
    /// Writes the answer to a prompt.
    ///
    /// `request_json` is `{messages, max_tokens, temperature, tools, tool_choice, parallel_tool_calls}`. A message is `{role,
    /// content}`; one that calls tools has `tool_calls` (`{id, name, arguments}`) besides, and those of role `tool` that follow
    /// it have `tool_call_id`, `name` and `failed`. A tool is `{name, description, parameters}`; `tool_choice` is `auto`, or
    /// `none` when the model shall answer in words now. A model that cannot call tools is never given any of these.
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>);
}

/// A voice in the host's language.
pub trait HostTts: Send + Sync + 'static {
    /// Speaks a text: chunks of mono sound.
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>);
}

/// A conversation store in the host's language: one function, JSON in and out.
///
/// Methods and arguments are those of [`ConversationStore`], by their names; a session, a message and a turn are the JSON
/// objects that the library itself writes; times are RFC 3339. The answer is one JSON value.
pub trait HostStore: Send + Sync + 'static {
    /// Runs one method.
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>);
}

/// A host's recogniser as a provider.
pub struct SttAdaptor<H>(pub String, pub H);
/// A host's language model as a provider; the last field says whether it can call tools.
pub struct LlmAdaptor<H>(pub String, pub H, pub bool);
/// A host's voice as a provider.
pub struct TtsAdaptor<H>(pub String, pub H);
/// A host's store as a conversation store.
pub struct StoreAdaptor<H>(pub String, pub H);

#[async_trait]
impl<H: HostStt> SpeechToText for SttAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default()
    }

    async fn transcribe(&self, request: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let (answer, stream) = Responder::new();
        self.1.transcribe(Arc::from(&request.audio.samples[..]), request.language, answer);
        Ok(stream)
    }
}

#[async_trait]
impl<H: HostLlm> LanguageModel for LlmAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    fn capabilities(&self) -> LlmCapabilities {
        LlmCapabilities::default().with_tools(self.2)
    }

    async fn generate(&self, request: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let (answer, events) = Responder::new();
        self.1.generate(asked(&request).to_string(), answer);
        let end = futures_util::stream::once(async { Ok(LlmEvent::Finished(FinishReason::Stop)) });
        Ok(events.chain(end).boxed())
    }
}

/// A prompt as a host's model sees it.
fn asked(request: &GenerateRequest) -> Value {
    let message = |m: &PromptMessage| {
        let mut message = json!({ "role": m.role, "content": &*m.content });
        if !m.tool_calls.is_empty() {
            message["tool_calls"] = json!(m.tool_calls[..]);
        }
        if let Some(call) = &m.answers {
            message["tool_call_id"] = call.id.as_str().into();
            message["name"] = call.name.as_str().into();
            message["failed"] = call.failed.into();
        }
        message
    };
    let tool = |t: &ToolSpec| json!({ "name": t.name, "description": t.description, "parameters": t.parameters });
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut asked =
        json!({ "messages": messages, "max_tokens": request.max_tokens, "temperature": request.temperature });
    if !request.tools.is_empty() {
        asked["tools"] = request.tools.iter().map(tool).collect();
        asked["tool_choice"] = if request.tool_choice == ToolChoice::Auto { "auto" } else { "none" }.into();
        asked["parallel_tool_calls"] = request.parallel_tool_calls.into();
    }
    asked
}

#[async_trait]
impl<H: HostTts> TextToSpeech for TtsAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::default()
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let (answer, stream) = Responder::new();
        self.1.synthesize(request.text.to_string(), request.language, answer);
        Ok(stream)
    }
}

impl<H: HostStore> StoreAdaptor<H> {
    async fn ask<T: DeserializeOwned>(&self, method: &'static str, arguments: Value) -> Result<T> {
        let (answer, mut stream) = Responder::new();
        self.1.call(method, arguments.to_string(), answer);
        let text = stream.next().await.unwrap_or_else(|| Ok("null".into())).map_err(|e| self.failed(method, &e))?;
        serde_json::from_str(&text).map_err(|_| {
            Error::new(
                ErrorKind::Storage,
                format!("the store {:?} answered {method} with something that is not what it should be", self.0),
            )
        })
    }

    async fn page<T: DeserializeOwned>(&self, method: &'static str, arguments: Value) -> Result<Page<T>> {
        #[derive(serde::Deserialize)]
        struct Answer<T> {
            items: Vec<T>,
            #[serde(default)]
            has_more: bool,
        }
        let answer: Answer<T> = self.ask(method, arguments).await?;
        Ok(Page::new(answer.items, answer.has_more))
    }

    /// Whatever a store's failure is called in the host's language, here it is a storage error.
    fn failed(&self, method: &str, error: &Error) -> Error {
        Error::new(ErrorKind::Storage, format!("the store {:?} failed in {method}: {}", self.0, error.message()))
            .with_retryable(error.retryable() && error.kind() != ErrorKind::ProviderFailed)
    }
}

#[async_trait]
impl<H: HostStore> ConversationStore for StoreAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    async fn create_session(&self, session: &Session) -> Result<()> {
        self.ask::<Value>("create_session", json!({ "session": session })).await.map(drop)
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        self.ask("session", json!({ "id": id })).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>> {
        // A host's store knows users and status. Organizations and assistants are looked for here, so that none is shown another's.
        let narrowed = query.organization.is_some() || query.assistant.is_some();
        let wanted = |session: &Session| {
            (query.organization.is_none() || session.organization == query.organization)
                && query.assistant.is_none_or(|id| session.assistant.is_some_and(|version| version.id == id))
        };
        let limit = if narrowed { LARGEST_PAGE } else { query.limit };
        let (mut found, mut before) = (Vec::new(), query.before);
        loop {
            let asked = json!({ "user": query.user, "status": query.status, "limit": limit, "before": before });
            let page: Page<Session> = self.page("list_sessions", asked).await?;
            let last = page.items.last().map(|session| session.id);
            found.extend(page.items.into_iter().filter(wanted));
            if !narrowed {
                return Ok(Page::new(found, page.has_more));
            }
            // One that does not go on would be asked for ever.
            let goes_on = last.is_some() && before.is_none_or(|before| last < Some(before));
            if found.len() > query.limit || !page.has_more || !goes_on {
                return Ok(Page::cut(found, query.limit));
            }
            before = last;
        }
    }

    async fn set_metadata(&self, id: SessionId, metadata: &serde_json::Map<String, Value>) -> Result<bool> {
        self.ask("set_metadata", json!({ "id": id, "metadata": metadata })).await
    }

    async fn end_session(&self, id: SessionId, at: Timestamp) -> Result<bool> {
        self.ask("end_session", json!({ "id": id, "at": at })).await
    }

    async fn delete_session(&self, id: SessionId) -> Result<bool> {
        self.ask("delete_session", json!({ "id": id })).await
    }

    async fn save_turn(&self, turn: &TurnRecord) -> Result<Saved> {
        let arguments = json!({ "turn_id": turn.turn_id, "session": turn.session, "messages": turn.messages });
        let new: bool = self.ask("save_turn", arguments).await?;
        Ok(if new { Saved::New } else { Saved::AlreadyThere })
    }

    async fn messages(&self, session: SessionId, query: MessageQuery) -> Result<Page<Message>> {
        let arguments = json!({ "session_id": session, "limit": query.limit, "before": query.before });
        self.page("messages", arguments).await
    }

    async fn expire_idle(&self, idle_since: Timestamp, at: Timestamp) -> Result<u64> {
        self.ask("expire_idle", json!({ "idle_since": idle_since, "at": at })).await
    }

    async fn delete_over(&self, ended_before: Timestamp) -> Result<u64> {
        self.ask("delete_over", json!({ "ended_before": ended_before })).await
    }

    async fn close(&self) -> Result<()> {
        self.ask::<Value>("close", json!({})).await.map(drop)
    }
}
