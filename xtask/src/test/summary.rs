//! What a run amounts to: a table for people, and one line for machines.

use std::{fmt::Write, time::Duration};

use crate::counts::Counts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Passed,
    Failed,
    /// It could not be run here, and the remark says why. Not a pass.
    NotRun,
}

/// A step that is done.
pub struct Row {
    pub name: &'static str,
    pub state: State,
    /// Of its test runner, if it has one.
    pub counts: Option<Counts>,
    /// Names of the tests that failed.
    pub failures: Vec<String>,
    pub took: Duration,
    pub remark: String,
}

impl Row {
    pub fn begun(name: &'static str) -> Self {
        Self {
            name,
            state: State::Passed,
            counts: None,
            failures: Vec::new(),
            took: Duration::ZERO,
            remark: String::new(),
        }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::Passed => "ok",
            State::Failed => "FAILED",
            State::NotRun => "not run",
        }
    }

    pub fn line(&self) -> String {
        let counts = self.counts.map(|c| format!(", {} passed, {} failed", c.passed, c.failed)).unwrap_or_default();
        let remark = if self.remark.is_empty() { String::new() } else { format!(": {}", self.remark) };
        format!("  {} {}{counts} in {:.1} s{remark}", self.name, self.word(), self.took.as_secs_f64())
    }

    /// Its tests; a step that has failed without a failed test counts as one.
    fn tests(&self) -> Counts {
        let mut counts = self.counts.unwrap_or_default();
        if self.state == State::Failed && counts.failed == 0 {
            counts.failed = 1;
        }
        counts
    }
}

/// One line for each step.
pub fn table(rows: &[Row], took: Duration) -> String {
    let widest = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
    let mut out =
        format!("{:<widest$}  {:<7}  {:>6}  {:>6}  {:>8}  remark\n", "step", "", "passed", "failed", "seconds");
    for row in rows {
        let (passed, failed) = match row.counts {
            Some(counts) => (counts.passed.to_string(), counts.failed.to_string()),
            None => ("-".into(), "-".into()),
        };
        let line = format!(
            "{:<widest$}  {:<7}  {passed:>6}  {failed:>6}  {:>8.1}  {}",
            row.name,
            row.word(),
            row.took.as_secs_f64(),
            row.remark
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    // Writing to a string cannot fail.
    let _written = writeln!(out, "{:<widest$}  {:<7}  {:>6}  {:>6}  {:>8.1}", "all", "", "", "", took.as_secs_f64());
    out
}

/// The sum in the words of cargo's own runner.
pub fn closing_line(rows: &[Row], took: Duration) -> String {
    let mut sum = Counts::default();
    rows.iter().for_each(|row| sum += row.tests());
    let verdict = if rows.iter().any(|row| row.state == State::Failed) { "FAILED" } else { "ok" };
    format!(
        "test result: {verdict}. {} passed; {} failed; {} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
        sum.passed,
        sum.failed,
        sum.skipped,
        took.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, state: State, counts: Option<(u64, u64, u64)>) -> Row {
        let counts = counts.map(|(passed, failed, skipped)| Counts { passed, failed, skipped });
        Row { state, counts, took: Duration::from_millis(1500), ..Row::begun(name) }
    }

    #[test]
    fn the_closing_line_sums_what_the_runners_said() {
        let rows = [row("fmt", State::Passed, None), row("tests", State::Passed, Some((7, 0, 1)))];
        let line = closing_line(&rows, Duration::from_secs(3));
        assert_eq!(
            line,
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 3.00s"
        );
    }

    #[test]
    fn a_failed_check_counts_as_a_failure_and_one_that_was_not_run_as_nothing() {
        let rows = [row("fmt", State::Failed, None), row("advisories", State::NotRun, None)];
        assert!(closing_line(&rows, Duration::ZERO).starts_with("test result: FAILED. 0 passed; 1 failed; 0 ignored"));
        let rows = [row("advisories", State::NotRun, None)];
        assert!(closing_line(&rows, Duration::ZERO).starts_with("test result: ok. 0 passed; 0 failed"));
        assert!(table(&rows, Duration::ZERO).contains("advisories  not run       -       -       1.5"));
    }
}
