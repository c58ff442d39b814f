//! What the library adds to a turn: the scripted turn at 1, 10, 100 and 1,000 conversations at once, beside the bare tokio
//! floor that only waits for the same timings.
//!
//! Script: speech-to-text 50 ms; language model 100 ms to its first token, then 20 ms a token, 16 tokens in two sentences;
//! speech 80 ms to its first chunk, then 10 ms a chunk, 5 chunks of 100 ms a sentence. Ideal: first audio at 370 ms, last at
//! 570 ms. Every number of conversations runs in a process of its own, so that memory is told apart.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use voice_bench::{
    bars,
    figures::{Figures, asked, head, row},
    process,
    script::{Heard, Script, floor_turn},
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
    Figures::of(&heard, count, TURNS, process::cpu_ms() - before, empty).tell();
    if let Some(agent) = agent {
        agent.close().await.expect("the agent closes");
    }
}

fn main() -> ExitCode {
    if let Some((kind, count)) = asked() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(child(&kind, count));
        return ExitCode::SUCCESS;
    }
    bars::verdict(table())
}

fn table() -> Result<bool, String> {
    head("a turn about a recording, 2 worker threads", "bars");
    let (mut kept, mut floors) = (true, Vec::new());
    for (kind, name) in [("floor", "tokio floor"), ("memory", "ours, memory"), ("sqlite", "ours, SQLite")] {
        for (n, count) in COUNTS.into_iter().enumerate() {
            let figures = Figures::of_kind(kind, count)?;
            // What SQLite adds is measured by `store`.
            let (held, words) = match kind {
                "memory" => bars::held(count, &figures, &floors[n]),
                _ => (true, String::new()),
            };
            kept &= held;
            row(name, count, &figures, &words);
            if kind == "floor" {
                floors.push(figures);
            }
        }
    }
    println!("{}", bars::in_words());
    Ok(kept)
}
