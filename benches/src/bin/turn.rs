//! What the library adds to a turn: the scripted turn at 1, 10, 100 and 1,000 conversations at once, beside the bare tokio
//! floor that only waits for the same timings.
//!
//! Script: speech-to-text 50 ms; language model 100 ms to its first token, then 20 ms a token, 16 tokens in two sentences;
//! speech 80 ms to its first chunk, then 10 ms a chunk, 5 chunks of 100 ms a sentence. Ideal: first audio at 370 ms, last at
//! 570 ms. Every number of conversations runs in a process of its own, so that memory is told apart.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use voice_bench::{Percentiles, process, timer::sleep_until};
use voice_core::{
    Audio, LanguageModel, Pcm, Result, SpeechToText, TextToSpeech, Transcript, TurnEvent, VoiceAgent,
    provider::{
        CallContext, FinishReason, GenerateRequest, LlmEvent, ResultStream, SynthesisRequest, TranscribeRequest,
    },
};

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
const IDEAL_FIRST: f64 = 370.0;
const IDEAL_LAST: f64 = 570.0;
/// Turns that each conversation holds, one after the other; the first is not counted.
const TURNS: usize = 6;
const COUNTS: [usize; 4] = [1, 10, 100, 1_000];

struct Script;

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
        let start = Instant::now();
        let sound: Arc<[i16]> = vec![0; CHUNK_SAMPLES].into();
        let chunks = stream::unfold(0, move |n| {
            let sound = Arc::clone(&sound);
            async move {
                (n < CHUNKS as usize).then_some(())?;
                sleep_until(moment(start, FIRST_CHUNK, CHUNK, n)).await;
                Some((Ok(Pcm::new(sound, 24_000)), n + 1))
            }
        });
        Ok(chunks.boxed())
    }
}

/// First and last audio of one turn, in milliseconds.
type Heard = (f64, f64);

async fn our_turn(agent: &VoiceAgent, question: &Audio, session: &mut Option<voice_core::SessionId>) -> Heard {
    let start = Instant::now();
    let ms = || start.elapsed().as_secs_f64() * 1e3;
    let (mut first, mut last) = (0.0, 0.0);
    let mut events = agent.turn(question.clone()).session(*session).stream();
    while let Some(event) = events.next().await {
        match event.expect("the script never fails") {
            TurnEvent::Audio(_) => {
                last = ms();
                if first == 0.0 {
                    first = last;
                }
            }
            TurnEvent::Done(reply) => *session = Some(reply.session_id),
            _ => {}
        }
    }
    (first, last)
}

/// The floor: the same waits, the same overlap, nothing else.
async fn floor_turn() -> Heard {
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

/// Runs `count` conversations in this process and prints one line of figures for the parent.
async fn child(kind: &str, count: usize) {
    let agent = match kind {
        "floor" => None,
        storage => {
            let storage = if storage == "sqlite" {
                format!(
                    "sqlite:{}",
                    std::env::temp_dir().join(format!("voice-bench-{}.db", std::process::id())).display()
                )
            } else {
                "memory".to_owned()
            };
            let builder = VoiceAgent::builder().stt(Script).llm(Script).tts(Script).storage(storage);
            Some(builder.build().await.expect("the agent is built"))
        }
    };
    let question = Audio::from_pcm([1_000_i16, -1_000].repeat(8_000), 16_000, 1);
    let empty = process::rss_kb();
    // What is done once in a process is not a turn's.
    match &agent {
        Some(agent) => our_turn(agent, &question, &mut None).await,
        None => floor_turn().await,
    };
    let mut tasks = Vec::new();
    for n in 0..count {
        let (agent, question) = (agent.clone(), question.clone());
        tasks.push(tokio::spawn(async move {
            // Conversations do not begin in the same millisecond; their turns are spread evenly over one.
            sleep_until(Instant::now() + Duration::from_secs_f64(0.6 * n as f64 / count as f64)).await;
            let (mut session, mut heard) = (None, Vec::new());
            for _ in 0..TURNS {
                heard.push(match &agent {
                    Some(agent) => our_turn(agent, &question, &mut session).await,
                    None => floor_turn().await,
                });
            }
            heard.split_off(1)
        }));
    }
    let before = process::cpu_ms();
    let mut heard = Vec::new();
    for task in tasks {
        heard.extend(task.await.expect("no conversation panics"));
    }
    let cpu = (process::cpu_ms() - before) / (count * TURNS) as f64;
    let first = Percentiles::of(heard.iter().map(|h| h.0 - IDEAL_FIRST));
    let last = Percentiles::of(heard.iter().map(|h| h.1 - IDEAL_LAST));
    let per_conversation = (process::peak_rss_kb() - empty) as f64 / count as f64;
    println!(
        "{:.2} {:.2} {:.2} {:.2} {:.3} {:.1} {:.1}",
        first.p50,
        first.p95,
        last.p50,
        last.p95,
        cpu,
        process::peak_rss_kb() as f64 / 1024.0,
        per_conversation
    );
    if let Some(agent) = agent {
        agent.close().await.expect("the agent closes");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, kind, count] = arguments.as_slice()
        && mode == "child"
    {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(child(kind, count.parse().expect("a number")));
        return;
    }
    println!("scripted turn, ms over ideal (first audio {IDEAL_FIRST} ms, last {IDEAL_LAST} ms), 2 worker threads");
    println!(
        "{:<14} {:>5} | {:>9} {:>9} | {:>9} {:>9} | {:>10} | {:>8} | {:>12}",
        "", "conv.", "first p50", "first p95", "last p50", "last p95", "CPU ms/turn", "RSS MB", "KB per conv."
    );
    let mut missed = Vec::new();
    let mut floor_cpu = Vec::new();
    for kind in ["floor", "memory", "sqlite"] {
        for (n, count) in COUNTS.into_iter().enumerate() {
            let output =
                Command::new(&arguments[0]).args(["child", kind, &count.to_string()]).output().expect("the child runs");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let figures: Vec<f64> = text.split_whitespace().map(|f| f.parse().expect("a figure")).collect();
            let [first50, first95, last50, last95, cpu, rss, each] = figures[..] else {
                println!("{kind} {count}: failed: {}", String::from_utf8_lossy(&output.stderr));
                std::process::exit(1);
            };
            let name = if kind == "floor" { "tokio floor" } else { &format!("ours, {kind}") };
            println!(
                "{name:<14} {count:>5} | {first50:>9.2} {first95:>9.2} | {last50:>9.2} {last95:>9.2} | {cpu:>11.3} | {rss:>8.1} | {each:>12.1}"
            );
            if kind == "floor" {
                floor_cpu.push(cpu);
            }
            if kind == "memory" {
                let (p50, p95) = if count == 1_000 { (20.0, f64::INFINITY) } else { (2.0, 5.0) };
                let bars = [
                    ("first audio p50", first50, p50),
                    ("first audio p95", first95, p95),
                    ("CPU ms a turn over the floor's", cpu - floor_cpu[n], 0.8),
                    ("RSS MB", if count == 1 { rss } else { 0.0 }, 5.0),
                    ("KB a conversation", if count >= 100 { each } else { 0.0 }, 100.0),
                ];
                for (what, got, bar) in bars {
                    if got > bar {
                        missed.push(format!("{what} at {count}: {got:.2}, bar {bar}"));
                    }
                }
            }
        }
    }
    if missed.is_empty() {
        println!("every bar met");
    } else {
        println!("bars missed: {}", missed.join("; "));
    }
}
