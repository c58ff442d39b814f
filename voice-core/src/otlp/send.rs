//! Bringing a message to the collector, again where that may help.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand::Rng;
use reqwest::{
    Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{TelemetryConfig, invalid},
    error::Result,
    providers::http::{ClientOptions, client, retry_after},
};

/// How often a message is offered, and the longest waits between.
const ATTEMPTS: u32 = 5;
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A collector that asks for a longer wait than this is not waited for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);
/// The most bytes of an answer that are read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// What a collector answers.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// Offers a message once; an error is why there was no answer.
#[async_trait]
pub(super) trait Post: Send + Sync {
    async fn post(&self, path: &'static str, body: Bytes) -> Result<Answer, String>;
}

/// Brings a message to the collector and gives its answer.
///
/// It is offered again where OTLP says so: no answer, or 429, 502, 503, 504; after the wait that the collector asks for, else after
/// waits that double. Once `closing`, it is offered once more and not waited for any longer.
///
/// # Errors
/// Why it was given up.
pub(super) async fn deliver(
    post: &dyn Post,
    path: &'static str,
    message: &Value,
    limit: Duration,
    closing: &CancellationToken,
) -> Result<Vec<u8>, String> {
    let body = Bytes::from(message.to_string());
    let mut longest = FIRST_DELAY;
    for attempt in 1.. {
        let last = attempt == ATTEMPTS || closing.is_cancelled();
        let (why, asked) = match timeout(limit, post.post(path, body.clone())).await {
            Ok(Ok(answer)) if (200..300).contains(&answer.status) => return Ok(answer.body),
            Ok(Ok(Answer { status, retry_after, .. })) => {
                let why = format!("the collector answered {status}");
                if !matches!(status, 429 | 502 | 503 | 504) {
                    return Err(why);
                }
                (why, retry_after)
            }
            Ok(Err(why)) => (why, None),
            Err(_) => ("the collector did not answer in time".to_owned(), None),
        };
        if last || asked.is_some_and(|asked| asked > LONGEST_ASKED) {
            return Err(why);
        }
        let wait = asked.unwrap_or_else(|| longest.mul_f64(rand::rng().random_range(0.5..=1.0)));
        longest = (longest * 2).min(LONGEST_DELAY);
        tokio::select! {
            () = sleep(wait) => {}
            () = closing.cancelled() => {}
        }
    }
    Err("the collector was not asked".to_owned())
}

/// A collector on the network.
pub(super) struct HttpPost {
    endpoint: Url,
    headers: HeaderMap,
    options: ClientOptions,
}

impl HttpPost {
    /// # Errors
    /// `INVALID_REQUEST` (kind `InvalidConfig`) when the endpoint is no address or a header cannot be sent. Neither is shown.
    pub(super) fn new(endpoint: &str, config: &TelemetryConfig) -> Result<Self> {
        let address = format!("{}/", endpoint.trim_end_matches('/'));
        let endpoint = Url::parse(&address)
            .map_err(|_| invalid("telemetry.otlp_endpoint: this is no address; http://localhost:4318 is one".into()))?;
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(invalid(
                "telemetry.otlp_endpoint: a name or a password in the address would be shown; use telemetry.headers"
                    .into(),
            ));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let refused = || invalid(format!("telemetry.headers.{name}: this header cannot be sent"));
            let (name, mut value) = (
                HeaderName::try_from(name.as_str()).map_err(|_| refused())?,
                HeaderValue::try_from(value.expose()).map_err(|_| refused())?,
            );
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let options = ClientOptions::to(&endpoint, Duration::from_millis(config.timeout_ms));
        Ok(Self { endpoint, headers, options })
    }
}

#[async_trait]
impl Post for HttpPost {
    async fn post(&self, path: &'static str, body: Bytes) -> Result<Answer, String> {
        let unreachable = |_| "the collector cannot be reached".to_owned();
        let url = self.endpoint.join(path).map_err(|_| "the collector's address is wrong".to_owned())?;
        let client = client(self.options).map_err(|error| error.message().to_owned())?;
        let mut response =
            client.post(url).headers(self.headers.clone()).body(body).send().await.map_err(unreachable)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + chunk.len() > LONGEST_ANSWER {
                break;
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body: answer })
    }
}
