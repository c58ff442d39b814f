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

const SYSTEM: &str = voice_core::config::DEFAULT_SYSTEM_PROMPT;

/// A sentence without any place to cut it.
const LONG_SENTENCE: &str = "The people who live near the river have always known that the best time to walk along the \
    water is early in the morning before the city wakes up";

#[tokio::main]
#[allow(clippy::print_stdout)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [models, gguf, ..] = arguments.as_slice() else {
        println!("usage: local_turn MODEL_DIR GGUF [THREADS [TEMPERATURE]]");
        return Ok(());
    };
    if threads_in_use().is_some_and(|load| load > 0.5) {
        println!("the machine is busy ({:.1} runnable): look at the CPU times", threads_in_use().unwrap_or_default());
    }
    let models = ModelDir::new(models);
    let threads =
        arguments.get(2).and_then(|t| t.parse::<NonZeroUsize>().ok()).map(ThreadBudget::new).unwrap_or_default();
    let mut llm_options = LocalLlmOptions::default();
    llm_options.threads = threads;
    llm_options.sampling.temperature = arguments.get(3).and_then(|t| t.parse().ok());
    let start = Instant::now();
    let stt = MoonshineStt::tiny_en(&models)?.with_threads(threads);
    stt.warm_up().await?;
    println!("recogniser loaded     {:>7.0?}  {}", start.elapsed(), memory());
    let llm = LocalLlm::open(gguf, llm_options)?;
    println!("language model loaded {:>7.0?}  {}", start.elapsed(), memory());
    let mut options = KokoroOptions::default();
    options.threads = threads;
    let tts = KokoroTts::open(models.path().join("kokoro-82m"), options)?;
    println!("voice loaded          {:>7.0?}  {}", start.elapsed(), memory());
    let warm = Instant::now();
    llm.warm_up(SYSTEM).await?;
    tts.warm_up().await?;
    println!("warm                  {:>7.0?}  {:?}", warm.elapsed(), llm.work());

    let mut history = vec![PromptMessage::new(Role::System, SYSTEM)];
    for question in ["What is the capital of France?", "And what is a good thing to see there?", "How do I get there?"]
    {
        let before = llm.work();
        history.push(PromptMessage::new(Role::User, question));
        let (turn, before_cpu) = (Instant::now(), cpu());
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
            "prompt {read} new tokens {first:.0?} ({:.0}/s), wrote {wrote} ({:.0}/s), CPU {:.2} s, first clause at {:.0?}: {answer}",
            read as f64 / first.as_secs_f64(),
            wrote as f64 / (written - first).as_secs_f64(),
            cpu() - before_cpu,
            clause.as_ref().map_or(written, |c| c.0),
        );
        let (spoken, speak) = (clause.map_or_else(|| answer.clone(), |c| c.1), Instant::now());
        let before_cpu = cpu();
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
            "spoke {seconds:.2} s, first chunk {:.0?}, real-time factor {:.2}, CPU factor {:.2}",
            sounded.unwrap_or_default(),
            speak.elapsed().as_secs_f64() / seconds,
            (cpu() - before_cpu) / seconds,
        );
        let speech: Vec<i16> = (0..sound.len() * 2 / 3).map(|i| sound[i * 3 / 2]).collect();
        let (hear, before_cpu) = (Instant::now(), cpu());
        let mut heard =
            stt.transcribe(TranscribeRequest::new(Utterance::from_samples(speech)), &CallContext::new()).await?;
        while let Some(transcript) = heard.next().await {
            let transcript = transcript?;
            if transcript.is_final {
                println!(
                    "heard back in {:.0?}, CPU {:.2} s: {} (said: {spoken})",
                    hear.elapsed(),
                    cpu() - before_cpu,
                    transcript.text
                );
            }
        }
        history.push(PromptMessage::new(Role::Assistant, answer));
    }
    println!("{}", memory());
    let (speak, before_cpu) = (Instant::now(), cpu());
    let mut chunks = tts.synthesize(SynthesisRequest::new(LONG_SENTENCE), &CallContext::new()).await?;
    let mut seconds = 0.0;
    while let Some(chunk) = chunks.next().await {
        seconds += chunk?.duration().as_secs_f64();
    }
    println!(
        "spoke a long sentence of {seconds:.2} s, real-time factor {:.2}, CPU factor {:.2}, {}",
        speak.elapsed().as_secs_f64() / seconds,
        (cpu() - before_cpu) / seconds,
        memory()
    );
    let (idle, before_cpu) = (Instant::now(), cpu());
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    println!("idle for {:.0?}: CPU {:.2} s", idle.elapsed(), cpu() - before_cpu);
    Ok(())
}

/// The memory of this process, now and at its most, where the system tells.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name)).and_then(|l| l.split_whitespace().nth(1));
        line.and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    format!("memory {} MB, peak {} MB", megabytes("VmRSS"), megabytes("VmHWM"))
}

/// The processor time of this process so far, in seconds, where the system tells.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// How many threads of the machine wanted to run in the last minute.
fn threads_in_use() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}
