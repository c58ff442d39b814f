//! What a live session adds to a turn: the scripted turn after one second of the user's sound in 50 frames, at 1, 10, 100 and 1,000
//! sessions at once, beside the bare tokio floor that only waits for the same timings. The end of the user's turn is told by the
//! host, so that no silence is waited for. Every number of sessions runs in a process of its own, so that memory is told apart.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use voice_bench::{
    Percentiles,
    bars::{Bars, Figures, child as child_figures},
    process,
    script::{Heard, IDEAL_FIRST, IDEAL_LAST, Script, floor_turn},
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

async fn child(kind: &str, count: usize) {
    let agent = match kind {
        "floor" => None,
        _ => {
            let config = Config::from_json(CONFIG).expect("the config is right");
            let builder = VoiceAgent::builder().config(config).stt(Script).llm(Script).tts(Script);
            Some(builder.build().await.expect("the agent is built"))
        }
    };
    let empty = process::rss_kb();
    let mut tasks = Vec::new();
    for n in 0..count {
        let agent = agent.clone();
        tasks.push(tokio::spawn(async move {
            sleep_until(Instant::now() + Duration::from_secs_f64(1.6 * n as f64 / count as f64)).await;
            let live = match &agent {
                Some(agent) => Some(agent.live().start().await.expect("the session starts")),
                None => None,
            };
            let mut heard = Vec::new();
            for _ in 0..TURNS {
                heard.push(match &live {
                    Some(live) => our_turn(live).await,
                    None => {
                        speak(|_| {}).await;
                        floor_turn().await
                    }
                });
            }
            heard.split_off(1)
        }));
    }
    let before = process::cpu_ms();
    let mut heard = Vec::new();
    for task in tasks {
        heard.extend(task.await.expect("no session panics"));
    }
    let cpu = (process::cpu_ms() - before) / (count * TURNS) as f64;
    let first = Percentiles::of(heard.iter().map(|h| h.0 - IDEAL_FIRST));
    let last = Percentiles::of(heard.iter().map(|h| h.1 - IDEAL_LAST));
    let each = (process::peak_rss_kb() - empty) as f64 / count as f64;
    println!(
        "{:.2} {:.2} {:.2} {:.2} {:.2} {:.3} {:.1} {:.1}",
        first.p50,
        first.p95,
        first.p99,
        last.p50,
        last.p95,
        cpu,
        process::peak_rss_kb() as f64 / 1024.0,
        each
    );
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
    println!("live sessions, ms over ideal (first audio {IDEAL_FIRST} ms, last {IDEAL_LAST} ms), 2 worker threads");
    println!(
        "{:<12} {:>5} | {:>9} {:>9} {:>9} | {:>9} {:>9} | {:>11} | {:>8} | {:>14}",
        "",
        "sess.",
        "first p50",
        "first p95",
        "first p99",
        "last p50",
        "last p95",
        "CPU ms/turn",
        "RSS MB",
        "KB per session"
    );
    let (mut bars, mut floor_cpu) = (Bars::default(), Vec::new());
    for kind in ["floor", "ours"] {
        for (n, count) in COUNTS.into_iter().enumerate() {
            let [first50, first95, first99, last50, last95, cpu, rss, each] = child_figures(kind, count);
            println!(
                "{kind:<12} {count:>5} | {first50:>9.2} {first95:>9.2} {first99:>9.2} | {last50:>9.2} {last95:>9.2} | {cpu:>11.3} | {rss:>8.1} | {each:>14.1}"
            );
            if kind == "floor" {
                floor_cpu.push(cpu);
                continue;
            }
            let cpu_added = cpu - floor_cpu[n];
            bars.check(Figures { count, first_p50: first50, first_p95: first95, cpu_added, rss, each });
        }
    }
    bars.report();
}
