//! What Linux says of this process.

use std::fs;

fn status_kb(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
    let line = status.lines().find(|l| l.starts_with(field)).expect("the field exists");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number of kB")
}

/// Resident memory now, in kB.
#[must_use]
pub fn rss_kb() -> u64 {
    status_kb("VmRSS:")
}

/// The most resident memory so far, in kB.
#[must_use]
pub fn peak_rss_kb() -> u64 {
    status_kb("VmHWM:")
}

/// CPU time used so far by all threads, in ms: nanosecond figures of the scheduler, not its ticks.
#[must_use]
pub fn cpu_ms() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has /proc");
    let nanoseconds: u64 = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    nanoseconds as f64 / 1e6
}
