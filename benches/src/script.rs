//! The scripted turn: the same waits for everybody who is measured.
//!
//! Speech-to-text 50 ms; language model 100 ms to its first token, then 20 ms a token, 16 tokens in two sentences; speech 80 ms
//! to its first chunk, then 10 ms a chunk, 5 chunks of 100 ms a sentence.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_core::{
    LanguageModel, Pcm, Result, SpeechToText, TextToSpeech, Transcript,
    provider::{
        CallContext, FinishReason, GenerateRequest, LlmEvent, ResultStream, SynthesisRequest, TranscribeRequest,
    },
};

use crate::timer::sleep_until;

const STT: Duration = Duration::from_millis(50);
const FIRST_TOKEN: Duration = Duration::from_millis(100);
const TOKEN: Duration = Duration::from_millis(20);
const FIRST_CHUNK: Duration = Duration::from_millis(80);
const CHUNK: Duration = Duration::from_millis(10);
const TOKENS: [&str; 16] = [
    "The",
    " weather",
    " will",
    " be",
    " mild",
    " and",
    " dry",
    " today.",
    " Tomorrow",
    " it",
    " may",
    " rain",
    " in",
    " the",
    " far",
    " north.",
];
const CHUNKS: u32 = 5;
const CHUNK_SAMPLES: usize = 2_400;
/// When the first audio is due, in milliseconds.
pub const IDEAL_FIRST: f64 = 370.0;
/// When the last audio is due, in milliseconds.
pub const IDEAL_LAST: f64 = 570.0;
/// The providers that keep to the script.
pub struct Script;

#[async_trait]
impl SpeechToText for Script {
    fn name(&self) -> &str {
        "script/stt"
    }

    async fn transcribe(&self, _: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        sleep_until(Instant::now() + STT).await;
        Ok(stream::once(async { Ok(Transcript::last("what is the weather like")) }).boxed())
    }
}

/// The moment of the n-th item, on an absolute schedule: what one wait is late does not add up.
fn moment(start: Instant, first: Duration, step: Duration, n: usize) -> Instant {
    start + first + step * u32::try_from(n).unwrap()
}

#[async_trait]
impl LanguageModel for Script {
    fn name(&self) -> &str {
        "script/llm"
    }

    async fn generate(&self, _: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let start = Instant::now();
        let tokens = stream::unfold(0, move |n| async move {
            let event = match TOKENS.get(n) {
                Some(token) => {
                    sleep_until(moment(start, FIRST_TOKEN, TOKEN, n)).await;
                    LlmEvent::Text((*token).to_owned())
                }
                None if n == TOKENS.len() => LlmEvent::Finished(FinishReason::Stop),
                None => return None,
            };
            Some((Ok(event), n + 1))
        });
        Ok(tokens.boxed())
    }
}

#[async_trait]
impl TextToSpeech for Script {
    fn name(&self) -> &str {
        "script/tts"
    }

    async fn synthesize(&self, _: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        // Made once: what a provider does is not measured.
        static SOUND: LazyLock<Arc<[i16]>> = LazyLock::new(|| vec![0; CHUNK_SAMPLES].into());
        let start = Instant::now();
        let chunks = stream::unfold(0, move |n| async move {
            (n < CHUNKS as usize).then_some(())?;
            sleep_until(moment(start, FIRST_CHUNK, CHUNK, n)).await;
            Some((Ok(Pcm::new(Arc::clone(&SOUND), 24_000)), n + 1))
        });
        Ok(chunks.boxed())
    }
}

/// First and last audio of one turn, in milliseconds.
pub type Heard = (f64, f64);

/// The floor: the same waits, the same overlap, nothing else.
pub async fn floor_turn() -> Heard {
    let start = Instant::now();
    let ms = || start.elapsed().as_secs_f64() * 1e3;
    sleep_until(Instant::now() + STT).await;
    let (sentences, mut spoken) = tokio::sync::mpsc::channel::<()>(4);
    let model = tokio::spawn(async move {
        let start = Instant::now();
        let mut text = String::new();
        for (n, token) in TOKENS.iter().enumerate() {
            sleep_until(moment(start, FIRST_TOKEN, TOKEN, n)).await;
            text.push_str(token);
            if token.ends_with('.') {
                let _ = sentences.send(()).await;
            }
        }
        text
    });
    let (mut first, mut last) = (0.0, 0.0);
    while let Some(()) = spoken.recv().await {
        let start = Instant::now();
        for n in 0..CHUNKS as usize {
            sleep_until(moment(start, FIRST_CHUNK, CHUNK, n)).await;
            last = ms();
            if first == 0.0 {
                first = last;
            }
        }
    }
    let _ = model.await;
    (first, last)
}
