//! The one error record.

use serde::Serialize;
use voice_core::{Error, ErrorCode, ErrorKind};

use crate::ReplyRecord;

/// The result of everything that crosses a language border.
pub type Outcome<T> = Result<T, ErrorRecord>;

/// An error as every language sees it. No field ever holds a secret, audio, or what anybody said, but for the reply, which
/// is neither printed nor written as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorRecord {
    /// The stable code, for example `VALIDATION_ERROR`.
    pub code: String,
    /// The finer kind, for example `no_speech`.
    pub kind: String,
    /// The stage of the turn, for example `stt`.
    pub stage: Option<String>,
    /// The message for people. Not called `message`: some generators reserve that name.
    pub detail: String,
    /// Whether the same call may succeed when made again.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The provider that failed.
    pub provider: Option<String>,
    /// The HTTP status with which a host should answer.
    pub http_status: u16,
    /// What had been said before the failure: there when saving the turn failed.
    #[serde(skip)]
    pub reply: Option<ReplyRecord>,
}

impl ErrorRecord {
    /// A defect, here or in the host's code.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Error::internal(detail).into()
    }

    /// An argument that cannot be accepted.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidField, detail).into()
    }

    /// The object was closed.
    #[must_use]
    pub fn closed(what: &str) -> Self {
        Error::new(ErrorKind::Closed, format!("the {what} is closed")).into()
    }
}

/// Every code with the HTTP status that goes with it, for the exceptions of each language.
#[must_use]
pub fn error_codes() -> Vec<(&'static str, u16)> {
    ErrorCode::ALL.into_iter().map(|code| (code.as_str(), code.http_status())).collect()
}

fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

impl From<&Error> for ErrorRecord {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code().as_str().to_owned(),
            kind: word(&error.kind()),
            stage: error.stage().map(|s| s.as_str().to_owned()),
            detail: error.message().to_owned(),
            retryable: error.retryable(),
            retry_after_ms: error.retry_after().map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
            provider: error.provider().map(str::to_owned),
            http_status: error.http_status(),
            reply: error.reply().cloned().map(ReplyRecord::new),
        }
    }
}

impl From<Error> for ErrorRecord {
    fn from(error: Error) -> Self {
        (&error).into()
    }
}

/// What a host's provider or store says went wrong, as the core's error.
///
/// Codes that the core would act on (retry, fall back, cancel) keep their meaning; any other becomes a provider's failure.
#[must_use]
pub fn from_host(code: Option<&str>, detail: &str, retryable: Option<bool>, retry_after_ms: Option<u64>) -> Error {
    let kind = match code.and_then(|code| ErrorCode::ALL.into_iter().find(|c| c.as_str() == code)) {
        Some(ErrorCode::ValidationError) => ErrorKind::InvalidField,
        Some(ErrorCode::InvalidRequest) => ErrorKind::RejectedByProvider,
        Some(ErrorCode::InvalidProviderKey) => ErrorKind::InvalidProviderKey,
        Some(ErrorCode::RateLimitExceeded) => ErrorKind::RateLimited,
        Some(ErrorCode::Timeout) => ErrorKind::FirstByteTimeout,
        Some(ErrorCode::Cancelled) => ErrorKind::Cancelled,
        Some(ErrorCode::StorageError) => ErrorKind::Storage,
        _ => ErrorKind::ProviderFailed,
    };
    let mut error = Error::new(kind, detail);
    if let Some(retryable) = retryable {
        error = error.with_retryable(retryable);
    }
    if let Some(ms) = retry_after_ms {
        error = error.with_retry_after(std::time::Duration::from_millis(ms));
    }
    error
}
