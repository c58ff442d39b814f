//! Runs a program with a time limit, its output in a file, its memory watched.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::project::Project;

const POLL: Duration = Duration::from_millis(20);
/// How often a long step says that it is still at work.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);

/// What became of a program.
pub struct Ran {
    pub ok: bool,
    /// Why it is not ok: an exit status, or the time limit.
    pub ended: String,
    pub took: Duration,
    /// Both of its outputs, in the order in which they came.
    pub output: String,
    /// The most memory that it held at once, in bytes (`VmHWM`), where the system tells.
    pub peak_memory: Option<u64>,
}

/// Where the output goes while the program runs; it is kept in a file in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// On the screen, line by line, behind this prefix.
    Lines(&'static str),
    /// Nowhere; a line a minute says that the program is at work.
    Quietly,
}

/// Runs `command` to its end, or for as long as `limit`: then it is ended with everything that it started.
pub fn run(command: &mut Command, log: &Path, limit: Duration, show: Show) -> Result<Ran> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = out.try_clone()?;
    let named = format!("{:?}", command.get_program());
    in_own_group(command);
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(errors)
        .spawn()
        .with_context(|| format!("cannot start {named}"))?;
    let mut tail = Tail::of(log);
    let (mut peak, mut said) = (None, begun);
    let status = loop {
        peak = peak_memory(&child).max(peak);
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begun.elapsed() > limit {
            end(&mut child);
            break None;
        }
        match show {
            Show::Lines(prefix) => tail.show(prefix)?,
            Show::Quietly if said.elapsed() > SIGN_OF_LIFE => {
                println!("      … {} s: {}", begun.elapsed().as_secs(), last_line(log));
                said = Instant::now();
            }
            Show::Quietly => {}
        }
        thread::sleep(POLL);
    };
    if let Show::Lines(prefix) = show {
        tail.show(prefix)?;
    }
    let output = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let ended = match status {
        Some(status) => status.to_string(),
        None => format!("stopped at its time limit of {} s", limit.as_secs()),
    };
    let ok = status.is_some_and(|status| status.success());
    Ok(Ran { ok, ended, took: begun.elapsed(), output, peak_memory: peak })
}

/// Runs a short command and gives what it printed, or nothing when it cannot be run or fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What a program prints; an error with its own words when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{}: {}\n{}", shown(command), output.status, last_lines(&String::from_utf8_lossy(&said), 40));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The beginning of a command that runs where the loopback and every other interface are gone.
pub fn without_network(project: &Project) -> Result<Command> {
    let root = answer(project.command("id").arg("-u")).is_some_and(|id| id == "0");
    let flags = if root { "-n" } else { "-rn" };
    let interfaces = answer(project.command("unshare").args([flags, "cat", "/proc/net/dev"]))
        .context("unshare cannot make a network namespace here")?;
    if let Some(line) = interfaces.lines().skip(2).find(|line| !line.trim_start().starts_with("lo:")) {
        bail!("the namespace has an interface: {line}");
    }
    let mut command = project.command("unshare");
    command.arg(flags);
    Ok(command)
}

/// A command as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn last_line(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("").trim().chars().take(100).collect()
}

#[cfg(unix)]
fn in_own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn in_own_group(_command: &mut Command) {}

/// Ends a program and, where programs have groups, everything that it started.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let ended = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    if !ended.is_ok_and(|status| status.success()) {
        // It may have ended by itself in the meantime.
        let _gone = child.kill();
    }
    let _reaped = child.wait();
}

fn peak_memory(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    vm_hwm(&status)
}

fn vm_hwm(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Follows a file that grows.
struct Tail {
    path: PathBuf,
    position: u64,
    rest: String,
}

impl Tail {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), position: 0, rest: String::new() }
    }

    /// Prints the whole lines that have come since the last call.
    fn show(&mut self, prefix: &str) -> Result<()> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.position))?;
        let mut new = Vec::new();
        self.position += file.read_to_end(&mut new)? as u64;
        self.rest.push_str(&String::from_utf8_lossy(&new));
        let mut out = std::io::stdout().lock();
        while let Some(end) = self.rest.find('\n') {
            writeln!(out, "{prefix}{}", &self.rest[..end])?;
            self.rest.drain(..=end);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("voice-xtask-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let path = log("hang");
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 60 & wait"]);
        let ran = run(&mut command, &path, Duration::from_millis(200), Show::Quietly).unwrap();
        assert!(!ran.ok && ran.took < Duration::from_secs(10));
        assert!(ran.ended.contains("time limit"), "{}", ran.ended);
        assert_eq!(ran.output, "begun\n");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_failure_keeps_its_status_and_both_outputs() {
        let path = log("fail");
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let ran = run(&mut command, &path, Duration::from_secs(10), Show::Quietly).unwrap();
        assert!(!ran.ok);
        assert!(ran.ended.contains('3'));
        assert_eq!(ran.output, "one\ntwo\n");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn peak_memory_is_read_from_the_status_of_a_process() {
        assert_eq!(vm_hwm("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1 kB\n"), Some(2048 * 1024));
        assert_eq!(vm_hwm("Name:\tx\n"), None);
    }
}
