//! The one public error: a stable code, a precise kind, and what to do next.
//!
//! Callers branch on [`Error::code`] (twelve codes, stable for ever, each with one HTTP status) or on the finer
//! [`Error::kind`]. The message is for people: it says what was found and what would be accepted, and never holds a
//! secret, audio, or what anybody said.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use serde::Serialize;

/// The result of everything in this library that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A stable, machine-readable class of failure.
///
/// New codes may be added, none is ever renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ErrorCode {
    /// What the caller gave (audio, text, a field) cannot be accepted as it is.
    ValidationError,
    /// No credential was given where one is needed, or it does not reach this far.
    Unauthorized,
    /// An API key of this library's own accounts is unknown or revoked.
    InvalidApiKey,
    /// A provider refused the key it was called with.
    InvalidProviderKey,
    /// No such session is reachable for this caller.
    SessionNotFound,
    /// Too many requests, here or at a provider; see [`Error::retry_after`].
    RateLimitExceeded,
    /// The call, the configuration, or the request to a provider is wrong in itself.
    InvalidRequest,
    /// The conversation store failed.
    StorageError,
    /// A provider or a tool failed.
    ProviderError,
    /// A time limit or the turn's deadline passed.
    Timeout,
    /// The caller cancelled the call.
    Cancelled,
    /// A defect in this library.
    InternalError,
}

impl ErrorCode {
    /// Every code, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::ValidationError,
        Self::Unauthorized,
        Self::InvalidApiKey,
        Self::InvalidProviderKey,
        Self::SessionNotFound,
        Self::RateLimitExceeded,
        Self::InvalidRequest,
        Self::StorageError,
        Self::ProviderError,
        Self::Timeout,
        Self::Cancelled,
        Self::InternalError,
    ];

    /// The code as it is written in JSON and in every language, for example `VALIDATION_ERROR`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ValidationError => "VALIDATION_ERROR",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::InvalidApiKey => "INVALID_API_KEY",
            Self::InvalidProviderKey => "INVALID_PROVIDER_KEY",
            Self::SessionNotFound => "SESSION_NOT_FOUND",
            Self::RateLimitExceeded => "RATE_LIMIT_EXCEEDED",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::StorageError => "STORAGE_ERROR",
            Self::ProviderError => "PROVIDER_ERROR",
            Self::Timeout => "TIMEOUT",
            Self::Cancelled => "CANCELLED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// The HTTP status with which a host should answer this code.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::ValidationError | Self::InvalidRequest => 400,
            Self::Unauthorized | Self::InvalidApiKey => 401,
            Self::SessionNotFound => 404,
            Self::RateLimitExceeded => 429,
            Self::Cancelled => 499,
            Self::StorageError | Self::InternalError => 500,
            Self::InvalidProviderKey | Self::ProviderError => 502,
            Self::Timeout => 504,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What exactly went wrong. Each kind belongs to one [`ErrorCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The audio has no bytes or no samples.
    EmptyAudio,
    /// The audio has more bytes than the limit.
    AudioTooLarge,
    /// The audio lasts longer than the limit.
    AudioTooLong,
    /// The audio has no more sound than a closed microphone.
    SilentAudio,
    /// The bytes are damaged beyond use.
    CorruptAudio,
    /// The bytes end before the first sound could be decoded.
    TruncatedAudio,
    /// The bytes are not audio, or of a format or shape that is not supported.
    UnsupportedAudio,
    /// The audio was heard, but nobody spoke in it.
    NoSpeech,
    /// A typed message is empty, too long, or otherwise not acceptable.
    InvalidText,
    /// A field of a request is out of its range.
    InvalidField,
    /// What should be unique is there already, as an e-mail address that is registered.
    AlreadyExists,
    /// No credential was given.
    Unauthorized,
    /// The credential is good, but does not reach this far.
    Forbidden,
    /// An access token, or the signature of a webhook's message, is malformed, forged, expired or not for this audience.
    InvalidToken,
    /// An API key of this library's accounts is unknown or revoked.
    InvalidApiKey,
    /// A provider refused its key (HTTP 401 or 403).
    InvalidProviderKey,
    /// No key for a provider is configured.
    MissingProviderKey,
    /// No such session.
    SessionNotFound,
    /// Too many requests; waiting helps.
    RateLimited,
    /// A provider's quota or credit is used up; waiting does not help.
    QuotaExhausted,
    /// The configuration is wrong.
    InvalidConfig,
    /// A provider refused the request as wrong in itself (HTTP 400, 404, 413, 422 …).
    RejectedByProvider,
    /// A file of a local model is missing or not the one expected.
    ModelMissing,
    /// A file that the caller named cannot be read or written.
    File,
    /// The object was already closed.
    Closed,
    /// What the agent holds (its store, its configuration) cannot do this.
    Unsupported,
    /// No such thing is reachable for this caller: an organization, a user, a key, an assistant. Answered with 404.
    NotFound,
    /// The store failed.
    Storage,
    /// The store was written by a newer version of this library.
    StorageTooNew,
    /// The store has no room left.
    StorageFull,
    /// The store may be read but not written.
    StorageReadOnly,
    /// What the store reads is damaged, or is not a store at all.
    StorageCorrupt,
    /// Another process held the store for too long; the same call may succeed later.
    StorageBusy,
    /// The store's server cannot be reached, or the connection to it broke; the same call may succeed later.
    StorageUnreachable,
    /// The store's server refused the user, the password or the access.
    StorageDenied,
    /// A connection to a provider could not be made (refused, DNS, TLS).
    Connect,
    /// A connection broke while it was in use.
    ConnectionLost,
    /// A provider answered that it failed (HTTP 5xx, or an error inside a stream).
    ProviderFailed,
    /// A provider answered something that its protocol does not allow.
    MalformedResponse,
    /// A tool failed.
    ToolFailed,
    /// Every configured provider of a stage is resting after repeated failures.
    CircuitOpen,
    /// No connection within the connect time-out.
    ConnectTimeout,
    /// No first byte within its time-out.
    FirstByteTimeout,
    /// A stream fell silent for longer than the idle time-out.
    IdleTimeout,
    /// A tool took longer than its time-out.
    ToolTimeout,
    /// The deadline of the turn passed.
    DeadlineExceeded,
    /// The caller cancelled.
    Cancelled,
    /// A defect in this library.
    Internal,
}

impl ErrorKind {
    /// The stable code that this kind belongs to.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        use ErrorKind as K;
        match self {
            K::EmptyAudio
            | K::AudioTooLarge
            | K::AudioTooLong
            | K::SilentAudio
            | K::CorruptAudio
            | K::TruncatedAudio
            | K::UnsupportedAudio
            | K::NoSpeech
            | K::InvalidText
            | K::InvalidField
            | K::AlreadyExists => ErrorCode::ValidationError,
            K::Unauthorized | K::Forbidden | K::InvalidToken => ErrorCode::Unauthorized,
            K::InvalidApiKey => ErrorCode::InvalidApiKey,
            K::InvalidProviderKey | K::MissingProviderKey => ErrorCode::InvalidProviderKey,
            K::SessionNotFound => ErrorCode::SessionNotFound,
            K::RateLimited | K::QuotaExhausted => ErrorCode::RateLimitExceeded,
            K::InvalidConfig
            | K::RejectedByProvider
            | K::ModelMissing
            | K::File
            | K::Closed
            | K::Unsupported
            | K::NotFound => ErrorCode::InvalidRequest,
            K::Storage
            | K::StorageTooNew
            | K::StorageFull
            | K::StorageReadOnly
            | K::StorageCorrupt
            | K::StorageBusy
            | K::StorageUnreachable
            | K::StorageDenied => ErrorCode::StorageError,
            K::Connect
            | K::ConnectionLost
            | K::ProviderFailed
            | K::MalformedResponse
            | K::ToolFailed
            | K::CircuitOpen => ErrorCode::ProviderError,
            K::ConnectTimeout | K::FirstByteTimeout | K::IdleTimeout | K::ToolTimeout | K::DeadlineExceeded => {
                ErrorCode::Timeout
            }
            K::Cancelled => ErrorCode::Cancelled,
            K::Internal => ErrorCode::InternalError,
        }
    }

    /// Whether the same call may succeed when it is made again. An [`Error`] can override this for one case.
    #[must_use]
    pub const fn retryable(self) -> bool {
        use ErrorKind as K;
        matches!(
            self,
            K::RateLimited
                | K::Connect
                | K::ConnectionLost
                | K::ProviderFailed
                | K::MalformedResponse
                | K::CircuitOpen
                | K::ConnectTimeout
                | K::FirstByteTimeout
                | K::IdleTimeout
                | K::StorageBusy
                | K::StorageUnreachable
        )
    }
}

/// The part of a turn in which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Taking the turn in: ids, session lock.
    Admit,
    /// Reading and preparing audio.
    Audio,
    /// Speech to text.
    Stt,
    /// The language model.
    Llm,
    /// Text to speech.
    Tts,
    /// The conversation store.
    Store,
    /// Searching documents.
    Knowledge,
}

impl Stage {
    /// The stage as it is written in JSON and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Audio => "audio",
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
            Self::Store => "store",
            Self::Knowledge => "knowledge",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call failed. Cheap to clone; opaque, so that it can grow.
///
/// Neither `Display` nor `Debug` ever shows a secret, audio, or conversation text.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    stage: Option<Stage>,
    provider: Option<Arc<str>>,
    retryable: Option<bool>,
    retry_after: Option<Duration>,
    provider_status: Option<u16>,
    attachment: Option<Arc<dyn Any + Send + Sync>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a message for people: what was found, what is accepted, what to do next.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            stage: None,
            provider: None,
            retryable: None,
            retry_after: None,
            provider_status: None,
            attachment: None,
            source: None,
        }))
    }

    /// Names the stage, unless one is named already.
    #[must_use]
    pub fn with_stage(mut self, stage: Stage) -> Self {
        self.0.stage.get_or_insert(stage);
        self
    }

    /// Names the provider, unless one is named already.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<Arc<str>>) -> Self {
        if self.0.provider.is_none() {
            self.0.provider = Some(provider.into());
        }
        self
    }

    /// Overrides whether the same call may succeed when made again.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = Some(retryable);
        self
    }

    /// Says how long to wait before the call is made again.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Keeps the HTTP status with which a provider answered.
    #[must_use]
    pub fn with_provider_status(mut self, status: u16) -> Self {
        self.0.provider_status = Some(status);
        self
    }

    /// Keeps the underlying error. Its text must hold no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Keeps a value of a lower room with the error; that room offers the typed way to read it.
    #[must_use]
    pub(crate) fn with_attachment(mut self, value: Arc<dyn Any + Send + Sync>) -> Self {
        self.0.attachment = Some(value);
        self
    }

    pub(crate) fn attachment(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.0.attachment.as_deref()
    }

    /// A defect in this library; `message` says where.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The stable code, for branching.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.kind.code()
    }

    /// What exactly went wrong, for finer branching.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message for people, without code, stage or provider.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call may succeed when it is made again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.0.retryable.unwrap_or_else(|| self.0.kind.retryable())
    }

    /// How long to wait before calling again, when somebody said so (a provider's `Retry-After`, a local rate limit).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The stage of the turn that failed.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.0.stage
    }

    /// The provider that failed, for example `openai/gpt-transcribe`.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// The HTTP status with which the provider answered, if it did.
    #[must_use]
    pub fn provider_status(&self) -> Option<u16> {
        self.0.provider_status
    }

    /// The HTTP status with which a host should answer: that of the code, and 404 for kind `NotFound`.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self.kind() {
            ErrorKind::NotFound => ErrorCode::SessionNotFound.http_status(),
            kind => kind.code().http_status(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("code", &self.code().as_str()).field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(stage) = self.0.stage {
            out.field("stage", &stage.as_str());
        }
        if let Some(provider) = &self.0.provider {
            out.field("provider", provider);
        }
        out.field("retryable", &self.retryable());
        if let Some(delay) = self.0.retry_after {
            out.field("retry_after", &delay);
        }
        if let Some(status) = self.0.provider_status {
            out.field("provider_status", &status);
        }
        out.finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_documented() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn the_innermost_stage_and_provider_win() {
        let error = Error::new(ErrorKind::Connect, "refused")
            .with_stage(Stage::Stt)
            .with_stage(Stage::Llm)
            .with_provider("a/b")
            .with_provider("c/d");
        assert_eq!(error.stage(), Some(Stage::Stt));
        assert_eq!(error.provider(), Some("a/b"));
    }
}
