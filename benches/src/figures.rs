//! What a number of conversations at once came to: measured in a process of their own, told by it as one line of JSON, shown as a
//! row of a table.

#![allow(clippy::print_stdout)]

use std::{
    env,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    Percentiles, process,
    script::{Heard, IDEAL_FIRST, IDEAL_LAST},
};

const POLL: Duration = Duration::from_millis(100);

/// What one number of conversations came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// First audio over ideal, in milliseconds.
    pub first: Percentiles,
    /// Last audio over ideal, in milliseconds.
    pub last: Percentiles,
    /// CPU time of a turn, in milliseconds.
    pub cpu_ms: f64,
    /// The most resident memory, in MB.
    pub rss_mb: f64,
    /// Memory of each conversation, in KB.
    pub kb_each: f64,
    /// How long importing takes, in seconds, where there is something to import.
    pub import_seconds: f64,
    /// How much is installed, in MB, where something is.
    pub installed_mb: f64,
}

impl Figures {
    /// The figures of `count` conversations of `turns` turns each. `heard` are those turns that count, `cpu_ms` is the time of all,
    /// `empty_kb` the memory before the first.
    #[must_use]
    pub fn of(heard: &[Heard], count: usize, turns: usize, cpu_ms: f64, empty_kb: u64) -> Self {
        let peak = process::peak_rss_kb();
        Self {
            first: Percentiles::of(heard.iter().map(|turn| turn.0 - IDEAL_FIRST)),
            last: Percentiles::of(heard.iter().map(|turn| turn.1 - IDEAL_LAST)),
            cpu_ms: cpu_ms / (count * turns) as f64,
            rss_mb: peak as f64 / 1024.0,
            kb_each: (peak - empty_kb) as f64 / count as f64,
            import_seconds: 0.0,
            installed_mb: 0.0,
        }
    }

    /// Prints them for the process that asked.
    pub fn tell(&self) {
        println!("{}", serde_json::to_string(self).expect("figures are JSON"));
    }

    /// What `command` tells; nothing when it takes longer than `limit`, and is ended.
    ///
    /// # Errors
    ///
    /// It cannot be started, fails, or tells no figures. Its own words are on standard error.
    pub fn told_by(command: &mut Command, limit: Duration) -> Result<Option<Self>, String> {
        let name = command_line(command);
        let wrong = |why: String| format!("{name}: {why}");
        let begun = Instant::now();
        let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(error) => return Err(wrong(error.to_string())),
        };
        let status = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None if begun.elapsed() < limit => thread::sleep(POLL),
                None => {
                    child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
                    return Ok(None);
                }
            }
        };
        let mut told = String::new();
        let read = child.stdout.take().map(|mut out| out.read_to_string(&mut told));
        if !status.success() || !matches!(read, Some(Ok(_))) {
            return Err(wrong(status.to_string()));
        }
        let line = told.lines().last().unwrap_or_default();
        serde_json::from_str(line).map(Some).map_err(|error| wrong(format!("no figures in {line:?}: {error}")))
    }

    /// What this program tells of `count` conversations of a kind, in a process of its own. What few conversations need of the CPU is
    /// told by a handful of wakes of a machine that sleeps: of such the run counts that stands in the middle of five.
    ///
    /// # Errors
    ///
    /// It fails, or takes longer than two minutes.
    pub fn of_kind(kind: &str, count: usize) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut runs = Vec::new();
        for _ in 0..if count < 100 { 5 } else { 1 } {
            let mut command = Command::new(&program);
            command.args(["child", kind, &count.to_string()]);
            let told = Self::told_by(&mut command, Duration::from_secs(120))?;
            runs.push(told.ok_or_else(|| format!("{kind}, {count}: not over after two minutes"))?);
        }
        runs.sort_by(|one, other| one.cpu_ms.total_cmp(&other.cpu_ms));
        Ok(runs.swap_remove(runs.len() / 2))
    }
}

/// The kind and the number that this process was started to measure, if it is such a one.
#[must_use]
pub fn asked() -> Option<(String, usize)> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [mode, kind, count] if mode == "child" => Some((kind.clone(), count.parse().ok()?)),
        _ => None,
    }
}

fn command_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Prints the head of a table; `what` says what is measured and `last` what the last column tells.
pub fn head(what: &str, last: &str) {
    println!(
        "{what}, over ideal: first audio {IDEAL_FIRST:.0} ms, last audio {IDEAL_LAST:.0} ms after the end of the user's turn"
    );
    println!(
        "{:<22} {:>6} | {:^26} | {:^26} | {:>6} | {:>6} | {:>7} |",
        "", "conv.", "first audio, ms over", "last audio, ms over", "CPU ms", "peak", "KB a"
    );
    println!(
        "{:<22} {:>6} | {:>8} {:>8} {:>8} | {:>8} {:>8} {:>8} | {:>6} | {:>6} | {:>7} | {last}",
        "", "", "p50", "p95", "p99", "p50", "p95", "p99", "a turn", "RSS MB", "conv."
    );
}

/// Prints a row of the table.
pub fn row(name: &str, count: usize, figures: &Figures, last: &str) {
    let Figures { first, last: end, cpu_ms, rss_mb, kb_each, .. } = figures;
    println!(
        "{name:<22} {count:>6} | {:>8.2} {:>8.2} {:>8.2} | {:>8.2} {:>8.2} {:>8.2} | {cpu_ms:>6.2} | {rss_mb:>6.1} | {kb_each:>7.1} | {last}",
        first.p50, first.p95, first.p99, end.p50, end.p95, end.p99
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_last_line_of_a_program_tells_its_figures() {
        let percentiles = r#"{"p50": 1.0, "p95": 2.0, "p99": 3.0}"#;
        let line = format!(
            r#"{{"first": {percentiles}, "last": {percentiles}, "cpu_ms": 4.0, "rss_mb": 5.0, "kb_each": 6.0, "import_seconds": 7, "installed_mb": 8.0}}"#
        );
        let script = format!("echo a word before; echo '{line}'");
        let told = Figures::told_by(&mut shell(&script), Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!((told.first.p99, told.cpu_ms, told.import_seconds), (3.0, 4.0, 7.0));
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_and_tells_nothing() {
        assert!(Figures::told_by(&mut shell("exec sleep 600"), Duration::ZERO).unwrap().is_none());
    }

    #[test]
    fn a_program_that_fails_is_named() {
        let why = Figures::told_by(&mut shell("exit 3"), Duration::from_secs(60)).unwrap_err();
        assert!(why.contains("sh -c exit 3") && why.contains("exit status: 3"), "{why}");
        let why = Figures::told_by(&mut shell("echo no figures"), Duration::from_secs(60)).unwrap_err();
        assert!(why.contains("no figures in \"no figures\""), "{why}");
    }
}
