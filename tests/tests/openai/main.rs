//! The OpenAI providers against a double that speaks the real wire format.

// Helpers of tests may fail loudly too; clippy only knows it of the tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod answers;
mod errors;
mod examples;
mod listening;
mod realtime;
mod requests;
mod secrecy;
mod tolerance;
mod tools;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::TryStreamExt;
use serde_json::{Value, json};
use voice_core::{
    Error, ErrorKind, Pcm, Stage, Transcript, Utterance,
    message::Role,
    provider::{
        CallContext, FinishReason, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, SpeechToText,
        SynthesisRequest, TextToSpeech, TranscribeRequest,
    },
    providers::openai::{
        OpenAiConfig, OpenAiLlm, OpenAiRealtimeTts, OpenAiStt, OpenAiTts, SpeechOptions, text_to_speech,
    },
};
use voice_testkit::openai::{
    HangingAddress, OpenAiDouble, OpenAiSpec, RecordedBody, Reply, Route, SpecCheck, refused_address,
};

const KEY: &str = "sk-planted-0123456789abcdef";
const SECRET_WORDS: &str = "my neighbour Ada owes me forty pounds";

/// Longer than anything here takes; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(20);

async fn double() -> OpenAiDouble {
    OpenAiDouble::start().await.unwrap()
}

fn config(double: &OpenAiDouble) -> OpenAiConfig {
    OpenAiConfig::new(KEY).base_url(double.base_url())
}

/// OpenAI's own dialect, spoken to the double.
fn official(double: &OpenAiDouble) -> OpenAiConfig {
    config(double).dialect(voice_core::providers::openai::Dialect::OPENAI)
}

fn prompt() -> GenerateRequest {
    GenerateRequest::new(vec![
        PromptMessage::new(Role::System, "Be brief."),
        PromptMessage::new(Role::User, SECRET_WORDS),
    ])
}

async fn patient<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("nothing hangs")
}

async fn generate(llm: &OpenAiLlm) -> Result<Vec<LlmEvent>, Error> {
    patient(async { llm.generate(prompt(), &CallContext::new()).await?.try_collect().await }).await
}

async fn transcribe(stt: &OpenAiStt) -> Result<Vec<Transcript>, Error> {
    let request = TranscribeRequest::new(Utterance::from_samples(vec![0i16; 1600])).with_language(Some("en-GB".into()));
    patient(async { stt.transcribe(request, &CallContext::new()).await?.try_collect().await }).await
}

async fn speak(tts: &dyn TextToSpeech) -> Result<Vec<Pcm>, Error> {
    patient(async {
        tts.synthesize(SynthesisRequest::new(SECRET_WORDS), &CallContext::new()).await?.try_collect().await
    })
    .await
}

fn text(events: &[LlmEvent]) -> String {
    events.iter().filter_map(|e| if let LlmEvent::Text(t) = e { Some(t.as_str()) } else { None }).collect()
}

fn finish(events: &[LlmEvent]) -> Option<FinishReason> {
    events.iter().find_map(|e| if let LlmEvent::Finished(r) = e { Some(*r) } else { None })
}

fn samples(sound: &[Pcm]) -> Vec<i16> {
    sound.iter().flat_map(|p| p.samples().to_vec()).collect()
}

fn ramp(n: i16) -> Vec<i16> {
    (0..n).collect()
}

fn chunk(delta: Value, reason: Value) -> String {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}).to_string()
}
