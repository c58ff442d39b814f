//! JavaScript objects as providers and stores.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use napi_derive::napi;
use voice_bridge::{
    Hosts,
    host::{
        HostLlm, HostStore, HostStt, HostTts, LlmAdaptor, Pcm, Responder, StoreAdaptor, SttAdaptor, Transcript,
        TtsAdaptor,
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
}

/// The host objects of an agent.
#[napi(object, object_to_js = false)]
pub struct HostObjects {
    /// Speech to text.
    pub stt: Option<Vec<HostObject>>,
    /// Language models.
    pub llm: Option<Vec<HostObject>>,
    /// Text to speech.
    pub tts: Option<Vec<HostObject>>,
    /// Where conversations are kept.
    pub store: Option<HostObject>,
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
    fn generate(&self, request_json: String, answer: Responder<String>) {
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

/// The host objects as providers and stores.
pub(crate) fn adopted(line: &Arc<Line>, objects: HostObjects) -> Hosts {
    let host = |object: HostObject| (object.name, Host { line: Arc::clone(line), id: object.id });
    let all = |objects: Option<Vec<HostObject>>| objects.into_iter().flatten().map(host);
    Hosts {
        stt: all(objects.stt).map(|(name, host)| Arc::new(SttAdaptor(name, host)) as _).collect(),
        llm: all(objects.llm).map(|(name, host)| Arc::new(LlmAdaptor(name, host)) as _).collect(),
        tts: all(objects.tts).map(|(name, host)| Arc::new(TtsAdaptor(name, host)) as _).collect(),
        store: objects.store.map(host).map(|(name, host)| Arc::new(StoreAdaptor(name, host)) as _),
    }
}
