//! What the measurements share: percentiles, a timer, the scripted turn with its bars, and what the system says of a process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod bars;
pub mod figures;
pub mod process;
pub mod script;
pub mod timer;

use serde::{Deserialize, Serialize};

/// The middle and the tail of a set of figures.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half are at or under it.
    pub p50: f64,
    /// 95 of 100 are at or under it.
    pub p95: f64,
    /// 99 of 100 are at or under it.
    pub p99: f64,
}

impl Percentiles {
    /// The percentiles of `values`; zero when there are none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |q: f64| {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let index = (q * sorted.len() as f64).ceil() as usize;
            sorted.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
        };
        Self { p50: at(0.50), p95: at(0.95), p99: at(0.99) }
    }
}
