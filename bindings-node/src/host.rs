//! JavaScript objects as providers, stores and tools.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use napi_derive::napi;
use voice_bridge::{
    Hosts, Outcome,
    host::{
        HostLlm, HostStore, HostStt, HostTool, HostTts, LlmAdaptor, LlmEvent, Pcm, Responder, StoreAdaptor, SttAdaptor,
        ToolAdaptor, Transcript, TtsAdaptor,
    },
    runtime,
};

use crate::{
    answer::Answer,
    message::{Bytes, Message},
    port::Line,
};

/// A host object: JavaScript keeps it under a number.
#[napi(object, object_to_js = false)]
pub struct HostObject {
    /// The number.
    pub id: u32,
    /// Its name in events and logs.
    pub name: String,
    /// Of a language model: whether it can call tools.
    pub calls_tools: Option<bool>,
}

/// A tool of the host's.
#[napi(object, object_to_js = false)]
pub struct HostFunction {
    /// The number under which JavaScript keeps it.
    pub id: u32,
    /// Its definition as JSON.
    pub definition: String,
}

/// The host objects of an agent.
#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct HostObjects {
    /// Speech to text.
    pub stt: Option<Vec<HostObject>>,
    /// Language models.
    pub llm: Option<Vec<HostObject>>,
    /// Text to speech.
    pub tts: Option<Vec<HostObject>>,
    /// Where conversations are kept.
    pub store: Option<HostObject>,
    /// What the language model may call.
    pub tools: Option<Vec<HostFunction>>,
}

/// A host object as the library holds it.
struct Host {
    line: Arc<Line>,
    id: u32,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.line.post(Message::of("drop", self.id));
    }
}

/// Numbers of questions, over all environments.
static QUESTIONS: AtomicU32 = AtomicU32::new(1);

impl Host {
    fn ask<T: Send + 'static>(
        &self,
        text: Option<String>,
        name: Option<String>,
        bytes: Option<Bytes>,
        answer: Responder<T>,
    ) where
        voice_bridge::host::Answer: From<Responder<T>>,
    {
        let question = QUESTIONS.fetch_add(1, Ordering::Relaxed);
        let unwanted = answer.cancellation();
        let answer = Some(Answer(answer.into()));
        let message = Message { text, name, bytes, answer, question: Some(question), ..Message::of("ask", self.id) };
        self.line.post(message);
        // Without threads the answer is asked for all the same; only its end is not told.
        let Ok(handle) = runtime::handle() else { return };
        let line = Arc::clone(&self.line);
        handle.spawn(async move {
            unwanted.cancelled().await;
            line.post(Message::of("stop", question));
        });
    }
}

impl HostStt for Host {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        self.ask(None, language, Some(Bytes::of_samples(&samples)), answer);
    }
}

impl HostLlm for Host {
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
        self.ask(Some(request_json), None, None, answer);
    }
}

impl HostTts for Host {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        self.ask(Some(text), language, None, answer);
    }
}

impl HostStore for Host {
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>) {
        self.ask(Some(arguments_json), Some(method.into()), None, answer);
    }
}

impl HostTool for Host {
    fn call(&self, arguments_json: String, context_json: String, answer: Responder<String>) {
        self.ask(Some(arguments_json), Some(context_json), None, answer);
    }
}

/// The host objects as providers, stores and tools.
pub(crate) fn adopted(line: &Arc<Line>, objects: HostObjects) -> Outcome<Hosts> {
    let host = |id| Host { line: Arc::clone(line), id };
    let named = |object: HostObject| (object.name, host(object.id));
    let all = |objects: Option<Vec<HostObject>>| objects.into_iter().flatten().map(named);
    let models = objects.llm.into_iter().flatten().map(|o| (o.calls_tools.unwrap_or(false), named(o)));
    let tools = objects.tools.into_iter().flatten().map(|t| ToolAdaptor::new(&t.definition, host(t.id)));
    Ok(Hosts {
        stt: all(objects.stt).map(|(name, host)| Arc::new(SttAdaptor(name, host)) as _).collect(),
        llm: models.map(|(tools, (name, host))| Arc::new(LlmAdaptor(name, host, tools)) as _).collect(),
        tts: all(objects.tts).map(|(name, host)| Arc::new(TtsAdaptor(name, host)) as _).collect(),
        store: objects.store.map(named).map(|(name, host)| Arc::new(StoreAdaptor(name, host)) as _),
        tools: tools.map(|tool| Ok(Arc::new(tool?) as _)).collect::<Outcome<_>>()?,
    })
}
