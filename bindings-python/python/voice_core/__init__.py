"""Speech in, speech out, in your own process.

>>> from voice_core import VoiceAgent
>>> agent = VoiceAgent.local()                              # doctest: +SKIP
>>> reply = agent.converse("question.wav")                  # doctest: +SKIP
>>> print(reply.transcript, "→", reply.text)                # doctest: +SKIP
>>> reply.audio.save("answer.wav")                          # doctest: +SKIP

`AsyncVoiceAgent` is the same for asyncio. Everything that fails raises a `VoiceError`.
"""

from . import _library as _library  # first: it chooses the native half  # isort: skip
from ._aio import AsyncVoiceAgent
from ._audio import Audio, AudioSource
from ._errors import (
    InternalError,
    InvalidApiKeyError,
    InvalidProviderKeyError,
    InvalidRequestError,
    ProviderError,
    RateLimitError,
    SessionNotFoundError,
    StorageError,
    TurnCancelledError,
    UnauthorizedError,
    ValidationError,
    VoiceError,
    VoiceTimeoutError,
)
from ._host import ConversationStore, LanguageModel, SpeechToText, TextToSpeech
from ._live import AsyncLiveSession, LiveSession
from ._live_types import (
    AgentStateChanged,
    Backchannel,
    Clear,
    Dtmf,
    FalseInterruption,
    Interrupted,
    LiveEnded,
    LiveEvent,
    LiveFailure,
    LiveStarted,
    LiveSummary,
    Recorded,
    TurnDone,
    TurnStarted,
    UserStateChanged,
)
from ._logging import log_level
from ._native import VERSION as __version__
from ._people import Greeting
from ._records import (
    ApiKey,
    Assistant,
    AuditEntry,
    CleanedUp,
    Credential,
    Erased,
    KeyLimit,
    Login,
    NewApiKey,
    Organization,
    Principal,
    Registered,
    StoredAssistant,
    User,
)
from ._rooms import Accounts, Assistants, Audit, Sessions
from ._rooms_aio import AsyncAccounts, AsyncAssistants, AsyncAudit, AsyncSessions
from ._sync import VoiceAgent
from ._tools import Tool, ToolContext, tool
from ._turns import AsyncTurn, Turn
from ._types import (
    AssistantVersion,
    AudioChunk,
    AudioFailed,
    Cost,
    Done,
    Filler,
    GenerateRequest,
    Message,
    Metrics,
    Page,
    PromptMessage,
    Reply,
    Session,
    Speaking,
    Started,
    SynthesisRequest,
    TextDelta,
    ToolCall,
    ToolResult,
    ToolSpec,
    TranscribeRequest,
    Transcript,
    TurnEvent,
)
from ._wire import AsyncLiveWire, LiveWire

__all__ = [
    "Accounts",
    "AgentStateChanged",
    "ApiKey",
    "Assistant",
    "AssistantVersion",
    "Assistants",
    "AsyncAccounts",
    "AsyncAssistants",
    "AsyncAudit",
    "AsyncLiveSession",
    "AsyncLiveWire",
    "AsyncSessions",
    "AsyncTurn",
    "AsyncVoiceAgent",
    "Audio",
    "AudioChunk",
    "AudioFailed",
    "AudioSource",
    "Audit",
    "AuditEntry",
    "Backchannel",
    "CleanedUp",
    "Clear",
    "ConversationStore",
    "Cost",
    "Credential",
    "Done",
    "Dtmf",
    "Erased",
    "FalseInterruption",
    "Filler",
    "GenerateRequest",
    "Greeting",
    "InternalError",
    "Interrupted",
    "InvalidApiKeyError",
    "InvalidProviderKeyError",
    "InvalidRequestError",
    "KeyLimit",
    "LanguageModel",
    "LiveEnded",
    "LiveEvent",
    "LiveFailure",
    "LiveSession",
    "LiveStarted",
    "LiveSummary",
    "LiveWire",
    "Login",
    "Message",
    "Metrics",
    "NewApiKey",
    "Organization",
    "Page",
    "Principal",
    "PromptMessage",
    "ProviderError",
    "RateLimitError",
    "Recorded",
    "Registered",
    "Reply",
    "Session",
    "SessionNotFoundError",
    "Sessions",
    "Speaking",
    "SpeechToText",
    "Started",
    "StorageError",
    "StoredAssistant",
    "SynthesisRequest",
    "TextDelta",
    "TextToSpeech",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolResult",
    "ToolSpec",
    "TranscribeRequest",
    "Transcript",
    "Turn",
    "TurnCancelledError",
    "TurnDone",
    "TurnEvent",
    "TurnStarted",
    "UnauthorizedError",
    "User",
    "UserStateChanged",
    "ValidationError",
    "VoiceAgent",
    "VoiceError",
    "VoiceTimeoutError",
    "__version__",
    "log_level",
    "tool",
]


def _shut_down() -> None:
    from . import _courier, _host, _native

    # In this order: nothing new is asked of Python, what was asked is over, what runs on the own loop is ended.
    _native.set_log_sink("error", None)
    _native.shutdown()
    _courier.stop()
    _host.stop()


import atexit as _atexit  # noqa: E402

_atexit.register(_shut_down)
