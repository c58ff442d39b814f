//! Where what is measured is sent.

use std::sync::Arc;

use crate::{
    config::TelemetryConfig,
    error::Result,
    telemetry::{MetricsSink, SinkConsumer, Starting},
};

/// What takes an agent's reports: the host's sinks, and a collector where the config names one.
pub(super) fn consumers(sinks: Vec<Arc<dyn MetricsSink>>, config: &TelemetryConfig) -> Result<Vec<Starting>> {
    let mut all: Vec<Starting> = sinks.into_iter().map(SinkConsumer::starting).collect();
    if let Some(endpoint) = &config.otlp_endpoint {
        all.push(collector(endpoint, config)?);
    }
    Ok(all)
}

#[cfg(feature = "otel")]
fn collector(endpoint: &str, config: &TelemetryConfig) -> Result<Starting> {
    crate::otlp::exporter(endpoint, config)
}

#[cfg(not(feature = "otel"))]
fn collector(_: &str, _: &TelemetryConfig) -> Result<Starting> {
    let what = super::not_compiled_in("telemetry.otlp_endpoint: OpenTelemetry", "otel");
    Err(crate::config::invalid(what))
}
