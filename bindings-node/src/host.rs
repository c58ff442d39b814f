//! JavaScript objects as providers, detectors, stores, tools and sinks of metrics.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use napi_derive::napi;
use voice_bridge::{
    Hosts, Outcome, Tool,
    host::{
        HostLlm, HostMetrics, HostStore, HostStt, HostTool, HostTts, HostTurnDetector, LlmAdaptor, LlmEvent,
        MetricsAdaptor, Pcm, Responder, StoreAdaptor, SttAdaptor, ToolAdaptor, Transcript, TtsAdaptor,
        TurnDetectorAdaptor,
    },
};

use crate::{
    answer::{Answer, Sound},
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
    /// Of a recogniser: whether it can listen.
    pub listens: Option<bool>,
    /// Of a voice: whether it can be asked for others.
    pub has_several: Option<bool>,
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
    /// What hears the end of turns.
    pub turn_detector: Option<HostObject>,
    /// Where conversations are kept.
    pub store: Option<HostObject>,
    /// What the language model may call.
    pub tools: Option<Vec<HostFunction>>,
    /// The number of what is told what was measured.
    pub metrics: Option<u32>,
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
        self.put(Message { text, name, bytes, ..Message::of("ask", self.id) }, answer);
    }

    fn put<T: Send + 'static>(&self, message: Message, answer: Responder<T>)
    where
        voice_bridge::host::Answer: From<Responder<T>>,
    {
        let question = QUESTIONS.fetch_add(1, Ordering::Relaxed);
        let interest = answer.interest();
        let answer = Some(Answer(answer.into()));
        let message = Message { answer, question: Some(question), ..message };
        self.line.post(message);
        let line = Arc::clone(&self.line);
        interest.on_lost(move || line.post(Message::of("stop", question)));
    }
}

impl HostStt for Host {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        self.ask(None, language, Some(Bytes::of_samples(&samples)), answer);
    }

    fn listen(&self, sound: voice_bridge::host::Sound, language: Option<String>, answer: Responder<Transcript>) {
        self.put(Message { name: language, sound: Some(Sound(sound)), ..Message::of("ask", self.id) }, answer);
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.put(Message::of("warm_up", self.id), answer);
    }
}

impl HostTurnDetector for Host {
    fn completeness(&self, samples: Arc<[i16]>, answer: Responder<f32>) {
        self.ask(None, None, Some(Bytes::of_samples(&samples)), answer);
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.put(Message::of("warm_up", self.id), answer);
    }
}

impl HostLlm for Host {
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
        self.ask(Some(request_json), None, None, answer);
    }

    fn warm_up(&self, system_prompt: String, answer: Responder<()>) {
        self.put(Message { text: Some(system_prompt), ..Message::of("warm_up", self.id) }, answer);
    }
}

impl HostTts for Host {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        self.ask(Some(text), language, None, answer);
    }

    fn synthesize_as(&self, text: String, language: Option<String>, voice_json: String, answer: Responder<Pcm>) {
        let (text, voice) = (Some(text), Some(voice_json));
        self.put(Message { text, name: language, voice, ..Message::of("ask", self.id) }, answer);
    }

    fn voices(&self, language: Option<String>, answer: Responder<String>) {
        self.put(Message { name: language, ..Message::of("voices", self.id) }, answer);
    }

    fn warm_up(&self, answer: Responder<()>) {
        self.put(Message::of("warm_up", self.id), answer);
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

impl HostMetrics for Host {
    fn record(&self, reports_json: String, answer: Responder<String>) {
        self.ask(Some(reports_json), Some("record".into()), None, answer);
    }

    fn flush(&self, answer: Responder<String>) {
        self.ask(None, Some("flush".into()), None, answer);
    }
}

/// The host's tools as the library holds them. Those of a call that is not made are let go of like any.
pub(crate) fn adopted_tools(line: &Arc<Line>, tools: Option<Vec<HostFunction>>) -> Outcome<Vec<Arc<dyn Tool>>> {
    let held: Vec<_> =
        tools.into_iter().flatten().map(|t| (t.definition, Host { line: Arc::clone(line), id: t.id })).collect();
    held.into_iter().map(|(definition, host)| Ok(Arc::new(ToolAdaptor::new(&definition, host)?) as _)).collect()
}

/// The host objects as providers, stores, tools and a sink of metrics.
pub(crate) fn adopted(line: &Arc<Line>, objects: HostObjects) -> Outcome<Hosts> {
    let host = |id| Host { line: Arc::clone(line), id };
    let named = |object: HostObject| (object.name, host(object.id));
    let voices = objects.tts.into_iter().flatten().map(|o| (o.has_several.unwrap_or(false), named(o)));
    let recognisers = objects.stt.into_iter().flatten().map(|o| (o.listens.unwrap_or(false), named(o)));
    let models = objects.llm.into_iter().flatten().map(|o| (o.calls_tools.unwrap_or(false), named(o)));
    Ok(Hosts {
        stt: recognisers.map(|(listens, (name, host))| Arc::new(SttAdaptor(name, host, listens)) as _).collect(),
        llm: models.map(|(tools, (name, host))| Arc::new(LlmAdaptor(name, host, tools)) as _).collect(),
        tts: voices.map(|(several, (name, host))| Arc::new(TtsAdaptor::new(name, host, several)) as _).collect(),
        turn_detector: objects
            .turn_detector
            .map(named)
            .map(|(name, host)| Arc::new(TurnDetectorAdaptor(name, host)) as _),
        store: objects.store.map(named).map(|(name, host)| Arc::new(StoreAdaptor(name, host)) as _),
        tools: adopted_tools(line, objects.tools)?,
        metrics: objects.metrics.map(|id| Arc::new(MetricsAdaptor(host(id))) as _),
    })
}
