"""Speech in, speech out, in your own process.

>>> from voice_core import VoiceAgent
>>> agent = VoiceAgent.local()                              # doctest: +SKIP
>>> reply = agent.converse("question.wav")                  # doctest: +SKIP
>>> print(reply.transcript, "→", reply.text)                # doctest: +SKIP
>>> reply.audio.save("answer.wav")                          # doctest: +SKIP

`AsyncVoiceAgent` is the same for asyncio. Everything that fails raises a `VoiceError`.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any
from typing import List as _List

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
from ._host import (
    ConversationStore,
    LanguageModel,
    ManyVoices,
    SpeechToText,
    SpokenAudio,
    TextToSpeech,
    TurnDetector,
    Warm,
    WarmLanguageModel,
)
from ._native import VERSION as __version__
from ._sync import VoiceAgent
from ._tools import Tool, ToolContext, tool
from ._turns import AsyncTurn, Turn
from ._types import (
    ActionDetected,
    AssistantVersion,
    AudioChunk,
    AudioFailed,
    Cost,
    Done,
    Filler,
    Finished,
    GenerateRequest,
    KnowledgeFailed,
    Message,
    Metrics,
    Page,
    PromptMessage,
    Reply,
    Session,
    SourcesFound,
    Speaking,
    Started,
    SpokenWord,
    SynthesisRequest,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolResult,
    ToolSpec,
    TranscribeRequest,
    Transcript,
    TurnEvent,
)

if _TYPE_CHECKING:
    from ._listening import ListenRequest, SpokenSound, StreamingSpeechToText
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
    from ._metrics import MetricsSink, Report
    from ._people import Greeting, VoicePreview
    from ._records import (
        Action,
        ApiKey,
        Assistant,
        AuditEntry,
        CallAnswer,
        CleanedUp,
        ConversationSummary,
        ClientSecret,
        Credential,
        DeliveryAttempt,
        Erased,
        KeyLimit,
        KnowledgeDocument,
        Login,
        NewApiKey,
        Organization,
        PhoneCall,
        Principal,
        Registered,
        SignedWebhook,
        Source,
        StoredAssistant,
        User,
        Voice,
        Webhook,
        WebhookDelivery,
    )
    from ._reports import CallReport, SessionReport, ToolReport, TurnReport
    from ._rooms import Accounts, Assistants, Audit, Knowledge, Sessions, Webhooks
    from ._rooms_aio import AsyncAccounts, AsyncAssistants, AsyncAudit, AsyncKnowledge, AsyncSessions, AsyncWebhooks
    from ._services import Realtime, Telephony, Voices
    from ._services_aio import AsyncRealtime, AsyncTelephony, AsyncVoices
    from ._wire import AsyncLiveWire, LiveWire

__all__ = [
    "Accounts",
    "Action",
    "ActionDetected",
    "AgentStateChanged",
    "ApiKey",
    "Assistant",
    "AssistantVersion",
    "Assistants",
    "AsyncAccounts",
    "AsyncAssistants",
    "AsyncAudit",
    "AsyncKnowledge",
    "AsyncLiveSession",
    "AsyncLiveWire",
    "AsyncRealtime",
    "AsyncSessions",
    "AsyncTelephony",
    "AsyncTurn",
    "AsyncVoiceAgent",
    "AsyncVoices",
    "AsyncWebhooks",
    "Audio",
    "AudioChunk",
    "AudioFailed",
    "AudioSource",
    "Audit",
    "AuditEntry",
    "Backchannel",
    "CallAnswer",
    "CallReport",
    "CleanedUp",
    "Clear",
    "ClientSecret",
    "ConversationStore",
    "ConversationSummary",
    "Cost",
    "Credential",
    "DeliveryAttempt",
    "Done",
    "Dtmf",
    "Erased",
    "FalseInterruption",
    "Filler",
    "Finished",
    "GenerateRequest",
    "Greeting",
    "InternalError",
    "Interrupted",
    "InvalidApiKeyError",
    "InvalidProviderKeyError",
    "InvalidRequestError",
    "KeyLimit",
    "Knowledge",
    "KnowledgeDocument",
    "KnowledgeFailed",
    "LanguageModel",
    "ListenRequest",
    "LiveEnded",
    "LiveEvent",
    "LiveFailure",
    "LiveSession",
    "LiveStarted",
    "LiveSummary",
    "LiveWire",
    "Login",
    "ManyVoices",
    "Message",
    "Metrics",
    "MetricsSink",
    "NewApiKey",
    "Organization",
    "Page",
    "PhoneCall",
    "Principal",
    "PromptMessage",
    "ProviderError",
    "RateLimitError",
    "Realtime",
    "Recorded",
    "Registered",
    "Reply",
    "Report",
    "Session",
    "SessionNotFoundError",
    "SessionReport",
    "Sessions",
    "SignedWebhook",
    "Source",
    "SourcesFound",
    "Speaking",
    "SpeechToText",
    "SpokenAudio",
    "SpokenSound",
    "SpokenWord",
    "Started",
    "StorageError",
    "StoredAssistant",
    "StreamingSpeechToText",
    "SynthesisRequest",
    "Telephony",
    "TextDelta",
    "TextToSpeech",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolReport",
    "ToolResult",
    "ToolSpec",
    "TranscribeRequest",
    "Transcript",
    "Turn",
    "TurnCancelledError",
    "TurnDetector",
    "TurnDone",
    "TurnEvent",
    "TurnReport",
    "TurnStarted",
    "UnauthorizedError",
    "User",
    "UserStateChanged",
    "ValidationError",
    "Voice",
    "VoiceAgent",
    "VoiceError",
    "VoicePreview",
    "VoiceTimeoutError",
    "Voices",
    "Warm",
    "WarmLanguageModel",
    "Webhook",
    "WebhookDelivery",
    "Webhooks",
    "__version__",
    "log_level",
    "tool",
]


# What only live sessions, accounts, assistants and sinks of metrics need is imported when it is first asked for: a program that just converses starts
# sooner without it.
_LATER = {
    "_listening": ("ListenRequest", "SpokenSound", "StreamingSpeechToText"),
    "_live": ("AsyncLiveSession", "LiveSession"),
    "_live_types": (
        "AgentStateChanged",
        "Backchannel",
        "Clear",
        "Dtmf",
        "FalseInterruption",
        "Interrupted",
        "LiveEnded",
        "LiveEvent",
        "LiveFailure",
        "LiveStarted",
        "LiveSummary",
        "Recorded",
        "TurnDone",
        "TurnStarted",
        "UserStateChanged",
    ),
    "_logging": ("log_level",),
    "_metrics": ("MetricsSink", "Report"),
    "_people": ("Greeting", "VoicePreview"),
    "_records": (
        "Action",
        "ApiKey",
        "Assistant",
        "AuditEntry",
        "CallAnswer",
        "CleanedUp",
        "ConversationSummary",
        "ClientSecret",
        "Credential",
        "DeliveryAttempt",
        "Erased",
        "KeyLimit",
        "KnowledgeDocument",
        "Login",
        "NewApiKey",
        "Organization",
        "PhoneCall",
        "Principal",
        "Registered",
        "SignedWebhook",
        "Source",
        "StoredAssistant",
        "User",
        "Voice",
        "Webhook",
        "WebhookDelivery",
    ),
    "_reports": ("CallReport", "SessionReport", "ToolReport", "TurnReport"),
    "_rooms": ("Accounts", "Assistants", "Audit", "Knowledge", "Sessions", "Webhooks"),
    "_rooms_aio": (
        "AsyncAccounts",
        "AsyncAssistants",
        "AsyncAudit",
        "AsyncKnowledge",
        "AsyncSessions",
        "AsyncWebhooks",
    ),
    "_services": ("Realtime", "Telephony", "Voices"),
    "_services_aio": ("AsyncRealtime", "AsyncTelephony", "AsyncVoices"),
    "_wire": ("AsyncLiveWire", "LiveWire"),
}
_MODULES = {name: module for module, names in _LATER.items() for name in names}


def __getattr__(name: str) -> _Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return found


def __dir__() -> _List[str]:
    return sorted({*globals(), *_MODULES})


def _shut_down() -> None:
    from . import _courier, _native, _workers

    # In this order: nothing new is asked of Python, what was asked is over, what runs on the own loop is ended.
    _native.set_log_sink("error", None)
    _native.shutdown()
    _courier.stop()
    _workers.stop()


import atexit as _atexit  # noqa: E402

_atexit.register(_shut_down)
