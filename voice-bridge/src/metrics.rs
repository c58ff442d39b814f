//! A sink of metrics of the host's.

use std::future::ready;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use voice_core::{
    Error, MetricsSink, Result,
    telemetry::{CallReport, Report, SessionReport, ToolReport, TurnReport},
};

use crate::answer::Responder;

/// Takes what is measured, in the host's language.
///
/// One call at a time, in the background: no turn waits for it, and at most 2,048 reports do. What a call that fails or takes
/// longer than 30 seconds was given counts as [dropped](crate::Agent::dropped_reports).
pub trait HostMetrics: Send + Sync + 'static {
    /// Takes 1 to 256 reports, a JSON array of objects with a `type` (`call`, `tool`, `turn`, `session`), and ends the answer,
    /// without a piece, when it has.
    fn record(&self, reports_json: String, answer: Responder<String>);

    /// Lets go of what it still holds, and ends the answer, without a piece: the agent closes.
    fn flush(&self, answer: Responder<String>);
}

/// A host's sink as one of the library's.
pub struct MetricsAdaptor<H>(pub H);

#[async_trait]
impl<H: HostMetrics> MetricsSink for MetricsAdaptor<H> {
    async fn record(&self, reports: &[Report]) -> Result<()> {
        let unwritable = |_| Error::internal("reports could not be written as JSON");
        let json = serde_json::to_string(reports).map_err(unwritable)?;
        ended(|answer| self.0.record(json, answer)).await
    }

    async fn flush(&self) -> Result<()> {
        ended(|answer| self.0.flush(answer)).await
    }
}

/// Waits until the host has ended its answer; pieces of it say nothing.
async fn ended(ask: impl FnOnce(Responder<String>)) -> Result<()> {
    let (answer, pieces) = Responder::new();
    ask(answer);
    pieces.try_for_each(|_| ready(Ok(()))).await
}

/// The JSON schema of reports, from which typed languages make their types.
pub(crate) fn schema() -> Value {
    let mut given = SchemaSettings::draft2020_12().for_serialize().into_generator();
    given.subschema_for::<CallReport>();
    given.subschema_for::<ToolReport>();
    given.subschema_for::<TurnReport>();
    given.subschema_for::<SessionReport>();
    json!({ "$defs": given.take_definitions(true) })
}
