//! Reads from a test runner's own words how many tests it ran.

use std::ops::AddAssign;

/// How many tests there were, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Whose words are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// `cargo test`: a `test result` line for each test program.
    Libtest,
    /// pytest: `==== 3 passed, 1 skipped in 0.12s ====`.
    Pytest,
    /// `node --test`: `# pass 3`, or `ℹ pass 3` on a screen.
    Node,
    /// Maven Surefire and JUnit: `Tests run: 5, Failures: 0, Errors: 0, Skipped: 1`.
    Junit,
}

/// What `output` says. Nothing when it says nothing: then no test has run.
pub fn count(runner: Runner, output: &str) -> Option<Counts> {
    let lines = output.lines().map(plain);
    let found: Vec<Counts> = match runner {
        Runner::Libtest => lines.filter_map(|line| libtest(&line)).collect(),
        Runner::Pytest => lines.filter_map(|line| pytest(&line)).collect(),
        Runner::Node => node(lines).into_iter().collect(),
        Runner::Junit => lines.filter_map(|line| junit(&line)).collect(),
    };
    let mut sum = Counts::default();
    for counts in &found {
        sum += *counts;
    }
    (!found.is_empty()).then_some(sum)
}

/// The names of the tests that failed, as `output` has them.
pub fn failures(runner: Runner, output: &str) -> Vec<String> {
    let name = |line: &str| -> Option<String> {
        let line = line.trim();
        let name = match runner {
            Runner::Libtest => line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?,
            Runner::Pytest => {
                line.strip_prefix("FAILED ").or_else(|| line.strip_prefix("ERROR "))?.split(" - ").next()?
            }
            Runner::Node => line.strip_prefix("not ok ")?.split_once(" - ")?.1,
            Runner::Junit => line.strip_prefix("[ERROR] ")?.split_once(" -- Time elapsed")?.0,
        };
        Some(name.to_owned())
    };
    output.lines().filter_map(|line| name(&plain(line))).collect()
}

/// What a runner says of its failures when that is not at its end: cargo tells of them after each test program.
pub fn told_of_failures(runner: Runner, output: &str) -> Option<String> {
    if runner != Runner::Libtest {
        return None;
    }
    let mut told = String::new();
    let mut within = false;
    for line in output.lines() {
        within = line == "failures:" || within && !line.starts_with("test result: ");
        if within {
            told.push_str(line);
            told.push('\n');
        }
    }
    (!told.is_empty()).then_some(told)
}

/// A line without the colours of a terminal.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().find(|c| c.is_ascii_alphabetic());
        } else {
            out.push(c);
        }
    }
    out
}

fn libtest(line: &str) -> Option<Counts> {
    let rest = line.trim().strip_prefix("test result: ")?;
    let (_, numbers) = rest.split_once(". ")?;
    let mut counts = Counts::default();
    for part in numbers.split(';') {
        match part.trim().split_once(' ') {
            Some((n, "passed")) => counts.passed = n.parse().ok()?,
            Some((n, "failed")) => counts.failed = n.parse().ok()?,
            Some((n, "ignored")) => counts.skipped = n.parse().ok()?,
            _ => {}
        }
    }
    Some(counts)
}

fn pytest(line: &str) -> Option<Counts> {
    let line = line.trim().trim_matches('=').trim();
    let (numbers, seconds) = line.rsplit_once(" in ")?;
    seconds.split_whitespace().next()?.strip_suffix('s')?.parse::<f64>().ok()?;
    let mut counts = Counts::default();
    for part in numbers.split(", ") {
        let (n, what) = part.split_once(' ')?;
        let n: u64 = n.parse().ok()?;
        match what {
            "passed" | "xpassed" => counts.passed += n,
            "failed" | "error" | "errors" => counts.failed += n,
            "skipped" | "xfailed" | "deselected" => counts.skipped += n,
            _ => {}
        }
    }
    Some(counts)
}

fn node(lines: impl Iterator<Item = String>) -> Option<Counts> {
    let mut counts = Counts::default();
    let mut any = false;
    for line in lines {
        let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else { continue };
        let Some((what, n)) = rest.trim().split_once(' ') else { continue };
        let Ok(n) = n.parse::<u64>() else { continue };
        match what {
            "pass" => (counts.passed, any) = (counts.passed + n, true),
            "fail" | "cancelled" => counts.failed += n,
            "skipped" | "todo" => counts.skipped += n,
            _ => {}
        }
    }
    any.then_some(counts)
}

/// The sum at the end only; a line for one class ends with the time it took.
fn junit(line: &str) -> Option<Counts> {
    let rest = &line[line.find("Tests run: ")?..];
    if rest.contains("Time elapsed") {
        return None;
    }
    let number = |name: &str| -> Option<u64> {
        let from = rest.find(name)? + name.len();
        let digits: String = rest[from..].chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let run = number("Tests run: ")?;
    let failed = number("Failures: ")? + number("Errors: ").unwrap_or(0);
    let skipped = number("Skipped: ").unwrap_or(0);
    Some(Counts { passed: run.checked_sub(failed + skipped)?, failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Option<Counts> {
        Some(Counts { passed, failed, skipped })
    }

    #[test]
    fn every_test_program_of_cargo_counts() {
        let output = "running 2 tests\ntest a ... ok\n\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
            test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.20s\n";
        assert_eq!(count(Runner::Libtest, output), counts(5, 1, 1));
    }

    #[test]
    fn what_failed_is_named_in_the_runners_own_words() {
        let cargo = "test a ... ok\ntest b::c ... FAILED\n\nfailures:\n\n---- b::c stdout ----\nnot so\n\ntest result: FAILED. 1 passed; \
            1 failed; 0 ignored; 0 measured; 0 filtered out\n\nrunning 0 tests\n";
        assert_eq!(failures(Runner::Libtest, cargo), ["b::c"]);
        assert_eq!(told_of_failures(Runner::Libtest, cargo).unwrap(), "failures:\n\n---- b::c stdout ----\nnot so\n\n");
        assert_eq!(told_of_failures(Runner::Libtest, "error: it does not compile\n"), None);
        let pytest = "FAILED tests/test_a.py::test_b[1] - assert 1 == 2\n1 failed, 2 passed in 0.1s\n";
        assert_eq!(failures(Runner::Pytest, pytest), ["tests/test_a.py::test_b[1]"]);
        assert_eq!(failures(Runner::Node, "ok 1 - a\n    not ok 2 - b and c\n"), ["b and c"]);
        let maven = "[ERROR] voicecore.ATest.b -- Time elapsed: 0.1 s <<< FAILURE!\n[ERROR] Tests run: 2, Failures: 1, Errors: 0\n";
        assert_eq!(failures(Runner::Junit, maven), ["voicecore.ATest.b"]);
    }

    #[test]
    fn a_runner_that_said_nothing_ran_nothing() {
        for runner in [Runner::Libtest, Runner::Pytest, Runner::Node, Runner::Junit] {
            assert_eq!(count(runner, "error: could not compile\n"), None, "{runner:?}");
        }
    }

    #[test]
    fn pytest_tells_in_its_last_line() {
        let output = "tests/test_a.py ...s\n\u{1b}[32m====== \u{1b}[1m3 passed\u{1b}[0m, 1 skipped, 2 warnings in 0.12s ======\u{1b}[0m\n";
        assert_eq!(count(Runner::Pytest, output), counts(3, 0, 1));
        assert_eq!(count(Runner::Pytest, "= 1 failed, 2 passed, 1 error in 61.00s (0:01:01) ="), counts(2, 2, 0));
        assert_eq!(count(Runner::Pytest, "5 passed in 0.50s"), counts(5, 0, 0));
    }

    #[test]
    fn node_tells_in_tap_and_on_a_screen() {
        assert_eq!(count(Runner::Node, "# tests 4\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 0\n"), counts(3, 1, 0));
        assert_eq!(count(Runner::Node, "ℹ tests 2\nℹ pass 1\nℹ fail 0\nℹ skipped 1\n"), counts(1, 0, 1));
    }

    #[test]
    fn surefire_counts_once() {
        let output = "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in A\n\
            [ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n";
        assert_eq!(count(Runner::Junit, output), counts(2, 2, 1));
    }
}
