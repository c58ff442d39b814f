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
    Login,
    NewApiKey,
    Organization,
    PhoneCall,
    Principal,
    Registered,
    SignedWebhook,
    StoredAssistant,
    User,
    Webhook,
    WebhookDelivery,
)
from ._types import action, time


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
