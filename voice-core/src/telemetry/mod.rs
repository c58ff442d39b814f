//! What calls, turns and sessions took, used and cost, for whoever counts it.
//!
//! A [`MetricsSink`] is given to the agent by its builder. It gets a [`Report`] for every call of a provider and of a tool, for
//! every turn, and for every live session: ids, times, amounts and the codes of errors; never words, sound or keys. It works in
//! the background: a turn hands its reports over and goes on. At most 2,048 wait for a sink; what comes on top of that is
//! dropped and counted ([`VoiceAgent::dropped_reports`](crate::VoiceAgent::dropped_reports)). Closing the agent delivers what
//! waits, within 5 seconds.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use voice_core::telemetry::{MetricsSink, Report};
//!
//! /// Adds up what the agent's turns cost.
//! #[derive(Default)]
//! struct Bill(Mutex<u64>);
//!
//! #[async_trait::async_trait]
//! impl MetricsSink for Bill {
//!     async fn record(&self, reports: &[Report]) -> voice_core::Result<()> {
//!         for report in reports {
//!             if let Report::Turn(turn) = report {
//!                 *self.0.lock().unwrap() += turn.cost.map_or(0, |cost| cost.micros());
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let bill = Arc::new(Bill::default());
//! let builder = voice_core::VoiceAgent::builder().metrics_sink(bill.clone());
//! # let _ = builder;
//! ```
//!
//! With the feature `otel` and [`Config::telemetry`](crate::Config::telemetry) the library sends all of this to an OpenTelemetry
//! collector by itself. A host with an OpenTelemetry provider of its own makes spans from reports: they bring W3C ids, a start
//! and a duration.

mod lane;
mod report;
mod scope;

pub use report::{CallReport, Report, SessionReport, SpanId, ToolReport, TraceContext, TraceId, TurnReport};

#[cfg(feature = "otel")]
pub(crate) use lane::{Consumer, Lost};
pub(crate) use lane::{SinkConsumer, Starting, Telemetry};
pub(crate) use scope::{Exchange, MeasuredCall, MeasuredExchange, MeasuredSession, MeasuredTurn, Scope, Who};

use async_trait::async_trait;

use crate::error::Result;

/// Takes what was measured.
///
/// Each sink has a queue and a task of its own, so that one that is slow, fails, panics or never comes back costs nobody else
/// anything. A call that takes more than 30 seconds is given up; its reports, and those of a call that fails, count as dropped. A
/// sink must not block the thread that it is called on: what blocks belongs into `tokio::task::spawn_blocking`.
#[async_trait]
pub trait MetricsSink: Send + Sync {
    /// Takes what was measured since it was last called, in the order in which it ended: 1 to 256 reports.
    ///
    /// # Errors
    /// Whatever it likes: the reports count as dropped, and the log says so once.
    async fn record(&self, reports: &[Report]) -> Result<()>;

    /// Lets go of what it still holds: the agent closes. Does nothing by default.
    ///
    /// # Errors
    /// Whatever it likes: the log says so.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }
}
