//! `cargo xtask bench`: the measurements, of what is published (profile `dist`).

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{dist, overhead, project::Project, setup};

/// What the usual Python ways of reading audio need, to be measured beside ours.
const INGEST_PEERS: &[&str] = &["av", "soundfile", "soxr", "numpy"];

/// What Pipecat's default detectors of voices and of the ends of turns need.
const TALK_PEERS: &[&str] = &["pipecat-ai[silero]==1.14.0"];

/// The frameworks that live sessions are held against, each in an environment of its own.
const OPENAI_AGENTS: &[&str] = &["openai-agents[voice]==0.24.0"];
const PIPECAT: &[&str] = &["pipecat-ai==1.14.0"];

/// Whether programs can be linked with the system's library in them.
const STATIC: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

pub fn run(arguments: &[String]) -> Result<bool> {
    let project = Project::here();
    let names = names(&project)?;
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) if names.contains(name) => (name, rest),
        _ => bail!("say what to measure: {}", names.join(", ")),
    };
    if name == "overhead" {
        return overhead::run(&project);
    }
    let (peers, rest): (Vec<&String>, Vec<&String>) =
        rest.iter().partition(|argument| name == "live" && *argument == "--peers");
    let mut build = project.cargo(&["rustc", "--profile", "dist", "-p", "voice-bench", "--bin", name]);
    match name.as_str() {
        "local_turn" => {}
        "talk" => _ = build.args(["--no-default-features", "--features", "talk"]),
        // An app that links no more than it uses, so that memory is told without local models, and, where the system's library allows
        // it, without what a dynamic linker brings along.
        "turn" | "live" if STATIC => {
            _ = build.args(["--no-default-features", "--", "-C", "target-feature=+crt-static"])
        }
        _ => _ = build.arg("--no-default-features"),
    }
    if !build.status()?.success() {
        bail!("the measurement could not be built");
    }
    let mut command = Command::new(project.target.join("dist").join(name));
    command.current_dir(&project.root).stdin(Stdio::null());
    if name == "ingest" {
        setup::system_packages(&project)?;
        command.arg(setup::python(&project, "ingest", INGEST_PEERS)?);
    }
    if !peers.is_empty() {
        let wheel = dist::wheel(&project)?;
        command.arg(dist::environment(&project, &wheel)?);
        command.arg(setup::python(&project, "openai-agents", OPENAI_AGENTS)?);
        command.arg(setup::python(&project, "pipecat", PIPECAT)?);
        println!("beside {} and {}", OPENAI_AGENTS.join(" "), PIPECAT.join(" "));
    }
    if name == "talk" {
        // What fetches the recordings and the models.
        if !project.cargo(&["build", "--profile", "dist", "-p", "voice-cli"]).status()?.success() {
            bail!("the command could not be built");
        }
        let program = project.target.join("dist/voice-core");
        command.arg(setup::models(&project, &program, &["smart-turn", "test-audio"])?);
        command.arg(setup::python(&project, "talk", TALK_PEERS)?);
    }
    let status = command.args(rest).status().with_context(|| format!("cannot start the measurement {name}"))?;
    Ok(status.success())
}

/// The measurements that there are: the programs of `benches`.
fn names(project: &Project) -> Result<Vec<String>> {
    let folder = project.root.join("benches/src/bin");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
