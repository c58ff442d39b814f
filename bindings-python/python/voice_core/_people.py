"""What comes back of accounts, assistants and the audit log."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional, TypedDict, cast

from ._audio import Audio
from ._errors import VoiceError, from_fields
from ._types import time


@dataclass(frozen=True)
class Principal:
    """Somebody whose credential was checked: an organization, or one user of it. See `VoiceAgent.with_principal`.

    A host that knows its callers by means of its own makes one itself. It is no credential: whoever may make one reaches what
    it says.
    """

    organization: str
    """The organization."""
    user: Optional[str] = None
    """The user; None: the whole organization."""
    actor: Optional[str] = None
    """How the audit log names them, for example ``key:ID``."""

    def _json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Organization:
    """The owner of users, assistants and sessions. Nothing of one is reachable from another."""

    id: str
    """Its id."""
    name: str
    """What people call it."""
    created_at: datetime
    """When it was created."""


@dataclass(frozen=True)
class User:
    """A user of an organization."""

    id: str
    """Their id."""
    organization: str
    """Their organization."""
    email: str = field(repr=False)
    """Their e-mail address."""
    created_at: datetime
    """When they were registered."""


@dataclass(frozen=True)
class KeyLimit:
    """How often a key may be used."""

    per_minute: int
    """How often a minute, in the long run."""
    burst: int
    """How often at once."""


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is kept: everything but the key."""

    id: str
    """Its id. Not a secret."""
    organization: str
    """The organization that it opens."""
    user: Optional[str]
    """The user for whom it speaks; None: for the whole organization."""
    name: str
    """What people call it."""
    hint: str
    """The end of the key, to tell it from others."""
    rate_limit: Optional[KeyLimit]
    """A limit of its own; None: the agent's."""
    created_at: datetime
    """When it was made."""
    expires_at: Optional[datetime]
    """When it ends; None: when it is revoked."""
    revoked_at: Optional[datetime]
    """When it was revoked; None: it was not."""


@dataclass(frozen=True)
class NewApiKey:
    """A key that was just made."""

    key: ApiKey
    """What is kept of it."""
    secret: str = field(repr=False)
    """``sk_`` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept."""


@dataclass(frozen=True)
class Registered:
    """A user who was just registered."""

    user: User
    """The user."""
    key: ApiKey
    """What is kept of their first key."""
    secret: str = field(repr=False)
    """The key itself. Give it to them and forget it: only its hash is kept."""


@dataclass(frozen=True)
class Login:
    """Who logged in."""

    principal: Principal
    """Who it is, for `VoiceAgent.with_principal`."""
    user: Optional[User]
    """The user; None for a key of a whole organization."""


@dataclass(frozen=True)
class Erased:
    """How much was erased."""

    sessions: int
    """Sessions."""
    messages: int
    """Messages in them."""


@dataclass(frozen=True)
class CleanedUp:
    """What cleaning up came to."""

    expired: int
    """Idle sessions that were marked as expired."""
    sessions: int
    """Sessions that were deleted, with everything said in them."""
    messages: int
    """Messages that were deleted from sessions that stay."""
    audit_entries: int
    """Entries of the audit log that were deleted."""


@dataclass(frozen=True)
class Credential:
    """That there is a credential for a provider; never what it is."""

    provider: str
    """Which provider's."""
    updated_at: datetime
    """When it was set."""


class Assistant(TypedDict, total=False):
    """Who an assistant that is kept is, and how it answers. What is left out has the agent's own setting."""

    name: str
    """Its name, for people: 1–200 characters."""
    first_message: Optional[str]
    """What it says when a session starts."""
    system_prompt: str
    """The instructions of the language model."""
    language: str
    """The language of the conversation (BCP 47), or ``auto``. Default ``auto``."""
    stt_provider: Optional[str]
    """Whose speech to text: ``openai``, ``local``, … Default: the agent's."""
    stt_model: Optional[str]
    """Which of its models."""
    model_provider: Optional[str]
    """Whose language model. Default: the agent's."""
    model_name: Optional[str]
    """Which of its models."""
    temperature: float
    """The sampling temperature, 0–2. Default 0.7."""
    max_tokens: int
    """The most tokens of one answer. Default 500."""
    context_messages: int
    """How many messages of history the language model is shown (0–100). Default 10."""
    voice_provider: Optional[str]
    """Whose text to speech. Default: the agent's."""
    voice_model: Optional[str]
    """Which of its models."""
    voice_id: Optional[str]
    """Which voice, by the provider's own name or id."""
    voice_settings: Dict[str, Any]
    """What only this provider knows: ``stability``, ``similarity``, ``style``, ``speed``, …"""
    interruptions_enabled: bool
    """Whether the user's speech stops the reply, in live sessions. Default true."""
    background_denoising: bool
    """Whether noise is taken out of what is heard, in live sessions. Default false."""
    end_call_phrases: List[str]
    """When an answer has one of these phrases, a live session ends once it is spoken: at most 50. Default: the agent's."""
    tools: List[str]
    """The tools that the language model may call, by the names under which the host offers them: at most 64."""
    knowledge: List[str]
    """The documents that are searched for each answer, by the names under which the host keeps them: at most 100."""


@dataclass(frozen=True)
class StoredAssistant:
    """An assistant that is kept, in one version."""

    id: str
    """Its id."""
    organization: Optional[str]
    """Its organization; None in a host without organizations."""
    version: int
    """Which version this is, from 1."""
    assistant: Assistant = field(repr=False)
    """Who it is and how it answers: every field."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When this version was made."""


@dataclass(frozen=True)
class AuditEntry:
    """One change. Names ids only, never people, secrets or words."""

    id: str
    """Its id."""
    at: datetime
    """When."""
    organization: Optional[str]
    """Where; None: outside of any."""
    actor: str
    """Who: ``host``, ``key:ID``, ``user:ID`` or ``organization:ID``."""
    action: str
    """What was done, for example ``key.revoke``."""
    target: str
    """To what: usually an id."""
    confirmed: bool
    """Whether the change is known to have been made. False while it is being made, and for ever when that was broken off: then
    it may have been made or not."""


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


def audit_entry(fields: Dict[str, Any]) -> AuditEntry:
    """The entry for one of the native half."""
    return AuditEntry(**_timed(fields))


def greeting(fields: Optional[Dict[str, Any]], sound: Optional[bytes]) -> Optional[Greeting]:
    """The greeting for one of the native half."""
    if fields is None:
        return None
    rate, failed = fields.pop("sample_rate"), fields.pop("audio_error")
    fields.pop("audio_seconds")
    error = None if failed is None else from_fields(failed)
    return Greeting(audio=Audio(sound or b"", rate), audio_error=error, **fields)
