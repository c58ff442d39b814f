//! Mutated recordings against `audio::prepare`: no panic, no call over a second, no more than 200 MB.
//!
//! `fuzz-audio [MUTATIONS] [FIRST_SEED]`, 20,000 from seed 0 by default, on every core. A seed tells its mutation alone, so a
//! finding is repeated with `fuzz-audio 1 SEED`.

use std::{
    alloc::System,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use cap::Cap;
use voice_core::{Audio, AudioLimits, audio::prepare};
use voice_tests::{
    corpus,
    mutate::{Dice, mutate},
};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

const SLOWEST: Duration = Duration::from_secs(1);
const MOST_MEMORY: usize = 200 << 20;
/// Larger files only take longer; their headers are those of the smaller ones.
const LARGEST: u64 = 400_000;

/// What this thread has computed so far: a busy machine is no hang.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or_default())
}

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>().ok());
    let count = arguments.next().flatten().unwrap_or(20_000);
    let first = arguments.next().flatten().unwrap_or(0);
    let small = |path: &std::path::PathBuf| std::fs::metadata(path).is_ok_and(|m| m.len() <= LARGEST);
    let files: Vec<Vec<u8>> = corpus::files().iter().filter(|p| small(p)).flat_map(std::fs::read).collect();
    // A caught panic of a decoder is an answer like any other here; its report would only hide the findings.
    std::panic::set_hook(Box::new(|_| {}));

    let (next, heard, slowest) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let findings = AtomicU64::new(0);
    let before = MEMORY.allocated();
    let started = Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            let mut dice = Dice::new(seed);
            let (original, other) = (dice.below(files.len()), dice.below(files.len()));
            let audio = Audio::from_bytes(Bytes::from(mutate(&files[original], &files[other], &mut dice)));
            let begun = cpu_time();
            let result = std::panic::catch_unwind(|| prepare(&audio, &AudioLimits::default()).is_ok());
            let took = cpu_time() - begun;
            slowest.fetch_max(took.as_micros() as u64, Ordering::Relaxed);
            match result {
                Ok(ok) => _ = heard.fetch_add(u64::from(ok), Ordering::Relaxed),
                Err(_) => {
                    println!("seed {seed}: a panic came through");
                    findings.fetch_add(1, Ordering::Relaxed);
                }
            }
            if took > SLOWEST {
                println!("seed {seed}: {took:?}");
                findings.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let memory = MEMORY.max_allocated().saturating_sub(before);
    if memory > MOST_MEMORY {
        println!("{} MB of memory at the peak, {} MB allowed", memory >> 20, MOST_MEMORY >> 20);
        findings.fetch_add(1, Ordering::Relaxed);
    }
    let findings = findings.into_inner();
    println!(
        "fuzz-audio: {count} mutations of {} recordings in {:.1} s: {} heard, {} refused, slowest {} ms, {} MB at the peak, {findings} findings",
        files.len(),
        started.elapsed().as_secs_f64(),
        heard.load(Ordering::Relaxed),
        count - heard.load(Ordering::Relaxed).min(count),
        slowest.into_inner() / 1_000,
        memory >> 20,
    );
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
