"""The exceptions of the library: one tree under `VoiceError`, one class for each code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Dict, Optional, Tuple, Type

if TYPE_CHECKING:
    from ._native import Reply as NativeReply
    from ._types import Reply


class VoiceError(Exception):
    """A call failed.

    Catch it for everything that the library raises, or one of its subclasses, one for each `code`. No message holds a
    secret, audio, or what anybody said.

    Raise it, or a subclass, in a provider of your own to say how the library should act: a `RateLimitError` is tried
    again, an `InvalidProviderKeyError` is not.

    Parameters
    ----------
    message
        What was found, what is accepted, what to do next.
    retryable
        Whether the same call may succeed when it is made again. Default: as usual for the class.
    retry_after
        How long to wait before that, in seconds.
    """

    code: ClassVar[str] = "PROVIDER_ERROR"
    """The stable code, for example ``VALIDATION_ERROR``."""
    http_status: int = 500
    """The HTTP status with which a web application should answer."""

    message: str
    """The message for people, without code, stage or provider."""
    kind: Optional[str]
    """What exactly went wrong, for example ``no_speech``; finer than `code`."""
    stage: Optional[str]
    """The part of the turn that failed: ``admit``, ``audio``, ``stt``, ``llm``, ``tts``, ``store``."""
    provider: Optional[str]
    """The provider that failed, for example ``openai/gpt-transcribe``."""
    retry_after: Optional[float]
    """How long to wait before calling again, in seconds, when somebody said so."""
    reply: Optional[Reply]
    """What had been said before the failure: there when saving the turn failed."""

    def __init__(
        self, message: str = "failed", *, retryable: Optional[bool] = None, retry_after: Optional[float] = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = None
        self.stage = None
        self.provider = None
        self.retry_after = retry_after
        self.reply = None
        self._retryable = retryable

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed when it is made again."""
        return bool(self._retryable)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Tuple[Any, ...]:
        # Exceptions cross process pools; a reply is bound to its process.
        return (type(self), (self.message,), {**self.__dict__, "reply": None})


class ValidationError(VoiceError, ValueError):
    """What was given (audio, text, a field) cannot be accepted as it is: empty, too long, silent, without speech."""

    code = "VALIDATION_ERROR"
    http_status = 400


class UnauthorizedError(VoiceError):
    """No credential was given where one is needed."""

    code = "UNAUTHORIZED"
    http_status = 401


class InvalidApiKeyError(VoiceError):
    """An API key of this library's own accounts is unknown or revoked."""

    code = "INVALID_API_KEY"
    http_status = 401


class InvalidProviderKeyError(VoiceError):
    """A provider refused its key, or none is configured."""

    code = "INVALID_PROVIDER_KEY"
    http_status = 502


class SessionNotFoundError(VoiceError, LookupError):
    """No such session is reachable for this caller."""

    code = "SESSION_NOT_FOUND"
    http_status = 404


class RateLimitError(VoiceError):
    """Too many requests, here or at a provider; see `retry_after`."""

    code = "RATE_LIMIT_EXCEEDED"
    http_status = 429


class InvalidRequestError(VoiceError):
    """The call, the configuration, or the request to a provider is wrong in itself; also: the object is closed."""

    code = "INVALID_REQUEST"
    http_status = 400


class StorageError(VoiceError):
    """The conversation store failed."""

    code = "STORAGE_ERROR"
    http_status = 500


class ProviderError(VoiceError):
    """A provider failed."""

    code = "PROVIDER_ERROR"
    http_status = 502


class VoiceTimeoutError(VoiceError, TimeoutError):
    """A time limit or the turn's deadline passed."""

    code = "TIMEOUT"
    http_status = 504


class TurnCancelledError(VoiceError):
    """The call was cancelled by other means than cancelling its task: by `cancel()`, or because the agent was closed."""

    code = "CANCELLED"
    http_status = 499


class InternalError(VoiceError):
    """A defect in the library."""

    code = "INTERNAL_ERROR"
    http_status = 500


CLASSES: Dict[str, Type[VoiceError]] = {c.code: c for c in VoiceError.__subclasses__()}


def from_fields(fields: Dict[str, Any]) -> VoiceError:
    """The exception for a record of the native half."""
    after = fields["retry_after_ms"]
    kind = CLASSES.get(fields["code"], VoiceError)
    error = kind(
        fields["detail"], retryable=fields["retryable"], retry_after=None if after is None else after / 1000
    )
    error.kind, error.stage, error.provider = fields["kind"], fields["stage"], fields["provider"]
    error.http_status = fields["http_status"]
    return error


def from_record(record: str, reply: Optional[NativeReply] = None) -> VoiceError:
    """The exception for a record of the native half, as JSON, and the reply that goes with it."""
    error = from_fields(json.loads(record))
    if reply is not None:
        from . import _types

        error.reply = _types.reply(reply)
    return error
