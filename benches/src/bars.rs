//! The bars of the scripted turn, and what a measurement says of its bars in the end.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use crate::figures::Figures;

/// CPU time that a turn may take above the floor's, in milliseconds.
const CPU_ADDED_MS: f64 = 0.8;
/// What the whole process may hold with one conversation, in MB.
const RSS_MB: f64 = 5.0;
/// What each conversation may hold, in KB, told apart from the process where there are many.
const KB_EACH: f64 = 100.0;

/// The most that first audio may be late, in milliseconds at p50 and at p95, for a number of conversations.
fn late(count: usize) -> (f64, f64) {
    if count >= 1_000 { (20.0, f64::INFINITY) } else { (2.0, 5.0) }
}

/// What a row of the table is to say of its bars, and whether it keeps them. `floor` are the figures without the library.
#[must_use]
pub fn held(count: usize, figures: &Figures, floor: &Figures) -> (bool, String) {
    let (p50, p95) = late(count);
    let bars = [
        ("first p50", figures.first.p50, p50),
        ("first p95", figures.first.p95, p95),
        ("CPU over the floor's", figures.cpu_ms - floor.cpu_ms, CPU_ADDED_MS),
        ("RSS", if count == 1 { figures.rss_mb } else { 0.0 }, RSS_MB),
        ("KB a conversation", if count >= 100 { figures.kb_each } else { 0.0 }, KB_EACH),
    ];
    let missed: Vec<String> = bars
        .into_iter()
        .filter(|(_, got, bar)| got > bar)
        .map(|(what, got, bar)| format!("{what} {got:.2}, bar {bar}"))
        .collect();
    if missed.is_empty() { (true, "ok".into()) } else { (false, format!("MISSED: {}", missed.join("; "))) }
}

/// The bars, in words.
#[must_use]
pub fn in_words() -> String {
    let ((p50, p95), (many, _)) = (late(1), late(1_000));
    format!(
        "bars: first audio p50 {p50} ms and p95 {p95} ms over ideal, p50 {many} ms at 1,000; CPU {CPU_ADDED_MS} ms a turn over the \
         floor's; RSS {RSS_MB} MB with one; {KB_EACH} KB for each of 100 and more"
    )
}

/// The bars of a measurement whose figures come one by one: each is said as it is held.
#[derive(Debug, Default)]
pub struct Bars {
    missed: bool,
}

impl Bars {
    /// Says whether a bar is kept; `words` tell the figure and the bar.
    pub fn hold(&mut self, kept: bool, words: &str) {
        self.missed |= !kept;
        println!("{:<6} {words}", if kept { "ok" } else { "MISSED" });
    }

    /// What the measurement ends with.
    #[must_use]
    pub fn verdict(self) -> ExitCode {
        verdict(Ok(!self.missed))
    }
}

/// What a measurement ends with: 0 when every bar is kept, 1 when one is missed, 2 when it could not be made.
#[must_use]
pub fn verdict(kept: Result<bool, String>) -> ExitCode {
    match kept {
        Ok(true) => {
            println!("every bar met");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            println!("bars MISSED, see above");
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Percentiles;

    fn figures(late: f64, cpu_ms: f64, rss_mb: f64, kb_each: f64) -> Figures {
        let first = Percentiles { p50: late, p95: late, p99: late };
        Figures { first, last: first, cpu_ms, rss_mb, kb_each, import_seconds: 0.0, installed_mb: 0.0 }
    }

    #[test]
    fn a_row_that_misses_a_bar_says_which() {
        let floor = figures(0.5, 1.0, 3.0, 1.0);
        assert_eq!(held(1, &figures(1.0, 1.5, 4.5, 400.0), &floor), (true, "ok".to_owned()));
        let (kept, words) = held(1, &figures(2.5, 1.9, 5.5, 400.0), &floor);
        assert!(!kept);
        assert_eq!(words, "MISSED: first p50 2.50, bar 2; CPU over the floor's 0.90, bar 0.8; RSS 5.50, bar 5");
    }

    #[test]
    fn many_conversations_may_be_later_and_are_held_to_their_memory() {
        let floor = figures(0.5, 1.0, 3.0, 1.0);
        assert!(held(1_000, &figures(19.0, 1.0, 90.0, 99.0), &floor).0);
        assert_eq!(held(100, &figures(1.0, 1.0, 14.0, 101.0), &floor).1, "MISSED: KB a conversation 101.00, bar 100");
    }
}
