//! What is measured, sent to an OpenTelemetry collector: OTLP in JSON over HTTP.
//!
//! [`spans`] and [`metrics`] write the two signals, [`send`] brings them there. Spans go every few seconds, metrics every minute,
//! and what is left when the agent closes; while nothing is measured, nothing is sent. Wire format:
//! <https://opentelemetry.io/docs/specs/otlp/>; names: the semantic conventions for generative AI, 1.41.

mod attributes;
mod metrics;
mod send;
mod spans;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::{
    attributes::Attributes,
    metrics::Metrics,
    send::{HttpPost, Post, deliver},
    spans::span,
};
use crate::{
    config::TelemetryConfig,
    error::Result,
    telemetry::{Consumer, Lost, Report, Starting},
    time::Clock,
};

/// As many spans as are sent at once.
const MOST_SPANS: usize = 512;

const TRACES: &str = "v1/traces";
const METRICS: &str = "v1/metrics";

/// What sends reports to the collector at `endpoint`.
///
/// # Errors
/// `INVALID_REQUEST` when the endpoint is no address.
pub(crate) fn exporter(endpoint: &str, config: &TelemetryConfig) -> Result<Starting> {
    let (post, config) = (Box::new(HttpPost::new(endpoint, config)?), config.clone());
    Ok(Box::new(move |ends| Box::new(Exporter::new(post, &config, ends.clock, ends.lost, ends.closing))))
}

struct Exporter {
    post: Box<dyn Post>,
    clock: Arc<dyn Clock>,
    lost: Lost,
    closing: CancellationToken,
    timeout: Duration,
    /// What everything that is sent has in common.
    resource: Value,
    spans: Vec<Report>,
    spans_every: Duration,
    spans_due: Option<Instant>,
    metrics: Metrics,
    metrics_every: Duration,
    metrics_due: Option<Instant>,
}

impl Exporter {
    fn new(
        post: Box<dyn Post>,
        config: &TelemetryConfig,
        clock: Arc<dyn Clock>,
        lost: Lost,
        closing: CancellationToken,
    ) -> Self {
        Self {
            post,
            timeout: Duration::from_millis(config.timeout_ms),
            resource: resource(config),
            spans: Vec::new(),
            spans_every: Duration::from_millis(config.spans_interval_ms),
            spans_due: None,
            metrics: Metrics::new(clock.now()),
            metrics_every: Duration::from_millis(config.metrics_interval_ms),
            metrics_due: None,
            clock,
            lost,
            closing,
        }
    }

    async fn send_spans(&mut self) {
        self.spans_due = None;
        if self.spans.is_empty() {
            return;
        }
        let (count, in_hand) = (self.spans.len() as u64, self.lost.in_hand(self.spans.len()));
        let spans: Vec<Value> = self.spans.drain(..).map(|report| span(&report)).collect();
        let scope_spans = json!([{ "scope": scope(), "spans": spans }]);
        let body = json!({ "resourceSpans": [{ "resource": self.resource, "scopeSpans": scope_spans }] });
        match deliver(&*self.post, TRACES, &body, self.timeout, &self.closing).await {
            Ok(answer) => match rejected(&answer) {
                0 => in_hand.arrived(),
                some => in_hand.lost(some.min(count), "the collector refused some of the spans"),
            },
            Err(why) => in_hand.lost(count, &why),
        }
    }

    async fn send_metrics(&mut self) {
        self.metrics_due = None;
        if !self.metrics.has_changed() {
            return;
        }
        let scope_metrics = json!([{ "scope": scope(), "metrics": self.metrics.written(self.clock.now()) }]);
        let body = json!({ "resourceMetrics": [{ "resource": self.resource, "scopeMetrics": scope_metrics }] });
        if let Err(why) = deliver(&*self.post, METRICS, &body, self.timeout, &self.closing).await {
            // Sums are of everything since the start: the next ones make up for these.
            tracing::debug!(why, "metrics could not be sent");
            self.metrics.is_changed();
        }
    }
}

#[async_trait]
impl Consumer for Exporter {
    async fn take(&mut self, reports: Vec<Report>) {
        let now = Instant::now();
        self.spans_due.get_or_insert(now + self.spans_every);
        self.metrics_due.get_or_insert(now + self.metrics_every);
        reports.iter().for_each(|report| self.metrics.add(report));
        self.spans.extend(reports);
        if self.spans.len() >= MOST_SPANS {
            self.send_spans().await;
        }
    }

    fn wake(&self) -> Option<Instant> {
        [self.spans_due, self.metrics_due].into_iter().flatten().min()
    }

    async fn woken(&mut self) {
        if self.spans_due.is_some_and(|due| due <= Instant::now()) {
            self.send_spans().await;
        }
        if self.metrics_due.is_some_and(|due| due <= Instant::now()) {
            self.send_metrics().await;
        }
    }

    async fn finish(&mut self) {
        self.send_spans().await;
        self.send_metrics().await;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // There are some only when it is stopped before it could finish.
        drop(self.lost.in_hand(self.spans.len()));
    }
}

fn resource(config: &TelemetryConfig) -> Value {
    let mut attributes = Attributes::default();
    for (key, value) in &config.attributes {
        attributes.text(key, value);
    }
    attributes.text("service.name", &config.service_name);
    attributes.text("telemetry.sdk.name", "voice-core");
    attributes.text("telemetry.sdk.language", "rust");
    attributes.text("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
    json!({ "attributes": attributes })
}

fn scope() -> Value {
    json!({ "name": "voice-core", "version": env!("CARGO_PKG_VERSION") })
}

/// How many spans a collector that answered did not take. Protobuf's JSON writes a large number as a string.
fn rejected(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
