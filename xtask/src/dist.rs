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
    pack,
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
/// A database that is not there.
const NO_SERVER: &str = "postgres://nobody@127.0.0.1:1/nothing";

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
    let servers = wheel_of(project, "bindings-python/servers")?;
    let wheel = wheel(project)?;
    for wheel in [&wheel, &servers] {
        pack::wheel(wheel)?;
    }
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
    let program = format!(
        "import voice_core\ntry: voice_core.VoiceAgent(stt='local', llm='local', tts='local', storage='{NO_SERVER}')\n\
         except voice_core.VoiceError as error: print(error.code)"
    );
    let without = refusal(start(&program))?;
    output(pip(&python).arg(&servers))?;
    let reaches = servers_are_reached(&servers, &without, &refusal(start(&program))?)?;
    Ok(small & talks & quick & reaches)
}

/// The package with the stores of servers: what the small one says of such a store, and what both together say of one that nobody
/// runs.
fn servers_are_reached(package: &Path, without: &str, with: &str) -> Result<bool> {
    let megabytes = fs::metadata(package)?.len() as f64 / 1e6;
    let figure = format!("{without}, then {with}; {megabytes:.1} MB");
    let kept = (without, with) == ("INVALID_REQUEST", "STORAGE_ERROR");
    Ok(bar("PostgreSQL without and with servers", &figure, "INVALID_REQUEST, then STORAGE_ERROR", kept))
}

fn refusal(mut program: Command) -> Result<String> {
    Ok(output(&mut program)?.trim().to_owned())
}

fn node(project: &Project) -> Result<bool> {
    println!("building the npm packages");
    let folder = project.target.join("dist/node-app");
    empty(&folder)?;
    let servers = npm_packages(project, "--servers", "npm-servers")?;
    let packages = npm_packages(project, "--release", "npm")?;
    let mut small = true;
    for package in &packages {
        small &= sized(package)?;
    }
    fs::write(folder.join("package.json"), r#"{"private": true}"#)?;
    let install = |packages: &[PathBuf]| {
        let mut npm = project.command("npm");
        npm.args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"]).args(packages);
        output(npm.current_dir(&folder))
    };
    install(&packages)?;
    let mut command = project.command("node");
    command.arg(folder.join("node_modules/voice-core/dist/cli.js"));
    let talks = conversation(project, command)?;
    let start = |program: &str| {
        let mut command = project.command("node");
        command.args(["-e", program]).current_dir(&folder);
        command
    };
    let quick = import_time(start(""), start("require('voice-core')"))?;
    let program = format!(
        "const {{ VoiceAgent }} = require('voice-core'); \
         VoiceAgent.create({{ stt: 'local', llm: 'local', tts: 'local', storage: '{NO_SERVER}' }}).catch((error) => console.log(error.code))"
    );
    let without = refusal(start(&program))?;
    install(&servers)?;
    let largest = servers.iter().max_by_key(|path| fs::metadata(path).map_or(0, |data| data.len()));
    let largest = largest.context("no package was made")?;
    let reaches = servers_are_reached(largest, &without, &refusal(start(&program))?)?;
    Ok(small & talks & quick & reaches)
}

/// Builds the package and the addon of this platform, and gives their archives.
fn npm_packages(project: &Project, kind: &str, name: &str) -> Result<Vec<PathBuf>> {
    let folder = project.target.join("dist").join(name);
    empty(&folder)?;
    output(project.script("bindings-node/build.sh").arg(kind))?;
    let mut packing = project.command("node");
    packing.arg("bindings-node/scripts/pack.mjs").arg(&folder);
    output(if kind == "--servers" { packing.arg(kind) } else { &mut packing })?;
    let mut packages: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    packages.sort();
    for package in &packages {
        pack::npm(package)?;
    }
    Ok(packages)
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(())
}

/// Builds the wheel as it is published, and gives its path.
pub fn wheel(project: &Project) -> Result<PathBuf> {
    wheel_of(project, "bindings-python")
}

fn wheel_of(project: &Project, package: &str) -> Result<PathBuf> {
    println!("building the wheel of {package}");
    let out = project.target.join("dist/wheels").join(package.replace('/', "-"));
    empty(&out)?;
    let maturin = setup::python(project, "dist", &["maturin>=1.9,<2"])?;
    let mut build = Command::new(maturin);
    build.args(["-m", "maturin", "build", "--quiet", "--profile", "dist", "--out"]).arg(&out);
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        // Functions that came out alike are kept once: the linker that Rust brings for this system can do so.
        build.args(["--", "-C", "link-arg=-Wl,--icf=all"]);
    }
    output(build.current_dir(project.root.join(package)))?;
    let wheel = fs::read_dir(&out)?.next().context("maturin built no wheel")??.path();
    Ok(wheel)
}

/// A fresh environment in which only the wheel is installed: its Python.
pub fn environment(project: &Project, wheel: &Path) -> Result<PathBuf> {
    let folder = project.target.join("dist/python");
    output(project.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let python = folder.join("bin/python");
    output(pip(&python).arg(wheel))?;
    Ok(python)
}

fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]);
    pip
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
