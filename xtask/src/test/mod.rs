//! `cargo xtask test`: the one test command.

mod steps;
mod summary;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    counts::{Counts, count, failures, told_of_failures},
    metadata::{self, Member},
    project::Project,
    run::{Show, last_lines, run as run_program, shown},
    setup,
};
use steps::{Step, Work, steps};
use summary::{Row, State};

/// How much of a failed step's output is shown; all of it is in its file.
const SHOWN_OF_A_FAILURE: usize = 150;
/// A step in which no more tests than these failed is run once more: what a busy machine upset passes then, what is broken
/// fails again. The summary names what failed at first, so that it is mended, too.
const FEW: std::ops::RangeInclusive<u64> = 1..=3;

/// What the steps work on.
pub struct Bench {
    pub project: Project,
    pub members: Vec<Member>,
}

/// Runs the steps named, or all of them, and sums up. True when nothing failed.
pub fn run(names: &[String]) -> Result<bool> {
    let begun = Instant::now();
    let project = Project::here();
    let known: Vec<&Step> = steps(&project.root).collect();
    if let Some(unknown) = names.iter().find(|name| !known.iter().any(|step| step.name == **name)) {
        let known: Vec<&str> = known.iter().map(|step| step.name).collect();
        bail!("there is no step {unknown:?}; there are: {}", known.join(", "));
    }
    setup::everything(&project)?;
    let members = metadata::members(&project)?;
    let bench = Bench { project, members };
    let mut rows = Vec::new();
    for step in known.into_iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name)) {
        let row = carry_out(step, &bench);
        println!("{}", row.line());
        rows.push(row);
    }
    let took = begun.elapsed();
    print!("\n{}", summary::table(&rows, took));
    println!("\n{}", summary::closing_line(&rows, took));
    Ok(rows.iter().all(|row| row.state != State::Failed))
}

fn carry_out(step: &Step, bench: &Bench) -> Row {
    println!("▶ {}: {}", step.name, step.about);
    let begun = Instant::now();
    let mut row = attempt(step, bench);
    if row.state == State::Failed && row.counts.is_some_and(|counts| FEW.contains(&counts.failed)) {
        println!("{}\n  once more, since few tests failed", row.line());
        let first = std::mem::replace(&mut row, attempt(step, bench));
        if row.state == State::Passed {
            let remark = if row.remark.is_empty() { String::new() } else { format!("; {}", row.remark) };
            row.remark = format!("at the second try, at first failed {}{remark}", first.failures.join(", "));
        }
    }
    row.took = begun.elapsed();
    row
}

fn attempt(step: &Step, bench: &Bench) -> Row {
    let begun = Instant::now();
    let mut row = Row::begun(step.name);
    let done = match step.work {
        Work::Within(work) => work(bench).map(|(state, remark)| (row.state, row.remark) = (state, remark)),
        Work::Programs(programs) => programs(bench).and_then(|commands| {
            let mut whole = String::new();
            for (index, mut command) in commands.into_iter().enumerate() {
                let log = bench.project.logs().join(format!("{}-{index}.log", step.name));
                let left = step.limit.saturating_sub(begun.elapsed());
                let ran = run_program(&mut command, &log, left, Show::Quietly)?;
                whole.push_str(&ran.output);
                if let Some(excuse) = (!ran.ok).then(|| (step.excuse)(&ran.output)).flatten() {
                    (row.state, row.remark) = (State::NotRun, excuse.to_owned());
                } else if !ran.ok {
                    let told = step.runner.and_then(|runner| told_of_failures(runner, &ran.output));
                    println!("{}", told.unwrap_or_else(|| last_lines(&ran.output, SHOWN_OF_A_FAILURE)));
                    println!("  {}: {}\n  all of it: {}", shown(&command), ran.ended, log.display());
                    (row.state, row.remark) = (State::Failed, ran.ended);
                }
            }
            counted(step, &whole, &mut row);
            Ok(())
        }),
    };
    if let Err(error) = done {
        println!("  {error:#}");
        row.state = State::Failed;
        row.remark = last_lines(&format!("{error:#}"), 1);
    }
    row.took = begun.elapsed();
    row
}

/// Puts the runner's own figures into the row. A runner that ran no test has failed, whatever its exit status says.
fn counted(step: &Step, output: &str, row: &mut Row) {
    let Some(runner) = step.runner else {
        if row.state == State::Passed {
            row.remark = (step.remark)(output);
        }
        return;
    };
    let counts = count(runner, output).unwrap_or_default();
    if row.state == State::Passed {
        (row.state, row.remark) = match counts {
            Counts { failed: 1.., .. } => (State::Failed, "the runner reports failures but ended well".into()),
            Counts { passed: 0, .. } => (State::Failed, "no test ran".into()),
            _ => (State::Passed, (step.remark)(output)),
        };
    }
    row.counts = Some(counts);
    row.failures = failures(runner, output);
}
