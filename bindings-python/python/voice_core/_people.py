"""What comes back of accounts, assistants, the audit log and webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, cast

from ._audio import Audio
from ._errors import VoiceError, from_fields
from ._records import (
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
from ._types import Cost, action, cost, sources, time


@dataclass(frozen=True)
class Greeting:
    """What opens a conversation."""

    text: str = field(repr=False)
    """What was said."""
    audio: Audio
    """How it sounds; empty when speech failed (see `audio_error`) or the agent answers in writing only."""
    audio_error: Optional[VoiceError]
    """Why sound is missing or incomplete."""
    session_id: str
    """The session."""
    message_id: str
    """The stored message."""


@dataclass(frozen=True)
class VoicePreview:
    """How a voice sounds."""

    provider: str
    """Who spoke: the provider and its model, for example ``elevenlabs/eleven_flash_v2_5``."""
    voice: Optional[str]
    """The voice that was asked for; None: the provider's own."""
    text: str = field(repr=False)
    """What was said."""
    language: Optional[str]
    """In which language (BCP 47), if that was known."""
    media_type: str
    """What kind of file `data` is, for example ``audio/wav``."""
    sample_rate: int
    """How many samples a second the voice makes."""
    audio_seconds: float
    """How long it lasts."""
    usage: Dict[str, float]
    """What was used, as in a reply."""
    cost: Optional[Cost]
    """What that cost; None without a price."""
    data: bytes = field(repr=False)
    """The sound, as a file."""


def _timed(fields: Dict[str, Any]) -> Dict[str, Any]:
    """With every time as one."""
    return {name: time(value) if name == "at" or name.endswith("_at") else value for name, value in fields.items()}


def principal(fields: Dict[str, Any]) -> Principal:
    """The principal for one of the native half."""
    return Principal(**fields)


def organization(fields: Dict[str, Any]) -> Organization:
    """The organization for one of the native half."""
    return Organization(**_timed(fields))


def user(fields: Dict[str, Any]) -> User:
    """The user for one of the native half."""
    return User(**_timed(fields))


def api_key(fields: Dict[str, Any]) -> ApiKey:
    """The key for one of the native half."""
    limit = fields["rate_limit"]
    return ApiKey(**{**_timed(fields), "rate_limit": KeyLimit(**limit) if limit else None})


def new_key(fields: Dict[str, Any]) -> NewApiKey:
    """The new key for one of the native half."""
    return NewApiKey(api_key(fields["key"]), fields["secret"])


def registered(fields: Dict[str, Any]) -> Registered:
    """The new user for one of the native half."""
    return Registered(user(fields["user"]), api_key(fields["key"]), fields["secret"])


def login(fields: Dict[str, Any]) -> Login:
    """The login for one of the native half."""
    return Login(principal(fields["principal"]), user(fields["user"]) if fields["user"] else None)


def erased(fields: Dict[str, Any]) -> Erased:
    """What was erased, for what the native half says."""
    return Erased(**fields)


def cleaned_up(fields: Dict[str, Any]) -> CleanedUp:
    """What was cleaned up, for what the native half says."""
    return CleanedUp(**fields)


def credentials(listed: List[Dict[str, Any]]) -> List[Credential]:
    """The credentials for those of the native half."""
    return [Credential(**_timed(fields)) for fields in listed]


def assistant(fields: Dict[str, Any]) -> StoredAssistant:
    """The assistant for one of the native half."""
    own = ("id", "organization", "version", "created_at", "updated_at")
    kept = {name: fields.pop(name) for name in own}
    return StoredAssistant(assistant=cast(Assistant, fields), **_timed(kept))


def summary(fields: Optional[Dict[str, Any]]) -> Optional[ConversationSummary]:
    """The summary for one of the native half."""
    if fields is None:
        return None
    return ConversationSummary(**{**_timed(fields), "actions": [action(one) for one in fields["actions"]]})


def audit_entry(fields: Dict[str, Any]) -> AuditEntry:
    """The entry for one of the native half."""
    return AuditEntry(**_timed(fields))


def document(fields: Dict[str, Any]) -> KnowledgeDocument:
    """The document for one of the native half."""
    return KnowledgeDocument(**_timed(fields))


def found(listed: List[Dict[str, Any]]) -> List[Source]:
    """The passages for those of the native half."""
    return list(sources(listed))


def phone_call(fields: Dict[str, Any]) -> PhoneCall:
    """The call for one of the native half."""
    return PhoneCall(**fields)


def first_call(fields: Optional[Dict[str, Any]]) -> Optional[PhoneCall]:
    """The same, if it is one."""
    return None if fields is None else phone_call(fields)


def webhook(fields: Dict[str, Any]) -> Webhook:
    """The webhook for one of the native half."""
    return Webhook(**_timed(fields))


def signed_webhook(fields: Dict[str, Any]) -> SignedWebhook:
    """The webhook with its secret for one of the native half."""
    return SignedWebhook(webhook(fields["webhook"]), fields["secret"])


def delivery(fields: Dict[str, Any]) -> WebhookDelivery:
    """The delivery for one of the native half."""
    attempts = [DeliveryAttempt(**_timed(attempt)) for attempt in fields["attempts"]]
    return WebhookDelivery(**{**_timed(fields), "attempts": attempts})


def voice(fields: Dict[str, Any]) -> Voice:
    """The voice for one of the native half."""
    return Voice(**fields)


def voice_preview(fields: Dict[str, Any], file: Optional[bytes]) -> VoicePreview:
    """How a voice sounds, for what the native half says of it."""
    return VoicePreview(**{**fields, "cost": cost(fields["cost"])}, data=file or b"")


def client_secret(fields: Dict[str, Any]) -> ClientSecret:
    """The secret for one of the native half."""
    return ClientSecret(**_timed(fields))


def call_answer(fields: Dict[str, Any]) -> CallAnswer:
    """The answer for one of the native half."""
    return CallAnswer(**fields)


def greeting(fields: Optional[Dict[str, Any]], sound: Optional[bytes]) -> Optional[Greeting]:
    """The greeting for one of the native half."""
    if fields is None:
        return None
    rate, failed = fields.pop("sample_rate"), fields.pop("audio_error")
    fields.pop("audio_seconds")
    error = None if failed is None else from_fields(failed)
    return Greeting(audio=Audio(sound or b"", rate), audio_error=error, **fields)
