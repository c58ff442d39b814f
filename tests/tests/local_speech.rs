//! The local language model and voice, from the directory that `VOICE_CORE_MODELS` names (`cargo xtask test` fetches the
//! files first).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;

use futures_util::StreamExt;
use voice_core::{
    Role, Utterance,
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, SpeechToText, SynthesisRequest,
        TextToSpeech, TranscribeRequest,
    },
    providers::local::{KokoroOptions, KokoroTts, LocalLlm, LocalLlmOptions, ModelDir, MoonshineStt},
};

const SYSTEM: &str = "You are a helpful voice assistant. Answer in one or two short sentences.";

fn models() -> ModelDir {
    ModelDir::locate().unwrap()
}

/// The model of the default set, whichever quantisation is there.
fn gguf() -> PathBuf {
    let folder = models().path().join("smollm2-135m-instruct");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "gguf"));
    files.sort();
    files.pop().expect("a GGUF file in smollm2-135m-instruct; run `voice-core models fetch`")
}

fn llm() -> LocalLlm {
    LocalLlm::open(gguf(), LocalLlmOptions::default()).unwrap()
}

fn kokoro() -> KokoroTts {
    KokoroTts::open(models().path().join("kokoro-82m"), KokoroOptions::default()).unwrap()
}

fn request(question: &str, max_tokens: u32) -> GenerateRequest {
    let messages = vec![PromptMessage::new(Role::System, SYSTEM), PromptMessage::new(Role::User, question)];
    let mut request = GenerateRequest::new(messages);
    request.max_tokens = max_tokens;
    request.temperature = 0.0;
    request
}

#[tokio::test]
async fn the_same_system_prompt_is_read_once() {
    let llm = llm();
    llm.warm_up(SYSTEM).await.unwrap();
    let mut usages = Vec::new();
    for question in ["What is the capital of France?", "How many days has a week?"] {
        let mut events = llm.generate(request(question, 4), &CallContext::new()).await.unwrap();
        while let Some(event) = events.next().await {
            if let LlmEvent::Usage(usage) = event.unwrap() {
                usages.push(usage);
            }
        }
    }
    for usage in usages {
        let read = usage.input_tokens - usage.cached_tokens;
        assert!(usage.cached_tokens >= 15, "only {} tokens were known", usage.cached_tokens);
        assert!(read <= 20, "{read} of {} tokens were read again", usage.input_tokens);
    }
}

#[tokio::test]
async fn a_dropped_generation_stops() {
    let llm = llm();
    let mut events = llm.generate(request("Tell me a very long story.", 2000), &CallContext::new()).await.unwrap();
    events.next().await.unwrap().unwrap();
    drop(events);
    let other = tokio::time::timeout(std::time::Duration::from_secs(60), async {
        let events = llm.generate(request("Say yes.", 2), &CallContext::new()).await.unwrap();
        events.count().await
    });
    assert!(other.await.is_ok(), "another call waits for a dropped one");
    assert!(llm.work().written_tokens < 1000, "{:?}", llm.work());
}

#[tokio::test]
async fn two_sessions_share_one_model() {
    let (a, b) = (llm(), llm());
    assert!(a.shares_model_with(&b));
    assert!(kokoro().shares_model_with(&kokoro()));
    let say = |llm: LocalLlm| async move {
        let events = llm.generate(request("What is the capital of France?", 12), &CallContext::new()).await.unwrap();
        let texts =
            events.filter_map(|e| async move { if let LlmEvent::Text(t) = e.unwrap() { Some(t) } else { None } });
        texts.collect::<String>().await
    };
    let (one, two) = tokio::join!(say(a), say(b));
    assert_eq!(one, two, "the same prompt without dice gives the same answer, whoever else talks");
    assert!(!one.is_empty());
}

#[tokio::test]
async fn speech_transcribed_back_has_at_most_ten_percent_word_errors() {
    let text = "The quick brown fox jumps over the lazy dog. Please call me tomorrow morning, because I would like to talk \
                about the weather and the garden.";
    let chunks = kokoro().synthesize(SynthesisRequest::new(text), &CallContext::new()).await.unwrap();
    let chunks: Vec<_> = chunks.map(Result::unwrap).collect().await;
    assert!(chunks.len() >= 2, "a chunk for each sentence");
    let sound: Vec<i16> = chunks.iter().flat_map(|c| c.samples().to_vec()).collect();
    let speech: Vec<i16> = (0..sound.len() * 2 / 3).map(|i| sound[i * 3 / 2]).collect();
    let stt = MoonshineStt::tiny_en(&models()).unwrap();
    let request = TranscribeRequest::new(Utterance::from_samples(speech));
    let heard = stt.transcribe(request, &CallContext::new()).await.unwrap();
    let heard: Vec<_> = heard.map(Result::unwrap).collect().await;
    let words = |text: &str| -> Vec<String> {
        let clean: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
        clean.to_lowercase().split_whitespace().map(str::to_owned).collect()
    };
    let (said, heard) = (words(text), words(&heard.last().unwrap().text));
    let wrong = said.iter().filter(|w| !heard.contains(w)).count() + heard.len().abs_diff(said.len());
    assert!(wrong * 10 <= said.len(), "{wrong} of {} words wrong: {heard:?}", said.len());
}
