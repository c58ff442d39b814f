//! Host objects: each call is an asynchronous function of the host's that sends items to an answer and returns, or throws.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use voice_bridge::{
    from_host,
    host::{self, LlmAdaptor, Pcm, Responder, StoreAdaptor, SttAdaptor, Transcript, TtsAdaptor},
    runtime,
};

use crate::{error::HostFailure, from_bytes, to_bytes};

/// An answer until it ends: a host may keep its side for longer.
type Slot<T> = Arc<Mutex<Option<Responder<T>>>>;

fn locked<T>(slot: &Mutex<Option<Responder<T>>>) -> MutexGuard<'_, Option<Responder<T>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident of $item:ty, $send:ident($($argument:ident: $kind:ty),*) => $made:expr;)*) => {$(
        $(#[$doc])*
        #[derive(uniffi::Object)]
        pub struct $name {
            slot: Slot<$item>,
        }

        #[uniffi::export]
        impl $name {
            /// Hands over one item. `false`: nobody wants it any more, so the host should stop.
            pub fn $send(&self, $($argument: $kind),*) -> bool {
                locked(&self.slot).as_ref().is_some_and(|answer| answer.send($made))
            }
        }
    )*};
}

answers! {
    /// Where a recogniser's transcripts go.
    TranscriptAnswer of Transcript, send(text: String, is_final: bool, language: Option<String>) => {
        let transcript = if is_final { Transcript::last(text) } else { Transcript::interim(text) };
        match language {
            Some(language) => transcript.with_language(language),
            None => transcript,
        }
    };
    /// Where a language model's text goes.
    TextAnswer of String, send(text: String) => text;
    /// Where a voice's sound goes: mono, 16 bits, little-endian.
    AudioAnswer of Pcm, send(pcm: Vec<u8>, sample_rate: u32) => Pcm::new(from_bytes(&pcm), sample_rate);
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
}

/// A language model of the host.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostLlm: Send + Sync {
    /// Writes the answer to `{messages: [{role, content}], max_tokens, temperature}`.
    async fn generate(&self, request_json: String, answer: Arc<TextAnswer>) -> Result<(), HostFailure>;
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
}

/// A conversation store of the host: one function, JSON in and out.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait HostStore: Send + Sync {
    /// Runs one method.
    async fn call(&self, method: String, arguments_json: String) -> Result<String, HostFailure>;
}

/// A recogniser of the host and its name.
#[derive(uniffi::Record)]
pub struct SttHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostStt>,
}

/// A language model of the host and its name.
#[derive(uniffi::Record)]
pub struct LlmHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostLlm>,
}

/// A voice of the host and its name.
#[derive(uniffi::Record)]
pub struct TtsHost {
    /// How errors and metrics name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostTts>,
}

/// A store of the host and its name.
#[derive(uniffi::Record)]
pub struct StoreHost {
    /// How errors name it.
    pub name: String,
    /// The object.
    pub host: Arc<dyn HostStore>,
}

/// Host objects that take part; what is `None` comes from the config.
#[derive(uniffi::Record)]
pub struct Hosts {
    /// Speech to text.
    pub stt: Option<SttHost>,
    /// The language model.
    pub llm: Option<LlmHost>,
    /// Text to speech.
    pub tts: Option<TtsHost>,
    /// Where conversations are kept.
    pub store: Option<StoreHost>,
}

impl From<Hosts> for voice_bridge::Hosts {
    fn from(hosts: Hosts) -> Self {
        Self {
            stt: hosts.stt.map(|h| Arc::new(SttAdaptor(h.name, Foreign(h.host))) as _),
            llm: hosts.llm.map(|h| Arc::new(LlmAdaptor(h.name, Foreign(h.host))) as _),
            tts: hosts.tts.map(|h| Arc::new(TtsAdaptor(h.name, Foreign(h.host))) as _),
            store: hosts.store.map(|h| Arc::new(StoreAdaptor(h.name, Foreign(h.host))) as _),
        }
    }
}

/// A host's object behind the bridge's traits.
struct Foreign<H: ?Sized>(Arc<H>);

type Work = Pin<Box<dyn Future<Output = Result<(), HostFailure>> + Send>>;

/// Runs a host's function until it returns or nobody wants its answer: dropping its future cancels the host's task.
fn run<T: Send + 'static>(answer: Responder<T>, work: impl FnOnce(Slot<T>) -> Work) {
    let Ok(handle) = runtime::handle() else { return };
    let gone = answer.cancellation();
    let slot = Arc::new(Mutex::new(Some(answer)));
    let work = work(Arc::clone(&slot));
    handle.spawn(async move {
        let outcome = tokio::select! {
            biased;
            () = gone.cancelled() => Ok(()),
            outcome = work => outcome,
        };
        let Some(answer) = locked(&slot).take() else { return };
        match outcome {
            Ok(()) => answer.finish(),
            Err(HostFailure::Failed { code, detail, retryable, retry_after_ms }) => {
                answer.fail(from_host(code.as_deref(), &detail, retryable, retry_after_ms));
            }
        }
    });
}

impl host::HostStt for Foreign<dyn HostStt> {
    fn transcribe(&self, samples: Arc<[i16]>, language: Option<String>, answer: Responder<Transcript>) {
        let host = Arc::clone(&self.0);
        run(answer, |slot| {
            Box::pin(async move {
                let answer = Arc::new(TranscriptAnswer { slot });
                host.transcribe(to_bytes(&samples), language, answer).await
            })
        });
    }
}

impl host::HostLlm for Foreign<dyn HostLlm> {
    fn generate(&self, request_json: String, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |slot| Box::pin(async move { host.generate(request_json, Arc::new(TextAnswer { slot })).await }));
    }
}

impl host::HostTts for Foreign<dyn HostTts> {
    fn synthesize(&self, text: String, language: Option<String>, answer: Responder<Pcm>) {
        let host = Arc::clone(&self.0);
        run(answer, |slot| {
            Box::pin(async move { host.synthesize(text, language, Arc::new(AudioAnswer { slot })).await })
        });
    }
}

impl host::HostStore for Foreign<dyn HostStore> {
    fn call(&self, method: &'static str, arguments_json: String, answer: Responder<String>) {
        let host = Arc::clone(&self.0);
        run(answer, |slot| {
            Box::pin(async move {
                let answer = host.call(method.to_owned(), arguments_json).await?;
                locked(&slot).as_ref().map(|slot| slot.send(answer));
                Ok(())
            })
        });
    }
}
