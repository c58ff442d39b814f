//! Whether what is measured is sent to an OpenTelemetry collector, and how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{check_headers, invalid, range};
use crate::{error::Result, secret::Secret};

/// Sends what is measured to an OpenTelemetry collector, as OTLP in JSON over HTTP: a span for every live session, turn, and call of a
/// provider or a tool, and metrics. Never words, sound or keys. Needs the feature `otel`, which the packages of other languages have.
///
/// The environment variables of OpenTelemetry stand for what is left out: `OTEL_EXPORTER_OTLP_ENDPOINT`,
/// `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`,
/// `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`. With `OTEL_SDK_DISABLED=true` none of them is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TelemetryConfig {
    /// Where the collector is, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are added. Default: nothing is sent.
    pub otlp_endpoint: Option<String>,
    /// Headers of every request, for example the key of a service. Their values are never shown.
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Secret>,
    /// The attribute `service.name` of everything that is sent. Default `voice-core`.
    pub service_name: String,
    /// More attributes of everything that is sent, for example `deployment.environment.name`.
    pub attributes: BTreeMap<String, String>,
    /// How often spans are sent, in milliseconds; 512 are sent at once. Default 5,000.
    pub spans_interval_ms: u64,
    /// How often metrics are sent, in milliseconds. Default 60,000.
    pub metrics_interval_ms: u64,
    /// How long the collector may take over a request, in milliseconds. Default 10,000.
    pub timeout_ms: u64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            headers: BTreeMap::new(),
            service_name: "voice-core".into(),
            attributes: BTreeMap::new(),
            spans_interval_ms: 5_000,
            metrics_interval_ms: 60_000,
            timeout_ms: 10_000,
        }
    }
}

impl TelemetryConfig {
    pub(super) fn validate(&self) -> Result<()> {
        let day = 86_400_000.0;
        range("telemetry.spans_interval_ms", self.spans_interval_ms as f64, 1.0, day)?;
        range("telemetry.metrics_interval_ms", self.metrics_interval_ms as f64, 1.0, day)?;
        range("telemetry.timeout_ms", self.timeout_ms as f64, 1.0, 600_000.0)?;
        if let Some(endpoint) = &self.otlp_endpoint
            && !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme))
        {
            // An address may hold a password, so it is not shown.
            return Err(invalid(
                "telemetry.otlp_endpoint: expected an address that begins with http:// or https://".into(),
            ));
        }
        check_headers("telemetry.headers", &self.headers)
    }
}
