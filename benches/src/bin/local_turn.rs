//! The offline turn, stage by stage: `local_turn MODEL_DIR GGUF [THREADS [TEMPERATURE]]`. Prints figures; plays nothing.

use std::{num::NonZeroUsize, time::Instant};

use futures_util::StreamExt;
use voice_core::{
    Result, Role, Utterance,
    provider::{
        CallContext, GenerateRequest, LanguageModel, LlmEvent, PromptMessage, SpeechToText, SynthesisRequest,
        TextToSpeech, TranscribeRequest,
    },
    providers::local::{KokoroOptions, KokoroTts, LocalLlm, LocalLlmOptions, ModelDir, MoonshineStt, ThreadBudget},
};

const SYSTEM: &str = "You are a helpful voice assistant. Answer in one or two short sentences.";

#[tokio::main]
#[allow(clippy::print_stdout)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [models, gguf, ..] = arguments.as_slice() else {
        println!("usage: local_turn MODEL_DIR GGUF [THREADS [TEMPERATURE]]");
        return Ok(());
    };
    let models = ModelDir::new(models);
    let threads =
        arguments.get(2).and_then(|t| t.parse::<NonZeroUsize>().ok()).map(ThreadBudget::new).unwrap_or_default();
    let mut llm_options = LocalLlmOptions::default();
    llm_options.sampling.temperature = arguments.get(3).and_then(|t| t.parse().ok());
    let start = Instant::now();
    let stt = MoonshineStt::tiny_en(&models)?.with_threads(threads);
    stt.warm_up().await?;
    println!("recogniser loaded     {:>7.0?}  peak {} MB", start.elapsed(), peak());
    let llm = LocalLlm::open(gguf, llm_options)?;
    println!("language model loaded {:>7.0?}  peak {} MB", start.elapsed(), peak());
    let mut options = KokoroOptions::default();
    options.threads = threads;
    let tts = KokoroTts::open(models.path().join("kokoro-82m"), options)?;
    println!("voice loaded          {:>7.0?}  peak {} MB", start.elapsed(), peak());
    let warm = Instant::now();
    llm.warm_up(SYSTEM).await?;
    tts.warm_up().await?;
    println!("warm                  {:>7.0?}  {:?}", warm.elapsed(), llm.work());

    let mut history = vec![PromptMessage::new(Role::System, SYSTEM)];
    for question in ["What is the capital of France?", "And what is a good thing to see there?", "How do I get there?"]
    {
        let before = llm.work();
        history.push(PromptMessage::new(Role::User, question));
        let turn = Instant::now();
        let mut pieces = llm.generate(GenerateRequest::new(history.clone()), &CallContext::new()).await?;
        let (mut answer, mut first, mut clause) = (String::new(), None, None);
        while let Some(event) = pieces.next().await {
            if let LlmEvent::Text(text) = event? {
                first.get_or_insert_with(|| turn.elapsed());
                answer.push_str(&text);
                if answer.ends_with(['.', ',', '!', '?', ':']) {
                    clause.get_or_insert_with(|| (turn.elapsed(), answer.trim().to_owned()));
                }
            }
        }
        let (written, after) = (turn.elapsed(), llm.work());
        let first = first.unwrap_or_default();
        let (read, wrote) = (after.prompt_tokens - before.prompt_tokens, after.written_tokens - before.written_tokens);
        println!(
            "prompt {read} new tokens {first:.0?} ({:.0}/s), wrote {wrote} ({:.0}/s), first clause at {:.0?}: {answer}",
            read as f64 / first.as_secs_f64(),
            wrote as f64 / (written - first).as_secs_f64(),
            clause.as_ref().map_or(written, |c| c.0),
        );
        let (spoken, speak) = (clause.map_or_else(|| answer.clone(), |c| c.1), Instant::now());
        let mut chunks = tts.synthesize(SynthesisRequest::new(spoken.as_str()), &CallContext::new()).await?;
        let mut sound = Vec::new();
        let mut sounded = None;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            sounded.get_or_insert_with(|| speak.elapsed());
            sound.extend_from_slice(chunk.samples());
        }
        let seconds = sound.len() as f64 / 24_000.0;
        println!(
            "spoke {seconds:.2} s, first chunk {:.0?}, real-time factor {:.2}",
            sounded.unwrap_or_default(),
            speak.elapsed().as_secs_f64() / seconds
        );
        let speech: Vec<i16> = (0..sound.len() * 2 / 3).map(|i| sound[i * 3 / 2]).collect();
        let hear = Instant::now();
        let mut heard =
            stt.transcribe(TranscribeRequest::new(Utterance::from_samples(speech)), &CallContext::new()).await?;
        while let Some(transcript) = heard.next().await {
            let transcript = transcript?;
            if transcript.is_final {
                println!("heard back in {:.0?}: {} (said: {spoken})", hear.elapsed(), transcript.text);
            }
        }
        history.push(PromptMessage::new(Role::Assistant, answer));
    }
    println!("peak {} MB", peak());
    Ok(())
}

/// The most memory that this process has had, in megabytes, where the system tells.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).and_then(|l| l.split_whitespace().nth(1));
    line.and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
