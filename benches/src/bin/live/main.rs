//! What a live session adds to a turn: the scripted turn after one second of the user's sound in 50 frames, at 1, 10, 100 and 1,000
//! sessions at once, beside the bare tokio floor that only waits for the same timings. The end of the user's turn is told by the
//! host, so that no silence is waited for. Every number of sessions runs in a process of its own, so that memory is told apart.
//!
//! `live [PYTHON PYTHON PYTHON]`: with Pythons that have `voice-core`, `openai-agents[voice]` and `pipecat-ai`, a second table holds
//! them against each other on the same script (`peers/live_*.py`). Exits with 1 when a bar is missed.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod peers;

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
use voice_core::{Config, LiveEvent, LiveSession, VoiceAgent};

/// Turns that each session holds, one after the other; the first is not counted.
const TURNS: usize = 4;
const COUNTS: [usize; 4] = [1, 10, 100, 1_000];
const CONFIG: &str = r#"{
    "storage": "memory",
    "live": { "turn_detection": "manual", "output": { "pacing": "immediate", "frame_ms": 0 } }
}"#;

/// One second of sound, as it comes from a microphone.
async fn speak(mut push: impl FnMut(&[i16])) {
    let start = Instant::now();
    for n in 0..50 {
        push(&[1_000; 320]);
        sleep_until(start + Duration::from_millis(20) * (n + 1)).await;
    }
}

async fn our_turn(live: &LiveSession) -> Heard {
    speak(|frame| live.push_audio(frame).expect("there is room")).await;
    let start = Instant::now();
    let ms = || start.elapsed().as_secs_f64() * 1e3;
    live.commit().expect("the session runs");
    let (mut first, mut last) = (0.0, 0.0);
    while let Some(event) = live.next().await {
        match event {
            LiveEvent::Audio(_) => {
                last = ms();
                if first == 0.0 {
                    first = last;
                }
            }
            LiveEvent::TurnDone(_) => break,
            _ => {}
        }
    }
    (first, last)
}

/// A session of so many turns, or without an agent their waits alone.
async fn conversation(agent: Option<VoiceAgent>, turns: usize) -> Vec<Heard> {
    let live = match &agent {
        Some(agent) => Some(agent.live().start().await.expect("the session starts")),
        None => None,
    };
    let mut heard = Vec::new();
    for _ in 0..turns {
        heard.push(match &live {
            Some(live) => our_turn(live).await,
            None => {
                speak(|_| {}).await;
                floor_turn().await
            }
        });
    }
    heard
}

async fn child(kind: &str, count: usize) {
    let agent = match kind {
        "floor" => None,
        _ => {
            let config = Config::from_json(CONFIG).expect("the config is right");
            let builder = VoiceAgent::builder().config(config).stt(Script).llm(Script).tts(Script);
            Some(builder.build().await.expect("the agent is built"))
        }
    };
    // What is done once in a process is not a turn's.
    conversation(agent.clone(), 1).await;
    let empty = process::rss_kb();
    let mut tasks = Vec::new();
    for n in 0..count {
        let agent = agent.clone();
        tasks.push(tokio::spawn(async move {
            sleep_until(Instant::now() + Duration::from_secs_f64(1.6 * n as f64 / count as f64)).await;
            conversation(agent, TURNS).await.split_off(1)
        }));
    }
    let before = process::cpu_ms();
    let mut heard = Vec::new();
    for task in tasks {
        heard.extend(task.await.expect("no session panics"));
    }
    Figures::of(&heard, count, TURNS, process::cpu_ms() - before, empty).tell();
}

fn main() -> ExitCode {
    if let Some((kind, count)) = asked() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(child(&kind, count));
        return ExitCode::SUCCESS;
    }
    let pythons: Vec<String> = std::env::args().skip(1).collect();
    bars::verdict(match &pythons[..] {
        [] => table(),
        [ours, openai_agents, pipecat] => {
            table().and_then(|kept| Ok(kept & peers::table(ours, openai_agents, pipecat)?))
        }
        _ => Err("expected nothing, or the Pythons that have voice-core, openai-agents and pipecat-ai".to_owned()),
    })
}

fn table() -> Result<bool, String> {
    head("a turn in a live session, 2 worker threads", "bars");
    let (mut kept, mut floors) = (true, Vec::new());
    for (kind, name) in [("floor", "tokio floor"), ("ours", "ours")] {
        for (n, count) in COUNTS.into_iter().enumerate() {
            let figures = Figures::of_kind(kind, count)?;
            if kind == "floor" {
                row(name, count, &figures, "");
                floors.push(figures);
            } else {
                let (held, words) = bars::held(count, &figures, &floors[n]);
                kept &= held;
                row(name, count, &figures, &words);
            }
        }
    }
    println!("{}", bars::in_words());
    Ok(kept)
}
