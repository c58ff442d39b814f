//! Errors in both directions.

use std::sync::Arc;

use voice_bridge::{ErrorRecord, Outcome};

use crate::event::Reply;

/// An error as the packages see it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ErrorDetails {
    /// The stable code, for example `VALIDATION_ERROR`.
    pub code: String,
    /// The finer kind, for example `no_speech`.
    pub kind: String,
    /// The stage of the turn, for example `stt`.
    pub stage: Option<String>,
    /// The message for people. Not called `message`: Kotlin's exceptions have that name already.
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
    pub reply: Option<Arc<Reply>>,
}

impl From<ErrorRecord> for ErrorDetails {
    fn from(error: ErrorRecord) -> Self {
        Self {
            code: error.code,
            kind: error.kind,
            stage: error.stage,
            detail: error.detail,
            retryable: error.retryable,
            retry_after_ms: error.retry_after_ms,
            provider: error.provider,
            http_status: error.http_status,
            reply: error.reply.map(Reply::new),
        }
    }
}

/// What every call of this layer fails with.
#[derive(Clone, Debug, thiserror::Error, uniffi::Error)]
pub enum Failure {
    /// The one case; the packages make their typed errors of it.
    #[error("{}", details.detail)]
    Failed {
        /// What went wrong.
        details: ErrorDetails,
    },
}

impl From<ErrorRecord> for Failure {
    fn from(error: ErrorRecord) -> Self {
        Self::Failed { details: error.into() }
    }
}

/// Runs a synchronous entry point so that a panic becomes an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Result<T, Failure> {
    Ok(voice_bridge::guard(work)?)
}

/// What a host's object says went wrong.
#[derive(Clone, Debug, thiserror::Error, uniffi::Error)]
pub enum HostFailure {
    /// The one case.
    #[error("{detail}")]
    Failed {
        /// A code of the library; `None`: `PROVIDER_ERROR`.
        code: Option<String>,
        /// What happened, for people and logs.
        detail: String,
        /// Whether trying again may help; `None`: as the code says.
        retryable: Option<bool>,
        /// How long to wait before that, in milliseconds.
        retry_after_ms: Option<u64>,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostFailure {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed { code: None, detail: error.reason, retryable: None, retry_after_ms: None }
    }
}
