//! Host objects as providers, stores, tools and sinks of metrics.
//!
//! A binding implements one small trait: take a request, answer through a [`Responder`], on any thread, in any number of
//! pieces, now or later. Time-outs, retries and fallback are the core's: a host that never answers is cut off like any
//! provider.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use voice_core::{
    Error, ErrorKind, LanguageModel, Message, Result, SessionId, SpeechToText, Stage, TextToSpeech, Utterance,
    provider::{
        CallContext, GenerateRequest, ListenRequest, LlmCapabilities, PromptMessage, ResultStream, SpokenSound,
        SttCapabilities, SynthesisRequest, ToolChoice, ToolSpec, TranscribeRequest, TtsCapabilities, TurnDetector,
        Voice, VoiceChoice, VoicesPage, VoicesRequest,
    },
    store::{ConversationStore, MessageQuery, Page, Saved, Session, SessionQuery, TurnRecord},
    time::Timestamp,
};
pub use voice_core::{
    Pcm, SpokenWord, Transcript,
    provider::{FinishReason, LlmEvent},
};

pub use crate::{
    answer::{Answer, Interest, Responder},
    metrics::{HostMetrics, MetricsAdaptor},
    sound::{Piece, Sound},
    tool::{HostTool, ToolAdaptor},
};

/// How many sessions are read at once where some of them are looked for.
const LARGEST_PAGE: usize = 100;

/// A recogniser in the host's language.
pub trait HostStt: Send + Sync + 'static {
    /// Transcribes 16 kHz mono samples: interim transcripts if any, then one final.
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>);

    /// Recognises one utterance of a live session while it is spoken: interim transcripts as they come, each with everything
    /// said so far, then, once the sound is over, one final. Only asked of a host that was adopted as one that listens.
    ///
    /// Whatever fails here costs no words: the utterance is then given to [`transcribe`](Self::transcribe), this host's or the
    /// next provider's in the list.
    fn listen(&self, sound: Sound, language: Option<String>, answer: Responder<Transcript>);

    /// Gets ready before the first question (opens a connection, loads a model); the end of the answer says that it is. One that has
    /// nothing to get ready is ready at once.
    fn warm_up(&self, answer: Responder<()>) {
        answer.finish();
    }
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

    /// As [`HostStt::warm_up`], for prompts that will begin with `system_prompt`.
    fn warm_up(&self, system_prompt: String, answer: Responder<()>) {
        drop(system_prompt);
        answer.finish();
    }
}

/// A voice in the host's language, or several.
pub trait HostTts: Send + Sync + 'static {
    /// Speaks a text: chunks of mono sound.
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>);

    /// The same with one of its voices, `{"id", "settings"}`: without an id its own, with settings as the config's. Only asked of a host
    /// that was adopted as one with several.
    fn synthesize_as(&self, text: String, language: Option<String>, voice_json: String, answer: Responder<Pcm>) {
        let (_, _, _) = (text, language, voice_json);
        answer.fail(Error::internal("a host that speaks with one voice was asked for another"));
    }

    /// Lists its voices: one text, a JSON array of objects with an `id` and whatever is known of `name`, `languages`, `gender`,
    /// `description`, `preview_url` and `labels`. Those that do not speak `language` may be left out. One that does not say which
    /// voices it has ends without a text.
    fn voices(&self, language: Option<String>, answer: Responder<String>) {
        let _ = language;
        answer.finish();
    }

    /// As [`HostStt::warm_up`].
    fn warm_up(&self, answer: Responder<()>) {
        answer.finish();
    }
}

/// What hears the end of turns, in the host's language.
pub trait HostTurnDetector: Send + Sync + 'static {
    /// Says how likely the speaker is done, 0–1, given 16 kHz mono samples: the latest eight seconds at most of the turn, which
    /// end with a short silence. Asked at every pause. When it fails or is late, the words alone tell.
    fn completeness(&self, samples: Arc<[i16]>, answer: Responder<f32>);

    /// As [`HostStt::warm_up`].
    fn warm_up(&self, answer: Responder<()>) {
        answer.finish();
    }
}

/// A conversation store in the host's language: one function, JSON in and out.
///
/// Methods and arguments are those of [`ConversationStore`], by their names; a session, a message and a turn are the JSON
/// objects that the library itself writes; times are RFC 3339. The answer is one JSON value.
pub trait HostStore: Send + Sync + 'static {
    /// Runs one method.
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>);
}

/// A host's recogniser as a provider; the last field says whether it can listen.
pub struct SttAdaptor<H>(pub String, pub H, pub bool);
/// A host's language model as a provider; the last field says whether it can call tools.
pub struct LlmAdaptor<H>(pub String, pub H, pub bool);
/// A host's voice as a provider.
pub struct TtsAdaptor<H> {
    name: String,
    host: Arc<H>,
    has_several: bool,
    /// Which of its voices speaks, and how, as the host is told; `None`: its own.
    voice_json: Option<String>,
}
/// A host's detector of the end of turns as one of the library's.
pub struct TurnDetectorAdaptor<H>(pub String, pub H);
/// A host's store as a conversation store.
pub struct StoreAdaptor<H>(pub String, pub H);

#[async_trait]
impl<H: HostStt> SpeechToText for SttAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    fn capabilities(&self) -> SttCapabilities {
        SttCapabilities::default().with_streaming(self.2)
    }

    async fn transcribe(&self, request: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        let (answer, stream) = Responder::new();
        self.1.transcribe(Arc::from(&request.audio.samples[..]), request.language, answer);
        Ok(stream)
    }

    async fn listen(
        &self,
        request: ListenRequest,
        sound: SpokenSound,
        _: &CallContext,
    ) -> Result<ResultStream<Transcript>> {
        let (answer, stream) = Responder::listening();
        self.1.listen(Sound::new(sound), request.language, answer);
        Ok(stream)
    }

    async fn warm_up(&self) -> Result<()> {
        ready(|answer| self.1.warm_up(answer)).await
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
        let (answer, written) = Responder::new();
        self.1.generate(asked(&request).to_string(), answer);
        Ok(ended(written))
    }

    async fn warm_up(&self, system_prompt: &str) -> Result<()> {
        ready(|answer| self.1.warm_up(system_prompt.to_owned(), answer)).await
    }
}

/// Waits until a host is ready.
async fn ready(ask: impl FnOnce(Responder<()>)) -> Result<()> {
    let (answer, said) = Responder::new();
    ask(answer);
    said.try_for_each(|()| async { Ok(()) }).await
}

/// What a host's model writes, and at its end why it stopped: what the host said of that, else what is to be seen.
fn ended(written: ResultStream<LlmEvent>) -> ResultStream<LlmEvent> {
    let begin = (Some(written), None, FinishReason::Stop);
    futures_util::stream::unfold(begin, |(written, mut said, mut seen)| async move {
        let mut written = written?;
        loop {
            match written.next().await {
                Some(Ok(LlmEvent::Finished(reason))) => said = Some(reason),
                Some(item) => {
                    if matches!(item, Ok(LlmEvent::ToolCall(_))) {
                        seen = FinishReason::ToolCalls;
                    }
                    return Some((item, (Some(written), said, seen)));
                }
                None => return Some((Ok(LlmEvent::Finished(said.unwrap_or(seen))), (None, said, seen))),
            }
        }
    })
    .boxed()
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

impl<H: HostTts> TtsAdaptor<H> {
    /// A voice by its name; `has_several`: it can be asked for others.
    pub fn new(name: String, host: H, has_several: bool) -> Self {
        Self { name, host: Arc::new(host), has_several, voice_json: None }
    }
}

#[async_trait]
impl<H: HostTts> TextToSpeech for TtsAdaptor<H> {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> TtsCapabilities {
        TtsCapabilities::default()
    }

    async fn synthesize(&self, request: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let (answer, stream) = Responder::new();
        let text = request.text.to_string();
        match &self.voice_json {
            None => self.host.synthesize(text, request.language, answer),
            Some(voice) => self.host.synthesize_as(text, request.language, voice.clone(), answer),
        }
        Ok(stream)
    }

    async fn voices(&self, request: VoicesRequest, _: &CallContext) -> Result<VoicesPage> {
        let (answer, mut stream) = Responder::new();
        self.host.voices(request.language, answer);
        let Some(listed) = stream.next().await.transpose()? else {
            let message = format!("{} does not say which voices it has: give it a function `voices`", self.name);
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let voices: Vec<Voice> = serde_json::from_str(&listed).map_err(|fault| {
            let message = format!("{} listed its voices in a way that is not understood: {fault}", self.name);
            Error::new(ErrorKind::MalformedResponse, message).with_retryable(false)
        })?;
        let named = |voice: Voice| if voice.name.is_empty() { voice.clone().with_name(voice.id) } else { voice };
        Ok(VoicesPage::last(voices.into_iter().map(named).collect()))
    }

    fn with_voice(&self, choice: &VoiceChoice) -> Result<Arc<dyn TextToSpeech>> {
        if !self.has_several {
            let message = format!("{} speaks with one voice: leave voice and settings out", self.name);
            let error = Error::new(ErrorKind::Unsupported, message).with_stage(Stage::Tts);
            return Err(error.with_provider(self.name.as_str()));
        }
        let voice = json!({ "id": choice.id, "settings": choice.settings }).to_string();
        let (name, host) = (self.name.clone(), Arc::clone(&self.host));
        Ok(Arc::new(Self { name, host, has_several: true, voice_json: Some(voice) }))
    }

    async fn warm_up(&self) -> Result<()> {
        ready(|answer| self.host.warm_up(answer)).await
    }
}

#[async_trait]
impl<H: HostTurnDetector> TurnDetector for TurnDetectorAdaptor<H> {
    fn name(&self) -> &str {
        &self.0
    }

    async fn completeness(&self, said: Utterance, _: &CallContext) -> Result<f32> {
        let (answer, mut stream) = Responder::new();
        self.1.completeness(Arc::from(&said.samples[..]), answer);
        let nothing = || Err(Error::new(ErrorKind::MalformedResponse, "the detector said nothing"));
        stream.next().await.unwrap_or_else(nothing)
    }

    async fn warm_up(&self) -> Result<()> {
        ready(|answer| self.1.warm_up(answer)).await
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
        let arguments = json!({
            "turn_id": turn.turn_id, "session": turn.session, "messages": turn.messages, "continues": turn.continues,
        });
        // Only a turn that continues a session can find it gone.
        let new = match turn.continues {
            true => self.ask::<Option<bool>>("save_turn", arguments).await?,
            false => Some(self.ask("save_turn", arguments).await?),
        };
        Ok(match new {
            Some(true) => Saved::New,
            Some(false) => Saved::AlreadyThere,
            None => Saved::SessionGone,
        })
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

#[cfg(test)]
mod tests {
    use voice_core::ToolCall;

    use super::*;

    /// What is last of what a model wrote.
    async fn last(written: Vec<LlmEvent>) -> Option<FinishReason> {
        let events = ended(futures_util::stream::iter(written.into_iter().map(Ok)).boxed());
        match events.try_collect::<Vec<_>>().await.ok()?.pop()? {
            LlmEvent::Finished(reason) => Some(reason),
            _ => None,
        }
    }

    #[tokio::test]
    async fn why_a_model_stopped_comes_last_as_it_says_or_as_is_to_be_seen() {
        let text = || LlmEvent::Text("Well.".into());
        let call = || LlmEvent::ToolCall(ToolCall::new("a", "look", json!({})));
        assert_eq!(last(vec![text()]).await, Some(FinishReason::Stop));
        assert_eq!(last(vec![text(), call()]).await, Some(FinishReason::ToolCalls));
        assert_eq!(last(vec![LlmEvent::Finished(FinishReason::Length), text()]).await, Some(FinishReason::Length));
        assert_eq!(last(vec![call(), LlmEvent::Finished(FinishReason::Other)]).await, Some(FinishReason::Other));
    }

    struct Cold;

    impl HostTts for Cold {
        fn synthesize(&self, _: String, _: Option<String>, _: Responder<Pcm>) {}

        fn warm_up(&self, answer: Responder<()>) {
            // Whatever is handed over, only the end counts.
            answer.send(());
            answer.fail(Error::new(ErrorKind::InvalidProviderKey, "the key is refused"));
        }
    }

    struct Warm;

    impl HostTts for Warm {
        fn synthesize(&self, _: String, _: Option<String>, _: Responder<Pcm>) {}
    }

    #[tokio::test]
    async fn a_host_is_ready_at_the_end_of_its_answer() {
        let failed = TtsAdaptor::new("cold".into(), Cold, false).warm_up().await.err().map(|e| e.kind());
        assert_eq!(failed, Some(ErrorKind::InvalidProviderKey));
        assert!(TtsAdaptor::new("warm".into(), Warm, false).warm_up().await.is_ok());
    }
}
