//! The bars of the scripted turn, and the processes in which it is measured.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::{self, Command};

/// Runs this program again as `child KIND COUNT` and gives the figures that it prints. Ends the program when it has none.
#[must_use]
pub fn child<const N: usize>(kind: &str, count: usize) -> [f64; N] {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new(program).args(["child", kind, &count.to_string()]).output().expect("the child runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures: Option<Vec<f64>> = text.split_whitespace().map(|f| f.parse().ok()).collect();
    figures.and_then(|figures| figures.try_into().ok()).unwrap_or_else(|| {
        eprintln!("{kind} {count}: failed: {}", String::from_utf8_lossy(&output.stderr));
        process::exit(1)
    })
}

/// What one number of conversations came to.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// How many there were at once.
    pub count: usize,
    /// First audio over ideal, in milliseconds.
    pub first_p50: f64,
    /// The same at the tail.
    pub first_p95: f64,
    /// CPU of a turn over the floor's, in milliseconds.
    pub cpu_added: f64,
    /// Resident memory, in MB.
    pub rss: f64,
    /// Memory of each conversation, in KB.
    pub each: f64,
}

/// The bars that were missed.
#[derive(Debug, Default)]
pub struct Bars(Vec<String>);

impl Bars {
    /// Holds figures against the bars.
    pub fn check(&mut self, figures: Figures) {
        let Figures { count, first_p50, first_p95, cpu_added, rss, each } = figures;
        let (p50, p95) = if count == 1_000 { (20.0, f64::INFINITY) } else { (2.0, 5.0) };
        let bars = [
            ("first audio p50", first_p50, p50),
            ("first audio p95", first_p95, p95),
            ("CPU ms a turn over the floor's", cpu_added, 0.8),
            ("RSS MB", if count == 1 { rss } else { 0.0 }, 5.0),
            ("KB a conversation", if count >= 100 { each } else { 0.0 }, 100.0),
        ];
        for (what, got, bar) in bars {
            if got > bar {
                self.0.push(format!("{what} at {count}: {got:.2}, bar {bar}"));
            }
        }
    }

    /// Says which were missed.
    pub fn report(self) {
        match &self.0[..] {
            [] => println!("every bar met"),
            missed => println!("bars missed: {}", missed.join("; ")),
        }
    }
}
