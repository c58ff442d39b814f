//! The steps, in order, as a table. The order is that of cost: what fails quickly comes first, and what is compiled for one
//! step serves the next.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{Bench, summary::State};
use crate::{arch, counts::Runner, generate, servers, setup};

/// One step.
pub struct Step {
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    pub limit: Duration,
    pub work: Work,
    /// Whose words tell how many tests ran.
    pub runner: Option<Runner>,
    /// What is worth remarking in the output of a step that passed.
    pub remark: fn(&str) -> String,
    /// The folder that it tests, for a binding or an example: the step exists where the folder does.
    pub folder: Option<&'static str>,
    /// Why a step that failed could not be run here at all, if its output says so.
    pub excuse: fn(&str) -> Option<&'static str>,
}

/// What a step does.
pub enum Work {
    /// Runs programs, all of them, also after one has failed.
    Programs(fn(&Bench) -> Result<Vec<Command>>),
    /// Works within this process.
    Within(fn(&Bench) -> Result<(State, String)>),
}

const fn step(name: &'static str, about: &'static str, minutes: u64, work: Work) -> Step {
    let limit = Duration::from_secs(minutes * 60);
    Step { name, about, limit, work, runner: None, remark: |_| String::new(), folder: None, excuse: |_| None }
}

const STEPS: &[Step] = &[
    step("format", "sources are formatted", 2, Work::Programs(|b| one(b.project.cargo(&["fmt", "--all", "--check"])))),
    step("arch", "rooms use only rooms above them; lengths, words, unsafe code", 2, Work::Within(architecture)),
    step("licences", "licences, sources and versions of dependencies", 5, Work::Programs(licences)),
    Step {
        excuse: |output| {
            output.contains("failed to fetch advisory database").then_some("no network to the advisory database")
        },
        ..step("advisories", "known faults of dependencies", 5, Work::Programs(advisories))
    },
    step("lint", "clippy and the compiler have nothing to say", 20, Work::Programs(lint)),
    Step {
        remark: |output| {
            let checks = output.matches("Finished `").count();
            format!("{checks} builds")
        },
        ..step("features", "each feature of voice-core builds alone", 20, Work::Programs(features))
    },
    step("doc", "the documentation builds without a warning", 10, Work::Programs(doc)),
    step("build", "everything, with the checks of the dev profile", 40, Work::Programs(build)),
    step("models", "the local models are there", 20, Work::Within(models)),
    step(
        "servers",
        "PostgreSQL, MongoDB's protocol, S3, MCP: the servers of the tests are there",
        20,
        Work::Within(servers),
    ),
    Step {
        runner: Some(Runner::Libtest),
        ..step("rust", "unit, integration, C and C++ tests, examples in the documentation", 30, Work::Programs(tests))
    },
    Step {
        remark: |output| output.lines().last().unwrap_or_default().to_owned(),
        ..step("fuzz", "mutated recordings: no panic, no hang, no bomb", 10, Work::Programs(fuzz))
    },
    Step {
        runner: Some(Runner::Pytest),
        remark: scenarios,
        folder: Some("bindings-python"),
        ..step("python", "the wheel as its users install it: types, tests, scenarios", 20, Work::Programs(python))
    },
    Step {
        runner: Some(Runner::Node),
        remark: scenarios,
        folder: Some("bindings-node"),
        ..step("node", "the npm package: types, tests, scenarios", 20, Work::Programs(node))
    },
    Step {
        runner: Some(Runner::Node),
        remark: replies,
        folder: Some("examples/web"),
        ..step(
            "web",
            "a browser holds a conversation with the page: spoken, interrupted, typed",
            3,
            Work::Programs(web),
        )
    },
    Step {
        runner: Some(Runner::Junit),
        remark: scenarios,
        folder: Some("bindings-kotlin"),
        ..step("kotlin", "the Kotlin package on the JVM: tests, scenarios", 20, Work::Programs(kotlin))
    },
    // The last, for it builds the library without the functions that fail on purpose, and reads what the runners left.
    step("generated", "what is made from the library is current", 20, Work::Within(generated)),
];

/// The steps that there are in this checkout.
pub fn steps(root: &Path) -> impl Iterator<Item = &'static Step> {
    STEPS.iter().filter(move |step| step.folder.is_none_or(|folder| root.join(folder).is_dir()))
}

fn one(command: Command) -> Result<Vec<Command>> {
    Ok(vec![command])
}

fn architecture(bench: &Bench) -> Result<(State, String)> {
    let report = arch::check(&bench.project)?;
    for fault in &report.faults {
        println!("{fault}");
    }
    Ok(match report.faults.len() {
        0 => (State::Passed, report.summary()),
        faults => (State::Failed, format!("{faults} faults; {}", report.summary())),
    })
}

fn deny(bench: &Bench, checks: &[&str]) -> Command {
    let mut command = bench.project.cargo(&["deny", "--all-features", "--color", "never", "check", "--show-stats"]);
    command.args(checks);
    command
}

fn licences(bench: &Bench) -> Result<Vec<Command>> {
    one(deny(bench, &["licenses", "bans", "sources"]))
}

fn advisories(bench: &Bench) -> Result<Vec<Command>> {
    one(deny(bench, &["advisories"]))
}

fn lint(bench: &Bench) -> Result<Vec<Command>> {
    one(bench.project.cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]))
}

/// The library without any feature, and with each alone.
fn features(bench: &Bench) -> Result<Vec<Command>> {
    let core = bench.members.iter().find(|m| m.name == "voice-core").context("there is no crate voice-core")?;
    // Those with an underscore are parts of others.
    let alone = core.features.iter().filter(|feature| *feature != "default" && !feature.starts_with('_'));
    let sets = std::iter::once("").chain(alone.map(String::as_str));
    Ok(sets
        .map(|set| {
            let arguments = ["clippy", "-p", "voice-core", "--no-default-features", "--features", set];
            let mut command = bench.project.cargo(&arguments);
            command.args(["--", "-D", "warnings"]);
            command
        })
        .collect())
}

fn doc(bench: &Bench) -> Result<Vec<Command>> {
    // Of the libraries: the command has the name of its library, and would overwrite its pages.
    let mut command = bench.project.cargo(&["doc", "--workspace", "--no-deps", "--lib", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    one(command)
}

/// With every feature: the functions that fail on purpose are in the libraries that the bindings' tests load.
fn build(bench: &Bench) -> Result<Vec<Command>> {
    one(bench.project.cargo(&["build", "--workspace", "--all-targets", "--all-features"]))
}

fn models(bench: &Bench) -> Result<(State, String)> {
    let folder = setup::models(&bench.project, &command_line(bench), &["test-audio", "whisper-tiny-en"])?;
    Ok((State::Passed, folder.display().to_string()))
}

fn servers(bench: &Bench) -> Result<(State, String)> {
    Ok((State::Passed, servers::build(&bench.project)?))
}

/// The `voice-core` command, from the step `build`.
fn command_line(bench: &Bench) -> PathBuf {
    bench.project.built("voice-core")
}

/// A test runner, told where the models are.
fn runner(bench: &Bench, mut command: Command) -> Result<Vec<Command>> {
    command.env("VOICE_CORE_MODELS", setup::models_folder(&bench.project, &command_line(bench))?);
    one(command)
}

fn tests(bench: &Bench) -> Result<Vec<Command>> {
    runner(bench, bench.project.cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]))
}

fn fuzz(bench: &Bench) -> Result<Vec<Command>> {
    let mut command = bench.project.command(&bench.project.built("fuzz-audio").to_string_lossy());
    command.arg("20000");
    one(command)
}

fn python(bench: &Bench) -> Result<Vec<Command>> {
    let mut command = bench.project.script("bindings-python/test.sh");
    // The library that the step `build` left is the one under test.
    command.env("VOICE_CORE_NATIVE", bench.project.built(""));
    runner(bench, command)
}

fn node(bench: &Bench) -> Result<Vec<Command>> {
    let mut command = bench.project.script("bindings-node/test.sh");
    // The addon that the step `build` left is the one under test.
    command.arg("--built");
    runner(bench, command)
}

fn web(bench: &Bench) -> Result<Vec<Command>> {
    let mut command = bench.project.script("examples/web/test.sh");
    // The addon that the step `build` left and the wheel that the step `python` installed are those under test.
    command.arg("--built").env("VOICE_CORE_PYTHON", bench.project.target.join("python-venv/bin/python"));
    command.env("OUT", bench.project.target.join("web"));
    runner(bench, command)
}

fn kotlin(bench: &Bench) -> Result<Vec<Command>> {
    let mut command = bench.project.script("bindings-kotlin/test.sh");
    // The library that the step `build` left is the one under test.
    command.env("VOICE_CORE_NATIVE", bench.project.built(""));
    runner(bench, command)
}

fn generated(bench: &Bench) -> Result<(State, String)> {
    let current = generate::verify(&bench.project)?;
    Ok((if current { State::Passed } else { State::Failed }, String::new()))
}

/// What the player of the conformance scenarios says at its end: `Node: 60 passed, 0 failed`.
fn scenarios(output: &str) -> String {
    let verdict = output.lines().find(|line| line.contains(" passed, ") && line.ends_with(" failed"));
    verdict.and_then(|line| line.split_once(": ")).map_or(String::new(), |(_, sum)| format!("scenarios: {sum}"))
}

/// How long the page waited for the sound of each reply: `first sound of the replies after 900 ms, 1100 ms`.
fn replies(output: &str) -> String {
    let delays = output.lines().find_map(|line| line.split_once("first sound of the replies after "));
    delays.map_or(String::new(), |(_, delays)| format!("first sound after {delays}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_a_name_of_its_own() {
        let mut names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn the_steps_of_a_binding_exist_where_the_binding_does() {
        let nowhere = Path::new("no such folder");
        assert!(steps(nowhere).all(|step| step.folder.is_none()));
        assert!(steps(nowhere).any(|step| step.name == "rust"));
    }

    #[test]
    fn the_verdict_on_the_scenarios_is_remarked() {
        let output = "ok - a\nNode: 60 passed, 0 failed\nTAP version 13\n# pass 3\n";
        assert_eq!(scenarios(output), "scenarios: 60 passed, 0 failed");
        assert_eq!(scenarios("nothing"), "");
    }
}
