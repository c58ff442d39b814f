//! Host objects: each call is an asynchronous function of the host's that sends items to an answer and returns, or throws.

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use voice_bridge::{
    Outcome,
    host::{
        self, Answer, LlmAdaptor, LlmEvent, MetricsAdaptor, Pcm, Responder, StoreAdaptor, SttAdaptor, ToolAdaptor,
        Transcript, TtsAdaptor, TurnDetectorAdaptor,
    },
    runtime,
};

use crate::{
    error::{Failure, HostFailure},
    from_bytes, to_bytes,
};

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident, $send:ident($($argument:ident: $kind:ty => $made:expr),*);)*) => {$(
        $(#[$doc])*
        #[derive(uniffi::Object)]
        pub struct $name {
            answer: Arc<Answer>,
        }

        #[uniffi::export]
        impl $name {
            /// Hands over one item. `false`: nobody wants it any more, so the host should stop.
            pub fn send(&self, $($argument: $kind),*) -> bool {
                // Each role has a type of its own: what is sent always fits.
                self.answer.$send($($made),*).unwrap_or(false)
            }
        }
    )*};
}

answers! {
    /// Where a recogniser's transcripts go.
    TranscriptAnswer, send_transcript(text: String => text, is_final: bool => is_final, language: Option<String> => language);
    /// Where a language model's text goes.
    TextAnswer, send_text(text: String => text);
    /// Where a voice's sound goes: mono, 16 bits, little-endian.
    AudioAnswer, send_audio(pcm: Vec<u8> => from_bytes(&pcm), sample_rate: u32 => sample_rate);
}

#[uniffi::export]
impl AudioAnswer {
    /// Says when a word is spoken, in seconds from the beginning; it goes with the next sound. `false`: nobody wants it any more.
    pub fn word(&self, text: String, start: f64, end: f64) -> Result<bool, Failure> {
        Ok(self.answer.send_word(text, start, end)?)
    }
}

#[uniffi::export]
impl TextAnswer {
    /// Hands over a call of a tool, its arguments as JSON. `false`: nobody wants it any more.
    pub fn call_tool(&self, id: String, name: String, arguments_json: &str) -> bool {
        self.answer.send_tool_call(id, name, arguments_json).unwrap_or(false)
    }

    /// Says what was used, in tokens. `false`: nobody wants it any more.
    pub fn used(&self, input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> bool {
        self.answer.send_usage(input_tokens, cached_tokens, output_tokens).unwrap_or(false)
    }

    /// Says why the model stopped, by one of the words that `voice-bridge` knows. `false`: nobody wants it any more.
    pub fn finished(&self, reason: &str) -> bool {
        self.answer.send_finish_reason(reason).unwrap_or(false)
    }
}

/// A recogniser of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostStt: Send + Sync {
    /// Transcribes 16 kHz mono samples (16 bits, little-endian): interim transcripts if any, then one final.
    async fn transcribe(
        &self,
        pcm: Vec<u8>,
        language: Option<String>,
        answer: Arc<TranscriptAnswer>,
    ) -> Result<(), HostFailure>;

    /// Recognises one utterance while it is spoken: interim transcripts as they come, then, once the sound is over, one final. Only
    /// asked of a host that listens.
    async fn listen(
        &self,
        sound: Arc<SpokenSound>,
        language: Option<String>,
        answer: Arc<TranscriptAnswer>,
    ) -> Result<(), HostFailure>;

    /// Gets ready before the first question.
    async fn warm_up(&self) -> Result<(), HostFailure>;
}

/// The sound of an utterance that is being spoken.
#[derive(uniffi::Object)]
pub struct SpokenSound {
    sound: host::Sound,
}

#[uniffi::export]
impl SpokenSound {
    /// Waits for the next sound, 16 kHz mono (16 bits, little-endian). Nothing: it is over.
    pub async fn next(&self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.sound.next().await?.into_samples().map(|samples| to_bytes(&samples)))
    }
}

/// What hears the end of turns, in the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostTurnDetector: Send + Sync {
    /// Says how likely the speaker is done, 0–1, given 16 kHz mono samples (16 bits, little-endian).
    async fn completeness(&self, pcm: Vec<u8>) -> Result<f64, HostFailure>;

    /// Gets ready before the first question.
    async fn warm_up(&self) -> Result<(), HostFailure>;
}

/// A language model of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostLlm: Send + Sync {
    /// Writes the answer to a prompt, whose JSON is described at the trait of this name in `voice-bridge`.
    async fn generate(&self, request_json: String, answer: Arc<TextAnswer>) -> Result<(), HostFailure>;

    /// Gets ready before the first question, for prompts that will begin with `system_prompt`.
    async fn warm_up(&self, system_prompt: String) -> Result<(), HostFailure>;
}

/// A voice of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostTts: Send + Sync {
    /// Speaks a text.
    async fn synthesize(
        &self,
        text: String,
        language: Option<String>,
        answer: Arc<AudioAnswer>,
    ) -> Result<(), HostFailure>;

    /// Speaks a text as one of its voices, by JSON that is described at the trait of this name in `voice-bridge`. Only asked of a host
    /// that has several.
    async fn synthesize_as(
        &self,
        text: String,
        language: Option<String>,
        voice_json: String,
        answer: Arc<AudioAnswer>,
    ) -> Result<(), HostFailure>;

    /// Lists its voices, as JSON that is described there, too; nothing: it does not say which it has.
    async fn voices(&self, language: Option<String>) -> Result<Option<String>, HostFailure>;

    /// Gets ready before the first question.
    async fn warm_up(&self) -> Result<(), HostFailure>;
}

/// A conversation store of the host: one function, JSON in and out.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostStore: Send + Sync {
    /// Runs one method.
    async fn call(&self, method: String, arguments_json: String) -> Result<String, HostFailure>;
}

/// A tool of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostTool: Send + Sync {
    /// Runs one call, arguments and context as JSON; gives what the model is told, or nothing.
    async fn call(&self, arguments_json: String, context_json: String) -> Result<Option<String>, HostFailure>;
}

/// A sink of metrics of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostMetrics: Send + Sync {
    /// Takes reports, a JSON array of objects with a `type`.
    async fn record(&self, reports_json: String) -> Result<(), HostFailure>;

    /// Lets go of what it still holds: the agent closes.
    async fn flush(&self) -> Result<(), HostFailure>;
}

/// A recogniser of the host and its name.
#[derive(uniffi::Record)]
pub struct SttHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostStt>,
    /// Whether it can listen.
    pub listens: bool,
}

/// A detector of the end of turns and its name.
#[derive(uniffi::Record)]
pub struct TurnDetectorHost {
    /// How logs name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostTurnDetector>,
}

/// A language model of the host and its name.
#[derive(uniffi::Record)]
pub struct LlmHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostLlm>,
    /// Whether it can call tools.
    pub calls_tools: bool,
}

/// A voice of the host and its name.
#[derive(uniffi::Record)]
pub struct TtsHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostTts>,
    /// Whether it has several voices.
    pub has_several: bool,
}

/// A store of the host and its name.
#[derive(uniffi::Record)]
pub struct StoreHost {
    /// How errors name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostStore>,
}

/// A tool of the host and its definition.
#[derive(uniffi::Record)]
pub struct ToolHost {
    /// What it is, as JSON: see `voice-bridge`.
    pub definition_json: String,
    /// The object.
    pub host: Arc<dyn HostTool>,
}

/// Host objects that take part: in the config `host/0` and so on, by their number in their role. Objects that it does not name
/// stand in place of what it says.
#[derive(uniffi::Record)]
pub struct Hosts {
    /// Speech to text.
    pub stt: Vec<SttHost>,
    /// Language models.
    pub llm: Vec<LlmHost>,
    /// Text to speech.
    pub tts: Vec<TtsHost>,
    /// What hears the end of turns.
    pub turn_detector: Option<TurnDetectorHost>,
    /// Where conversations are kept.
    pub store: Option<StoreHost>,
    /// What the language model may call.
    pub tools: Vec<ToolHost>,
    /// What is told what was measured.
    pub metrics: Option<Arc<dyn HostMetrics>>,
}

impl Hosts {
    /// The objects behind the bridge's traits.
    pub(crate) fn adopted(self) -> Outcome<voice_bridge::Hosts> {
        let hosts = self;
        Ok(voice_bridge::Hosts {
            stt: hosts.stt.into_iter().map(|h| Arc::new(SttAdaptor(h.name, Foreign(h.host), h.listens)) as _).collect(),
            llm: hosts
                .llm
                .into_iter()
                .map(|h| Arc::new(LlmAdaptor(h.name, Foreign(h.host), h.calls_tools)) as _)
                .collect(),
            tts: hosts
                .tts
                .into_iter()
                .map(|h| Arc::new(TtsAdaptor::new(h.name, Foreign(h.host), h.has_several)) as _)
                .collect(),
            turn_detector: hosts.turn_detector.map(|h| Arc::new(TurnDetectorAdaptor(h.name, Foreign(h.host))) as _),
            store: hosts.store.map(|h| Arc::new(StoreAdaptor(h.name, Foreign(h.host))) as _),
            tools: adopted(hosts.tools)?,
            metrics: hosts.metrics.map(|host| Arc::new(MetricsAdaptor(Foreign(host))) as _),
        })
    }
}

/// The host's tools behind the bridge's trait.
pub(crate) fn adopted(tools: Vec<ToolHost>) -> Outcome<Vec<Arc<dyn voice_bridge::Tool>>> {
    let tools = tools.into_iter().map(|t| ToolAdaptor::new(&t.definition_json, Foreign(t.host)));
    tools.map(|tool| Ok(Arc::new(tool?) as _)).collect()
}

/// A host's object behind the bridge's traits.
struct Foreign<H: ?Sized>(Arc<H>);

type Work = Pin<Box<dyn Future<Output = Result<(), HostFailure>> + Send>>;

/// Runs a host's function until it returns or nobody wants its answer: dropping its future cancels the host's task.
fn run(answer: impl Into<Answer>, work: impl FnOnce(Arc<Answer>) -> Work) {
    let answer: Arc<Answer> = Arc::new(answer.into());
    // Without threads the answer is dropped, and its asker learns that none came.
    let Ok(handle) = runtime::handle() else { return };
    let work = work(Arc::clone(&answer));
    handle.spawn(async move {
        let outcome = tokio::select! {
            biased;
            () = answer.cancellation().cancelled_owned() => Ok(()),
            outcome = work => outcome,
        };
        match outcome {
            Ok(()) => answer.finish(),
            Err(HostFailure::Failed { code, detail, retryable, retry_after_ms }) => {
                answer.fail(code.as_deref(), &detail, retryable, retry_after_ms)
            }
        }
    });
}

impl host::HostStt for Foreign<dyn HostStt> {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            let answer = Arc::new(TranscriptAnswer { answer });
            Box::pin(async move { host.transcribe(to_bytes(&samples), language, answer).await })
        });
    }

    fn listen(&self, sound: host::Sound, language: Option<String>, answer: Responder<Transcript>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            let (sound, answer) = (Arc::new(SpokenSound { sound }), Arc::new(TranscriptAnswer { answer }));
            Box::pin(async move { host.listen(sound, language, answer).await })
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.warm_up().await }));
    }
}

impl host::HostTurnDetector for Foreign<dyn HostTurnDetector> {
    fn completeness(&self, samples: Arc<[i16]>, answer: Responder<f32>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            Box::pin(async move {
                let likely = host.completeness(to_bytes(&samples)).await?;
                if let Err(fault) = answer.send_completeness(likely) {
                    answer.fail(Some(&fault.code), &fault.detail, None, None);
                }
                Ok(())
            })
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.warm_up().await }));
    }
}

impl host::HostLlm for Foreign<dyn HostLlm> {
    fn generate(&self, request_json: String, answer: Responder<LlmEvent>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            let answer = Arc::new(TextAnswer { answer });
            Box::pin(async move { host.generate(request_json, answer).await })
        });
    }

    fn warm_up(&self, system_prompt: String, answer: Responder<()>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.warm_up(system_prompt).await }));
    }
}

impl host::HostTts for Foreign<dyn HostTts> {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            let answer = Arc::new(AudioAnswer { answer });
            Box::pin(async move { host.synthesize(text, language, answer).await })
        });
    }

    fn synthesize_as(&self, text: String, language: Option<String>, voice_json: String, answer: Responder<Pcm>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            let answer = Arc::new(AudioAnswer { answer });
            Box::pin(async move { host.synthesize_as(text, language, voice_json, answer).await })
        });
    }

    fn voices(&self, language: Option<String>, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            Box::pin(async move {
                if let Some(listed) = host.voices(language).await? {
                    // A list is text, so it fits; that nobody wants it any more is all right.
                    let _sent = answer.send_text(listed);
                }
                Ok(())
            })
        });
    }

    fn warm_up(&self, answer: Responder<()>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.warm_up().await }));
    }
}

impl host::HostStore for Foreign<dyn HostStore> {
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            Box::pin(async move {
                let json = host.call(method.to_owned(), arguments_json).await?;
                // A store's answer is text, so it fits; that nobody wants it any more is all right.
                let _sent = answer.send_text(json);
                Ok(())
            })
        });
    }
}

impl host::HostMetrics for Foreign<dyn HostMetrics> {
    fn record(&self, reports_json: String, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.record(reports_json).await }));
    }

    fn flush(&self, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |_| Box::pin(async move { host.flush().await }));
    }
}

impl host::HostTool for Foreign<dyn HostTool> {
    fn call(&self, arguments_json: String, context_json: String, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |answer| {
            Box::pin(async move {
                if let Some(text) = host.call(arguments_json, context_json).await? {
                    // A tool's answer is text, so it fits; that nobody wants it any more is all right.
                    let _sent = answer.send_text(text);
                }
                Ok(())
            })
        });
    }
}
