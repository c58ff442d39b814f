//! `cargo xtask bench overhead`: what each binding adds to a turn and what it leaves in memory, beside Rust, in one run.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    dist,
    project::Project,
    run::{output, shown},
    setup,
};

/// What a binding may add to a turn, its host's providers apart, in microseconds.
const ADDED: f64 = 150.0;
/// What a call of a provider in the host's language may cost, in microseconds.
const CALL: f64 = 200.0;
/// What ten thousand turns may leave, in KiB: the entry that the deletion of each turn's session writes into the audit log, which the
/// store keeps in memory here (3.3 MiB), and the allocator's and the collector's play.
const LEFT: i64 = 8 * 1024;

/// What a language's program measured.
struct Figures {
    /// A typed turn that is not spoken: one provider is asked.
    typed: f64,
    /// A spoken one about a recording: three are asked.
    heard: f64,
    before: i64,
    after: i64,
}

pub fn run(project: &Project) -> Result<bool> {
    setup::system_packages(project)?;
    let packages = ["voice-bench", "voice-core-c", "voice-core-node", "voice-core-uniffi"];
    let mut build = project.cargo(&["build", "--profile", "dist", "--lib", "--bin", "overhead"]);
    packages.iter().for_each(|package| {
        build.args(["-p", package]);
    });
    if !build.status()?.success() {
        bail!("the libraries could not be built");
    }
    let rust = figures(&mut project.command(&project.target.join("dist/overhead").to_string_lossy()))?;
    let python = dist::environment(project, &dist::wheel(project)?)?;
    let script = "bindings-python/bench/overhead.py";
    let rows = [
        ("C", figures(&mut c(project)?)?),
        ("Python", figures(Command::new(&python).arg(project.root.join(script)))?),
        ("Python, async", figures(Command::new(&python).arg(project.root.join(script)).arg("--async"))?),
        ("Node", figures(&mut node(project)?)?),
        ("Kotlin", figures(&mut kotlin(project))?),
    ];
    println!(
        "\na turn with instant providers, typed or heard, and what the binding adds to it and to each call of a host's provider: \
         medians in µs;\nresident memory after 10,000 turns and after 10,000 more, in MiB, and what each of these left, in bytes"
    );
    println!(
        "{:<14} {:>8} {:>8} {:>8} {:>8} {:>18} {:>8}  bars",
        "", "typed", "heard", "added", "a call", "memory", "left"
    );
    let mut kept = rust.left() <= LEFT;
    println!("{}  {}", rust.line("Rust", None), word(kept));
    for (language, figures) in &rows {
        // Between the two turns lie the work of the core, which Rust's own turns show, and two calls of the host's providers.
        let call = ((figures.heard - figures.typed) - (rust.heard - rust.typed)) / 2.0;
        let added = figures.typed - rust.typed - call;
        let good = call <= CALL && added <= ADDED && figures.left() <= LEFT;
        kept &= good;
        println!("{}  {}", figures.line(language, Some((added, call))), word(good));
    }
    println!("bars: {ADDED:.0} µs added, {CALL:.0} µs a call, {} MiB more after 10,000 turns more", LEFT / 1024);
    println!(
        "each turn's session is deleted again; what tells of that in the audit log, some 340 bytes, stays by intention"
    );
    Ok(kept)
}

fn word(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISSED" }
}

impl Figures {
    fn left(&self) -> i64 {
        self.after - self.before
    }

    /// The row of a language; `added` to a turn and to a call of a host's provider, where a binding is.
    fn line(&self, language: &str, added: Option<(f64, f64)>) -> String {
        let cell = |figure: Option<f64>| figure.map_or(String::new(), |figure| format!("{figure:.0}"));
        let memory = format!("{:.1} → {:.1}", self.before as f64 / 1024.0, self.after as f64 / 1024.0);
        format!(
            "{language:<14} {:>8.0} {:>8.0} {:>8} {:>8} {memory:>18} {:>8.0}",
            self.typed,
            self.heard,
            cell(added.map(|added| added.0)),
            cell(added.map(|added| added.1)),
            self.left() as f64 * 1024.0 / 10_000.0,
        )
    }
}

/// Runs a program, and reads the line of JSON that it prints.
fn figures(command: &mut Command) -> Result<Figures> {
    let printed = output(command)?;
    let line = printed.lines().find_map(|line| line.find("{\"typed_us\"").map(|at| &line[at..]));
    let json: Value = serde_json::from_str(line.with_context(|| format!("{} printed no figures", shown(command)))?)?;
    let figure = |name: &str| json[name].as_f64().with_context(|| format!("there is no figure {name}"));
    let kib = |name: &str| json[name].as_i64().with_context(|| format!("there is no figure {name}"));
    Ok(Figures {
        typed: figure("typed_us")?,
        heard: figure("heard_us")?,
        before: kib("before_kib")?,
        after: kib("after_kib")?,
    })
}

fn c(project: &Project) -> Result<Command> {
    let (built, prefix) = (project.target.join("dist"), project.target.join("dist/c"));
    std::fs::create_dir_all(&prefix)?;
    let program = prefix.join("overhead");
    let mut install = project.script("bindings-c/install.sh");
    output(install.arg(built).arg(&prefix))?;
    let mut compile = project.command("cc");
    compile.args(["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-O2", "-pthread", "bindings-c/bench/overhead.c", "-o"]);
    compile.arg(&program).arg(format!("-I{}", prefix.join("include").display()));
    let lib = prefix.join("lib");
    compile.arg(format!("-L{}", lib.display())).arg(format!("-Wl,-rpath,{}", lib.display())).arg("-lvoice_core");
    output(&mut compile)?;
    Ok(Command::new(program))
}

fn node(project: &Project) -> Result<Command> {
    let mut build = project.script("bindings-node/build.sh");
    output(build.arg("--release"))?;
    let mut command = project.command("node");
    command.args(["--expose-gc", "bench/overhead.mjs"]).current_dir(project.root.join("bindings-node"));
    Ok(command)
}

fn kotlin(project: &Project) -> Command {
    let mut command = project.command("mvn");
    command.args(["-B", "-ntp", "test", "-Dtest=OverheadBench", "-Dsurefire.failIfNoSpecifiedTests=true"]);
    command.arg(format!("-Dnative.library={}", project.target.join("dist").display()));
    command.current_dir(project.root.join("bindings-kotlin"));
    command
}
