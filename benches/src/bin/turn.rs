//! What the library adds to a turn: the scripted turn at 1, 10, 100 and 1,000 conversations at once, beside the bare tokio
//! floor that only waits for the same timings.
//!
//! Script: speech-to-text 50 ms; language model 100 ms to its first token, then 20 ms a token, 16 tokens in two sentences;
//! speech 80 ms to its first chunk, then 10 ms a chunk, 5 chunks of 100 ms a sentence. Ideal: first audio at 370 ms, last at
//! 570 ms. Every number of conversations runs in a process of its own, so that memory is told apart.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use voice_bench::{
    Percentiles,
    bars::{Bars, Figures, child as child_figures},
    process,
    script::{Heard, IDEAL_FIRST, IDEAL_LAST, Script, floor_turn},
    timer::sleep_until,
};
use voice_core::{Audio, TurnEvent, VoiceAgent};

/// Turns that each conversation holds, one after the other; the first is not counted.
const TURNS: usize = 6;
const COUNTS: [usize; 4] = [1, 10, 100, 1_000];

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
    let (mut bars, mut floor_cpu) = (Bars::default(), Vec::new());
    for kind in ["floor", "memory", "sqlite"] {
        for (n, count) in COUNTS.into_iter().enumerate() {
            let [first50, first95, last50, last95, cpu, rss, each] = child_figures(kind, count);
            let name = if kind == "floor" { "tokio floor" } else { &format!("ours, {kind}") };
            println!(
                "{name:<14} {count:>5} | {first50:>9.2} {first95:>9.2} | {last50:>9.2} {last95:>9.2} | {cpu:>11.3} | {rss:>8.1} | {each:>12.1}"
            );
            if kind == "floor" {
                floor_cpu.push(cpu);
            }
            if kind == "memory" {
                let cpu_added = cpu - floor_cpu[n];
                bars.check(Figures { count, first_p50: first50, first_p95: first95, cpu_added, rss, each });
            }
        }
    }
    bars.report();
}
