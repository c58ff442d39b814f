//! Turn taking on people's recordings: how soon the end of a turn is noticed, how often a pause is taken for it, whether an
//! interruption is, and what noise does to all that and to the words. `talk MODELS [PYTHON]`: with a Python that has
//! `pipecat-ai`, its default detectors (Silero and smart-turn) hear the same files in the same run. Everything runs on a
//! virtual clock, on which the processor time of the models passes as well.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod ours;
mod set;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use voice_bench::Percentiles;
use voice_core::{
    LiveEvent, Pcm, Result,
    audio::AudioFormat,
    providers::local::{ModelDir, MoonshineStt, SmartTurn},
};
use voice_testkit::words::word_errors;

use crate::{
    ours::{Ears, Echo, Told, decisions, hear, understood},
    set::{RATE, Talk, babble, recording, room},
};

/// Ours, as it is set up.
const WAYS: [(&str, &str); 4] = [
    ("ours: words", "{}"),
    ("ours: model, 300 ms", r#"{ "turn_detection": "model", "endpointing": { "min_delay_ms": 300 } }"#),
    ("ours: words, denoised", r#"{ "input": { "denoising": true } }"#),
    (
        "ours: model, denoised",
        r#"{ "turn_detection": "model", "endpointing": { "min_delay_ms": 300 }, "input": { "denoising": true } }"#,
    ),
];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (models, python) = (arguments.first(), arguments.get(1));
    let models = models.map_or_else(ModelDir::locate, |path| Ok(ModelDir::new(path)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime starts").block_on(measure(&models, python.map(String::as_str)))
}

async fn measure(models: &ModelDir, python: Option<&str>) -> Result<()> {
    let folder = models.path();
    let ears = Ears { stt: Arc::new(MoonshineStt::tiny_en(models)?), turn_end: Arc::new(SmartTurn::open(models)?) };
    ears.stt.warm_up().await?;
    ears.turn_end.warm_up().await?;
    let talk = Talk::of_takes(folder)?;
    let crowd = babble(&recording(folder, "two_cities.wav")?);
    let conditions = [
        ("quiet", talk.samples.clone()),
        ("room, 10 dB", talk.with(&room(), 10.0)),
        ("room, 3 dB", talk.with(&room(), 3.0)),
        ("crowd, 10 dB", talk.with(&crowd, 10.0)),
    ];
    println!("{} turns, {:.0} s of voice; times after the end of the voice", talk.spans.len(), talk.voiced());
    println!(
        "{:14} {:24} {:>7} {:>7} {:>7} {:>12} {:>7}",
        "microphone", "", "p50 ms", "p95 ms", "unended", "cut-ins/min", "WER %"
    );
    for (name, sound) in &conditions {
        for (way, live) in WAYS {
            let agent = ours::agent(&ears, vec![300; RATE / 2], live).await?;
            let told = hear(&agent, sound, None).await?;
            let said = talk.spans.iter().map(|span| span.words).collect::<Vec<_>>().join(" ");
            row(name, way, &talk, &decisions(&told), Some(word_errors(&said, &understood(&told))));
        }
        if let Some(python) = python {
            let path = kept(name, sound)?;
            row(name, "Pipecat's default", &talk, &peer(python, "turns", &path), None);
        }
    }
    interruptions(&ears, folder).await
}

/// One line of the table of turns.
fn row(microphone: &str, way: &str, talk: &Talk, decided: &[f64], errors: Option<f64>) {
    let starts = talk.spans.iter().skip(1).map(|span| span.start).chain([f64::INFINITY]);
    let mut delays = Vec::new();
    for (span, next) in talk.spans.iter().zip(starts) {
        let after = decided.iter().find(|at| (span.end..next).contains(*at));
        delays.extend(after.map(|at| (at - span.end) * 1e3));
    }
    let cut_in = |at: &&f64| talk.spans.iter().any(|span| (span.start..span.end).contains(*at));
    let cut_ins = decided.iter().filter(cut_in).count() as f64 / (talk.voiced() / 60.0);
    let Percentiles { p50, p95, .. } = Percentiles::of(delays.iter().copied());
    let unended = talk.spans.len() - delays.len();
    let errors = errors.map_or("-".into(), |errors| format!("{:.1}", errors * 100.0));
    println!("{microphone:14} {way:24} {p50:>7.0} {p95:>7.0} {unended:>7} {cut_ins:>12.1} {errors:>7}");
}

/// The agent speaks, and the user speaks over it: three times, with three things to say.
async fn interruptions(ears: &Ears, folder: &Path) -> Result<()> {
    let (user, agent) = (recording(folder, "beckett.wav")?, recording(folder, "two_cities.wav")?);
    let cut = |from: f64, to: f64| &user[(from * RATE as f64) as usize..(to * RATE as f64) as usize];
    let question = cut(0.2, 2.9);
    println!("\nthe user interrupts 6 s after the own question; times after the beginning of the voice");
    println!("{:34} {:>7} {:>7} {:>16}", "", "stopped", "ms", "stopped by echo");
    let ways = [
        ("headphones", "{}", None),
        ("loudspeaker", "{}", Some(Echo { below_db: 6.0 })),
        ("loudspeaker, echo cancelled", r#"{ "input": { "echo_cancellation": true } }"#, Some(Echo { below_db: 6.0 })),
        ("headphones, echo cancelled", r#"{ "input": { "echo_cancellation": true } }"#, None),
    ];
    for (way, live, echo) in &ways {
        let (mut delays, mut by_echo, mut all) = (Vec::new(), 0, 0);
        for (from, to) in [(3.4, 4.4), (4.7, 7.6), (8.0, 9.1)] {
            let mut sound = vec![0; RATE];
            sound.extend_from_slice(question);
            sound.resize(sound.len() + 6 * RATE, 0);
            let begins = sound.len() as f64 / RATE as f64 + 0.12;
            sound.extend_from_slice(cut(from, to));
            sound.resize(sound.len() + 2 * RATE, 0);
            let voice = agent[(1.2 * RATE as f64) as usize..].to_vec();
            let agent = ours::agent(ears, voice, live).await?;
            let told = hear(&agent, &sound, echo.as_ref()).await?;
            let stops = stops(&told);
            all += 1;
            by_echo += usize::from(stops.iter().any(|at| *at < begins));
            delays.extend(stops.iter().find(|at| **at >= begins).map(|at| (at - begins) * 1e3));
        }
        let p50 = Percentiles::of(delays.iter().copied()).p50;
        println!("ours: {way:28} {:>4}/{all:<2} {p50:>7.0} {by_echo:>13}/{all}", delays.len());
    }
    Ok(())
}

/// When what the agent said was stopped by the user.
fn stops(told: &Told) -> Vec<f64> {
    let stopped = |event: &LiveEvent| matches!(event, LiveEvent::Interrupted { heard, .. } if !heard.0.is_empty());
    told.iter().filter(|(_, event)| stopped(event)).map(|(at, _)| *at).collect()
}

/// The sound in a file of the build folder.
fn kept(name: &str, sound: &[i16]) -> Result<PathBuf> {
    let folder = Path::new("target/talk");
    std::fs::create_dir_all(folder).expect("the build folder can be written to");
    let path = folder.join(format!("{}.wav", name.replace([',', ' '], "_")));
    std::fs::write(&path, Pcm::new(sound, RATE as u32).encode(AudioFormat::Wav)?).expect("the sound is written");
    Ok(path)
}

/// What the peer decided, in seconds.
fn peer(python: &str, what: &str, path: &Path) -> Vec<f64> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/talk_peers.py");
    let done = Command::new(python).arg(script).arg(what).arg(path).output().expect("the peer starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).split_whitespace().filter_map(|cell| cell.parse().ok()).collect()
}
