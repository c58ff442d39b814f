//! `cargo xtask demo`: a recording of a human voice is answered aloud, offline, and the figures are held against their bars.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    project::Project,
    run::{Show, last_lines, run as run_program, without_network},
    setup, words,
};

/// What a human says in the demo, from the model set `test-audio`.
const RECORDING: &str = "test-audio/beckett.wav";

const FIRST_AUDIO_MS: f64 = 1000.0;
const MEMORY_MB: f64 = 700.0;
const WORD_ERRORS: f64 = 0.10;

const TURN_LIMIT: Duration = Duration::from_secs(180);

/// One turn by the command line.
struct Turn {
    reply: Value,
    peak_memory: Option<u64>,
    took: Duration,
}

/// A figure and the bar that it must not pass.
struct Bar {
    name: &'static str,
    figure: String,
    bar: String,
    kept: bool,
}

pub fn run() -> Result<bool> {
    let project = Project::here();
    setup::system_packages(&project)?;
    println!("building the voice-core command (release)");
    if !project.cargo(&["build", "--release", "-p", "voice-cli"]).status()?.success() {
        bail!("the command could not be built");
    }
    let program = project.target.join("release/voice-core");
    let models = setup::models(&project, &program, &["test-audio"])?;
    let folder = project.target.join("demo");
    std::fs::create_dir_all(&folder)?;
    let question = models.join(RECORDING);
    let answer_file = folder.join("answer.wav");

    println!("\n{}", described(&project, &program, &question)?);
    let first = converse(&project, turn_command(&project, &program, &question, &answer_file), &folder, "first")?;
    show(&first);
    println!("  {}", described(&project, &program, &answer_file)?);

    println!("\nthe answer, heard by the same library");
    let back_file = folder.join("heard.wav");
    let heard = converse(&project, turn_command(&project, &program, &answer_file, &back_file), &folder, "heard")?;
    println!("  heard  {}", text(&heard.reply, "transcript"));

    println!("\nonce more, in a network namespace without any interface");
    let offline = offline(&project, &program, &question, &folder);
    if let Ok(turn) = &offline {
        show(turn);
    }
    let bars = bars(&first, text(&heard.reply, "transcript"), &offline);
    println!();
    for bar in &bars {
        println!("{:<6} {:<28} {:<26} bar {}", if bar.kept { "ok" } else { "MISSED" }, bar.name, bar.figure, bar.bar);
    }
    Ok(bars.iter().all(|bar| bar.kept))
}

fn bars(first: &Turn, heard: &str, offline: &Result<Turn>) -> Vec<Bar> {
    let first_audio = milliseconds(&first.reply, "first_audio");
    let memory = first.peak_memory.map(|bytes| bytes as f64 / 1e6);
    let errors = words::error_rate(text(&first.reply, "text"), heard);
    vec![
        Bar {
            name: "first audio, models loaded",
            figure: first_audio.map_or("none".into(), |ms| format!("{ms:.0} ms")),
            bar: format!("{FIRST_AUDIO_MS:.0} ms"),
            kept: first_audio.is_some_and(|ms| ms <= FIRST_AUDIO_MS),
        },
        Bar {
            name: "memory of the whole process",
            figure: memory.map_or("not told here".into(), |mb| format!("{mb:.0} MB")),
            bar: format!("{MEMORY_MB:.0} MB"),
            kept: memory.is_some_and(|mb| mb <= MEMORY_MB),
        },
        Bar {
            name: "answer transcribed back",
            figure: format!("{:.1} % word errors", errors * 100.0),
            bar: format!("{:.0} %", WORD_ERRORS * 100.0),
            kept: errors <= WORD_ERRORS,
        },
        Bar {
            name: "without network",
            figure: match offline {
                Ok(turn) if has_sound(turn) => "answered aloud".into(),
                Ok(_) => "sound is missing".into(),
                Err(error) => last_lines(&format!("{error:#}"), 1),
            },
            bar: "answered aloud".into(),
            kept: offline.as_ref().is_ok_and(has_sound),
        },
    ]
}

fn has_sound(turn: &Turn) -> bool {
    turn.reply["audio"]["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0)
        && turn.reply["audio"]["error"].is_null()
}

fn text<'a>(reply: &'a Value, name: &str) -> &'a str {
    reply[name].as_str().unwrap_or_default()
}

fn milliseconds(reply: &Value, stage: &str) -> Option<f64> {
    reply["timings_ms"][stage].as_f64()
}

fn turn_command(project: &Project, program: &Path, question: &Path, answer: &Path) -> Command {
    let mut command = project.command(&program.to_string_lossy());
    command.args(arguments(question, answer));
    command
}

/// A conversation of its own each time, kept nowhere: the demo leaves no trace among the user's sessions.
fn arguments(question: &Path, answer: &Path) -> Vec<PathBuf> {
    let mut arguments: Vec<PathBuf> = ["converse", "--json", "--storage", "memory"].map(PathBuf::from).to_vec();
    arguments.extend(["--stt", "local", "--llm", "local", "--tts", "local"].map(PathBuf::from));
    arguments.extend([question.to_owned(), "--out".into(), answer.to_owned()]);
    arguments
}

/// The same turn with the loopback and every other interface gone.
fn offline(project: &Project, program: &Path, question: &Path, folder: &Path) -> Result<Turn> {
    let mut command = without_network(project)?;
    command.arg(program).args(arguments(question, &folder.join("offline.wav")));
    converse(project, command, folder, "offline")
}

fn converse(project: &Project, mut command: Command, folder: &Path, name: &str) -> Result<Turn> {
    command.env("LOG_LEVEL", "off");
    let log = folder.join(format!("{name}.log"));
    let ran = run_program(&mut command, &log, TURN_LIMIT, Show::Quietly)?;
    if !ran.ok {
        bail!("the {name} turn failed: {}\n{}", ran.ended, last_lines(&ran.output, 20));
    }
    let line = ran.output.lines().rev().find(|line| line.starts_with('{')).context("the command printed no reply")?;
    let reply = serde_json::from_str(line)
        .with_context(|| format!("what the command printed in {}", project.root.display()))?;
    Ok(Turn { reply, peak_memory: ran.peak_memory, took: ran.took })
}

/// What a file of sound is, in the words of `voice-core audio`.
fn described(project: &Project, program: &Path, file: &Path) -> Result<String> {
    let output = project.command(&program.to_string_lossy()).arg("audio").arg(file).output()?;
    if !output.status.success() {
        bail!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn show(turn: &Turn) {
    println!("  you    {}", text(&turn.reply, "transcript"));
    println!("  agent  {}", text(&turn.reply, "text"));
    if let Some(error) = turn.reply["audio"]["error"].as_str() {
        println!("  sound is missing: {error}");
    }
    if let Some(stages) = turn.reply["timings_ms"].as_object() {
        let stages =
            stages.iter().filter_map(|(name, at)| Some(format!("{} {:.0}", name.replace('_', " "), at.as_f64()?)));
        println!("  ms since the turn began: {}", stages.collect::<Vec<_>>().join(" · "));
    }
    let memory = turn.peak_memory.map_or(String::new(), |bytes| format!(", {:.0} MB at most", bytes as f64 / 1e6));
    println!("  process: {:.1} s with loading{memory}", turn.took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn turn(first_audio: f64, megabytes: u64) -> Turn {
        let reply = json!({
            "transcript": "Ever tried?", "text": "I have tried, and failed, and tried again.",
            "audio": { "seconds": 2.0, "error": null }, "timings_ms": { "first_audio": first_audio },
        });
        Turn { reply, peak_memory: Some(megabytes * 1_000_000), took: Duration::from_secs(2) }
    }

    fn kept(first: &Turn, heard: &str, offline: Result<Turn>) -> Vec<bool> {
        bars(first, heard, &offline).iter().map(|bar| bar.kept).collect()
    }

    #[test]
    fn good_figures_keep_every_bar() {
        let heard = "I have tried and failed and tried again";
        assert_eq!(kept(&turn(900.0, 600), heard, Ok(turn(900.0, 600))), [true; 4]);
    }

    #[test]
    fn each_bar_is_missed_alone() {
        let heard = "I have tried and failed and tried again";
        let offline = || Ok(turn(900.0, 600));
        assert_eq!(kept(&turn(1000.1, 600), heard, offline()), [false, true, true, true]);
        assert_eq!(kept(&turn(900.0, 701), heard, offline()), [true, false, true, true]);
        assert_eq!(kept(&turn(900.0, 600), "something else", offline()), [true, true, false, true]);
        assert_eq!(kept(&turn(900.0, 600), heard, Err(anyhow::anyhow!("no namespace"))), [true, true, true, false]);
    }
}
