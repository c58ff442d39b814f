//! The same script in Python: through our own package and through the peers, beside asyncio that only waits.

use std::{path::PathBuf, process::Command, time::Duration};

use voice_bench::figures::{Figures, head, row};

use crate::COUNTS;

/// How long one number of conversations may take; a script without load takes eight seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// Who is measured, by which program, and where it is installed.
struct Contender<'a> {
    name: &'static str,
    program: &'static str,
    python: &'a str,
}

/// Measures all and prints a table. True when ours is ahead of every peer everywhere.
///
/// # Errors
///
/// A program fails.
pub(crate) fn table(ours: &str, openai_agents: &str, pipecat: &str) -> Result<bool, String> {
    let floor = Contender { name: "asyncio floor", program: "live_floor.py", python: ours };
    let package = Contender { name: "ours, from Python", program: "live_voice_core.py", python: ours };
    let peers = [
        Contender { name: "openai-agents", program: "live_openai_agents.py", python: openai_agents },
        Contender { name: "pipecat-ai", program: "live_pipecat.py", python: pipecat },
    ];
    println!();
    head("the same in Python, providers in Python, one event loop", "beside ours: first p50, CPU, RSS");
    let of_all = |contender: &Contender| COUNTS.map(|count| contender.measure(count));
    for (count, figures) in COUNTS.into_iter().zip(of_all(&floor)) {
        show(&floor, count, figures?.as_ref(), "");
    }
    let mut told = Vec::new();
    for (count, figures) in COUNTS.into_iter().zip(of_all(&package)) {
        let figures = figures?;
        show(&package, count, figures.as_ref(), "");
        told.push(figures);
    }
    let mut installed = vec![size(&package, &told)];
    let mut kept = told.iter().all(Option::is_some);
    for peer in &peers {
        let mut theirs = Vec::new();
        for (count, ours) in COUNTS.into_iter().zip(&told) {
            let figures = peer.measure(count)?;
            let (ahead, words) = match (ours, &figures) {
                (Some(ours), Some(figures)) => beside(ours, figures),
                _ => (true, String::new()),
            };
            kept &= ahead;
            show(peer, count, figures.as_ref(), &words);
            theirs.push(figures);
        }
        installed.push(size(peer, &theirs));
    }
    println!("{}", installed.join("\n"));
    println!("bar: ours is over, and ahead in all three, wherever a peer is");
    Ok(kept)
}

impl Contender<'_> {
    fn measure(&self, count: usize) -> Result<Option<Figures>, String> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(self.program);
        Figures::told_by(Command::new(self.python).arg(program).arg(count.to_string()), LIMIT)
    }
}

fn show(contender: &Contender, count: usize, figures: Option<&Figures>, last: &str) {
    match figures {
        Some(figures) => row(contender.name, count, figures, last),
        None => println!("{:<22} {count:>6} | not over after {} s", contender.name, LIMIT.as_secs()),
    }
}

/// How many times ours a peer's figures are, and whether none is less.
fn beside(ours: &Figures, theirs: &Figures) -> (bool, String) {
    let ratios = [theirs.first.p50 / ours.first.p50, theirs.cpu_ms / ours.cpu_ms, theirs.rss_mb / ours.rss_mb];
    let ahead = ratios.iter().all(|ratio| *ratio > 1.0);
    let words = ratios.map(|ratio| format!("{ratio:.1}x")).join("  ");
    (ahead, if ahead { words } else { format!("{words}  MISSED") })
}

/// What it takes to have it: the fastest of the imports, and what is installed.
fn size(contender: &Contender, figures: &[Option<Figures>]) -> String {
    let figures = || figures.iter().flatten();
    let import = figures().map(|figures| figures.import_seconds).fold(f64::INFINITY, f64::min);
    let installed = figures().map(|figures| figures.installed_mb).fold(0.0, f64::max);
    format!("{:<22} imported in {import:.2} s, {installed:.0} MB installed", contender.name)
}
