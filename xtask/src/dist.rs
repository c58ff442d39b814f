//! `cargo xtask dist`: the packages as they are published, held against their bars: size, a conversation where nothing else is installed
//! and no network is, and how long importing takes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    project::Project,
    run::{output, without_network},
    setup,
};

/// How large a package may be, without models.
const SIZE_MB: f64 = 12.0;
/// How long importing may take, beside an interpreter that imports nothing.
const IMPORT_MS: f64 = 50.0;
/// How often each is started.
const STARTS: usize = 15;

pub fn run(arguments: &[String]) -> Result<bool> {
    let project = Project::here();
    setup::system_packages(&project)?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["python"] => python(&project),
        ["node"] => node(&project),
        [] => Ok(python(&project)? & node(&project)?),
        _ => bail!("expected python or node"),
    }
}

fn python(project: &Project) -> Result<bool> {
    let wheel = wheel(project)?;
    let small = sized(&wheel)?;
    let python = environment(project, &wheel)?;
    let mut command = Command::new(&python);
    command.args(["-m", "voice_core"]);
    let talks = conversation(project, command)?;
    let start = |program: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", program]);
        command
    };
    let quick = import_time(start("pass"), start("import voice_core"))?;
    Ok(small & talks & quick)
}

fn node(project: &Project) -> Result<bool> {
    println!("building the npm packages");
    let (build, folder) = (project.target.join("dist/npm"), project.target.join("dist/node-app"));
    for path in [&build, &folder] {
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
        fs::create_dir_all(path)?;
    }
    output(project.script("bindings-node/build.sh").arg("--release"))?;
    output(project.command("node").arg("bindings-node/scripts/pack.mjs").arg(&build))?;
    let mut packages: Vec<PathBuf> = fs::read_dir(&build)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    packages.sort();
    let mut small = true;
    for package in &packages {
        small &= sized(package)?;
    }
    fs::write(folder.join("package.json"), r#"{"private": true}"#)?;
    let mut install = project.command("npm");
    install.args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"]).args(&packages);
    output(install.current_dir(&folder))?;
    let mut command = project.command("node");
    command.arg(folder.join("node_modules/voice-core/dist/cli.js"));
    let talks = conversation(project, command)?;
    let start = |program: &str| {
        let mut command = project.command("node");
        command.args(["-e", program]).current_dir(&folder);
        command
    };
    let quick = import_time(start(""), start("require('voice-core')"))?;
    Ok(small & talks & quick)
}

/// Builds the wheel as it is published, and gives its path.
pub fn wheel(project: &Project) -> Result<PathBuf> {
    println!("building the wheel");
    let out = project.target.join("dist/wheel");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    let maturin = setup::python(project, "dist", &["maturin>=1.9,<2"])?;
    let mut build = Command::new(maturin);
    build.args(["-m", "maturin", "build", "--quiet", "--profile", "dist", "--out"]).arg(&out);
    output(build.current_dir(project.root.join("bindings-python")))?;
    let wheel = fs::read_dir(&out)?.next().context("maturin built no wheel")??.path();
    Ok(wheel)
}

/// A fresh environment in which only the wheel is installed: its Python.
pub fn environment(project: &Project, wheel: &Path) -> Result<PathBuf> {
    let folder = project.target.join("dist/python");
    output(project.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]);
    output(pip.arg(wheel))?;
    Ok(python)
}

fn sized(package: &Path) -> Result<bool> {
    let megabytes = fs::metadata(package)?.len() as f64 / 1e6;
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    Ok(bar(&name, &format!("{megabytes:.1} MB"), &format!("{SIZE_MB:.0} MB"), megabytes <= SIZE_MB))
}

/// Has the package's own command answer a recording without any network.
fn conversation(project: &Project, command: Command) -> Result<bool> {
    let folder = project.target.join("dist/conversation");
    fs::create_dir_all(&folder)?;
    let mut fetch = again(&command);
    let fetched = output(fetch.args(["models", "fetch", "default", "test-audio", "--json"]))?;
    let fetched: Value = serde_json::from_str(fetched.trim()).context("what the fetch said")?;
    let models = Path::new(fetched["folder"].as_str().context("the fetch named no folder")?);
    let mut offline = without_network(project)?;
    offline.arg(command.get_program()).args(command.get_args()).current_dir(&folder);
    offline.arg("converse").arg(models.join("test-audio/beckett.wav"));
    offline.args(["--json", "--storage", "memory", "--out", "answer.wav"]);
    let answer: Value = serde_json::from_str(output(&mut offline)?.trim()).context("what the command said")?;
    let seconds = answer["audio_seconds"].as_f64().or(answer["audio"]["seconds"].as_f64()).unwrap_or(0.0);
    let heard = answer["transcript"].as_str().unwrap_or_default();
    let figure = format!("{seconds:.1} s of sound for “{}”", heard.chars().take(40).collect::<String>());
    Ok(bar("conversation, no network", &figure, "answered aloud", seconds > 0.0 && !heard.is_empty()))
}

/// Starts both in turn, so that what the machine does meanwhile meets both.
fn import_time(mut bare: Command, mut importing: Command) -> Result<bool> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        for (command, took) in [(&mut bare, &mut without), (&mut importing, &mut with)] {
            let start = Instant::now();
            output(command)?;
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    let median = |all: &mut Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (without, with) = (median(&mut without), median(&mut with));
    let figure = format!("{:.0} ms beside {without:.0} ms", with - without);
    Ok(bar("import", &figure, &format!("{IMPORT_MS:.0} ms"), with - without <= IMPORT_MS))
}

fn bar(name: &str, figure: &str, bar: &str, kept: bool) -> bool {
    println!("{:<6} {name:<48} {figure:<52} bar {bar}", if kept { "ok" } else { "MISSED" });
    kept
}

fn again(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(command.get_args());
    same
}
