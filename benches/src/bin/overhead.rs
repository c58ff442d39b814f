//! What a turn costs in Rust itself when its providers answer at once, and what ten thousand turns leave in memory: the ground on which
//! `cargo xtask bench overhead` stands the bindings. Prints one line of JSON.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_bench::process;
use voice_core::{
    Audio, LanguageModel, Pcm, Result, SpeechToText, TextToSpeech, Transcript, VoiceAgent,
    provider::{
        CallContext, FinishReason, GenerateRequest, LlmEvent, ResultStream, SynthesisRequest, TranscribeRequest,
    },
};

struct AtOnce;

#[async_trait]
impl SpeechToText for AtOnce {
    fn name(&self) -> &str {
        "bench/stt"
    }

    async fn transcribe(&self, _: TranscribeRequest, _: &CallContext) -> Result<ResultStream<Transcript>> {
        Ok(stream::once(async { Ok(Transcript::last("hi")) }).boxed())
    }
}

#[async_trait]
impl LanguageModel for AtOnce {
    fn name(&self) -> &str {
        "bench/llm"
    }

    async fn generate(&self, _: GenerateRequest, _: &CallContext) -> Result<ResultStream<LlmEvent>> {
        let events = [Ok(LlmEvent::Text("Yes.".to_owned())), Ok(LlmEvent::Finished(FinishReason::Stop))];
        Ok(stream::iter(events).boxed())
    }
}

#[async_trait]
impl TextToSpeech for AtOnce {
    fn name(&self) -> &str {
        "bench/tts"
    }

    async fn synthesize(&self, _: SynthesisRequest, _: &CallContext) -> Result<ResultStream<Pcm>> {
        let sound: Arc<[i16]> = vec![1_000; 160].into();
        Ok(stream::once(async { Ok(Pcm::new(sound, 16_000)) }).boxed())
    }
}

/// The median of many runs, in microseconds.
async fn median(mut run: impl AsyncFnMut()) -> f64 {
    let mut all = Vec::new();
    for n in 0..2_500 {
        let start = Instant::now();
        run().await;
        // The first are warm-up.
        if n >= 500 {
            all.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[tokio::main]
async fn main() {
    let agent = VoiceAgent::builder().stt(AtOnce).llm(AtOnce).tts(AtOnce).storage("memory").build().await.unwrap();
    let speech: Vec<i16> = (0..1_600).map(|n| if n / 40 % 2 == 0 { 8_000 } else { -8_000 }).collect();
    let typed = median(async || drop(agent.turn("hi").speak(false).await.unwrap())).await;
    let spoken = median(async || drop(agent.turn("hi").await.unwrap())).await;
    let heard = median(async || drop(agent.turn(Audio::from_pcm(speech.clone(), 16_000, 1)).await.unwrap())).await;
    let turns = async |count| {
        for _ in 0..count {
            let reply = agent.turn("hi").await.unwrap();
            agent.sessions().delete(reply.session_id).await.unwrap();
        }
        process::rss_kb()
    };
    let before = turns(10_000).await;
    let after = turns(10_000).await;
    println!(
        r#"{{"typed_us": {typed:.1}, "spoken_us": {spoken:.1}, "heard_us": {heard:.1}, "before_kib": {before}, "after_kib": {after}}}"#
    );
}
