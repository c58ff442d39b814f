//! The other end of a call: who it is in errors, and what its answers mean.

use std::sync::Arc;

use bytes::BytesMut;
use reqwest::{Response, StatusCode, header::CONTENT_TYPE, header::HeaderMap, header::LOCATION};
use serde_json::Value;

use super::{
    answer::{Reported, should_retry},
    redact::presentable,
    retry_after, transport,
};
use crate::{
    error::{Error, ErrorKind, Result, Stage},
    secret::Secret,
};

/// What people said, so that an error that quotes it can be recognised.
pub(crate) type Private = Vec<Arc<str>>;

/// The headers under which servers name a request; what only one provider uses comes before what proxies set, too.
const REQUEST_IDS: [&str; 3] = ["dg-request-id", "request-id", "x-request-id"];

/// The headers in which servers explain an answer that has no body.
const EXPLANATIONS: [&str; 1] = ["dg-error"];

/// The most bytes of an error body that are read.
const MOST_ERROR_BYTES: usize = 64 * 1024;

/// Whom a call goes to and on whose behalf. Every error it makes names stage and provider and holds no secret. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// `provider/model`.
    pub(crate) provider: Arc<str>,
    /// The stage that calls.
    pub(crate) stage: Stage,
    /// Host and port, for people.
    pub(crate) host: Arc<str>,
    /// The key that is sent.
    pub(crate) key: Option<Secret>,
}

/// An error answer, as far as the provider explained itself.
// What of it is read depends on the providers that are compiled in.
#[cfg_attr(not(feature = "openai"), allow(dead_code))]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// The machine-readable word, such as `unsupported_parameter`.
    pub(crate) code: Option<String>,
    /// The field at fault.
    pub(crate) param: Option<String>,
    /// The provider's words as they came; for reading only, never for showing.
    pub(crate) raw_message: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, code: None, param: None, raw_message: String::new() }
    }
}

impl Peer {
    /// An error of `kind` that names this peer. `message` must hold nothing private.
    pub(crate) fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, message).with_stage(self.stage).with_provider(self.provider.clone())
    }

    /// What a failure below HTTP means: no connection, or one that broke.
    pub(crate) fn transport(&self, error: &reqwest::Error) -> Error {
        let (kind, what) = transport::classify(error);
        self.error(kind, transport::sentence(kind, &self.host, &what))
    }

    /// Lets a successful answer through and turns any other into the typed error it means.
    ///
    /// # Errors
    /// The refusal, with the words a caller needs to adapt the request.
    pub(crate) async fn accept(&self, response: Response, private: &Private) -> Result<Response, Refusal> {
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read_some(response, MOST_ERROR_BYTES).await;
        Err(self.refusal(status, &headers, &body, private))
    }

    /// Reads a body of at most `limit` bytes.
    ///
    /// # Errors
    /// `PROVIDER_ERROR` when the connection breaks or the body is longer.
    pub(crate) async fn read_all(&self, mut response: Response, limit: usize) -> Result<BytesMut> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.transport(&e))? {
            body.extend_from_slice(&chunk);
            if body.len() > limit {
                return Err(self.error(
                    ErrorKind::MalformedResponse,
                    format!("{} sent an answer of more than {limit} bytes", self.host),
                ));
            }
        }
        Ok(body)
    }

    /// The beginning of a body, as much as came.
    async fn read_some(&self, mut response: Response, limit: usize) -> BytesMut {
        let mut body = BytesMut::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() >= limit {
                break;
            }
        }
        body
    }

    /// The typed error for a status, headers and body.
    pub(crate) fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], private: &Private) -> Refusal {
        let json = serde_json::from_slice::<Value>(body).ok();
        let reported = json.as_ref().map(Reported::read).unwrap_or_default();
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let text = String::from_utf8_lossy(body);
        let raw_message = reported.message.clone().unwrap_or_default();

        let mut message = format!("{} answered {}", self.host, status.as_u16());
        if let Some(name) = reported.name() {
            message.push_str(&format!(" ({})", self.presentable(name, private)));
        }
        if status.is_redirection() {
            let target = header(LOCATION.as_str()).unwrap_or("nowhere");
            message.push_str(&format!(
                ": a redirect to {}, which is not followed; use the final address as base URL",
                self.presentable(target.split(['?', '#']).next().unwrap_or_default(), private)
            ));
        } else if !raw_message.is_empty() {
            message.push_str(&format!(": {}", self.presentable(&raw_message, private)));
        } else if !text.trim().is_empty() {
            let kind = header(CONTENT_TYPE.as_str()).unwrap_or("text");
            message.push_str(&format!(" with {kind}: {}", self.presentable(&text, private)));
        } else if let Some(words) = EXPLANATIONS.iter().find_map(|name| header(name)) {
            message.push_str(&format!(": {}", self.presentable(words, private)));
        }
        if let Some(id) = REQUEST_IDS.iter().find_map(|name| header(name)) {
            message.push_str(&format!(" [request {}]", self.presentable(id, private)));
        }

        let kind = reported.kind(Some(status.as_u16()));
        let mut error = self.error(kind, message).with_provider_status(status.as_u16());
        // Out of credit stays out of credit, whatever a proxy's header says.
        if let Some(retry) = should_retry(headers).filter(|_| kind != ErrorKind::QuotaExhausted) {
            error = error.with_retryable(retry);
        }
        if let Some(delay) = retry_after(headers).or(reported.retry_after).filter(|_| error.retryable()) {
            error = error.with_retry_after(delay);
        }
        Refusal { error, code: reported.code, param: reported.param, raw_message }
    }

    /// The typed error for an error object that came inside a successful answer.
    #[cfg(feature = "_providers")]
    pub(crate) fn reported(&self, body: &Value, private: &Private) -> Error {
        let reported = Reported::read(body);
        let kind = reported.kind(None);
        let mut message = format!("{} reported an error in mid-answer", self.host);
        if let Some(name) = reported.name() {
            message.push_str(&format!(" ({})", self.presentable(name, private)));
        }
        if let Some(words) = &reported.message {
            message.push_str(&format!(": {}", self.presentable(words, private)));
        }
        let error = self.error(kind, message);
        match reported.retry_after.filter(|_| error.retryable()) {
            Some(delay) => error.with_retry_after(delay),
            None => error,
        }
    }

    /// The error for an answer that its protocol does not allow.
    pub(crate) fn malformed(&self, what: &str) -> Error {
        self.error(ErrorKind::MalformedResponse, format!("{} {what}", self.host))
    }

    /// The error for an answer that stopped before its end.
    #[cfg_attr(not(all(feature = "_providers", any(feature = "_sse", feature = "_websocket"))), allow(dead_code))]
    pub(crate) fn cut_short(&self) -> Error {
        self.error(ErrorKind::ConnectionLost, format!("{} closed the stream before the answer was complete", self.host))
    }

    fn presentable(&self, text: &str, private: &Private) -> String {
        presentable(text, self.key.as_ref().map(Secret::expose), private.iter().map(|p| &**p))
    }
}
