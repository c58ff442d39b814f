//! The same script in Python: through our own package and through the peers, beside asyncio that only waits.

use std::{path::PathBuf, process::Command, time::Duration};

use voice_bench::figures::{Figures, head, row};

use crate::COUNTS;

/// How long one number of conversations may take; a script without load takes eight seconds.
const LIMIT: Duration = Duration::from_secs(120);

const OURS: &str = "ours, from Python";

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
/// The floor or ours fails.
pub(crate) fn table(python: &str, openai_agents: &str, pipecat: &str) -> Result<bool, String> {
    let contenders = [
        Contender { name: "asyncio floor", program: "live_floor.py", python },
        Contender { name: OURS, program: "live_voice_core.py", python },
        Contender { name: "openai-agents", program: "live_openai_agents.py", python: openai_agents },
        Contender { name: "pipecat-ai", program: "live_pipecat.py", python: pipecat },
    ];
    println!();
    head("the same in Python, providers in Python, one event loop", "beside ours: first p50, CPU, RSS");
    // Who comes after ours is held against it.
    let (mut kept, mut ours, mut sizes) = (true, Vec::new(), Vec::new());
    for contender in &contenders {
        let mut told = Vec::new();
        for (n, count) in COUNTS.into_iter().enumerate() {
            // A peer that breaks under the load has told something, too.
            let (figures, otherwise) = match contender.measure(count) {
                Err(why) if ours.is_empty() => return Err(why),
                Err(why) => (None, format!("failed: {why}")),
                Ok(figures) => (figures, format!("not over after {} s", LIMIT.as_secs())),
            };
            let (ahead, words) = match (ours.get(n), &figures) {
                (Some(Some(ours)), Some(theirs)) => beside(ours, theirs),
                (Some(None), Some(_)) => (false, "ours was not over: MISSED".to_owned()),
                _ => (true, String::new()),
            };
            kept &= ahead;
            match &figures {
                Some(figures) => row(contender.name, count, figures, &words),
                None => println!("{:<22} {count:>6} | {otherwise}", contender.name),
            }
            told.push(figures);
        }
        sizes.extend(size(contender, &told));
        if contender.name == OURS {
            ours = told;
        }
    }
    println!("{}", sizes.join("\n"));
    println!("bar: ours is ahead in all three wherever a peer gets to its end");
    Ok(kept)
}

impl Contender<'_> {
    fn measure(&self, count: usize) -> Result<Option<Figures>, String> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(self.program);
        Figures::told_by(Command::new(self.python).arg(program).arg(count.to_string()), LIMIT)
    }
}

/// How many times ours a peer's figures are, and whether none is less.
fn beside(ours: &Figures, theirs: &Figures) -> (bool, String) {
    let ratios = [theirs.first.p50 / ours.first.p50, theirs.cpu_ms / ours.cpu_ms, theirs.rss_mb / ours.rss_mb];
    let ahead = ratios.iter().all(|ratio| *ratio > 1.0);
    let words = ratios.map(|ratio| format!("{ratio:.1}x")).join("  ");
    (ahead, if ahead { words } else { format!("{words}  MISSED") })
}

/// What it takes to have it, where something is imported: the fastest of the imports, and what is installed.
fn size(contender: &Contender, figures: &[Option<Figures>]) -> Option<String> {
    let import = figures.iter().flatten().map(|figures| figures.import_seconds).reduce(f64::min)?;
    let installed = figures.iter().flatten().map(|figures| figures.installed_mb).fold(0.0, f64::max);
    (import > 0.0).then(|| format!("{:<22} imported in {import:.2} s, {installed:.0} MB installed", contender.name))
}
