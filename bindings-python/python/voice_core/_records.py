"""The records of people, assistants, the audit log and webhooks. Written by `cargo xtask gen` from the library's own: do not edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Dict, List, Optional, TypedDict


@dataclass(frozen=True)
class Action:
    """Something said that has to be acted on: a visit that was agreed on, a medicine that is to be refilled."""

    id: str
    """Its id; later ones have later ids."""
    session_id: str
    """The session in which it was said."""
    turn_id: str
    """The turn in which it was said."""
    message_id: str
    """The message that says it."""
    type: str
    """What it is, as the config names it: ``refill``, ``follow_up_visit``, …"""
    details: Dict[str, Any] = field(repr=False)
    """What is known of it: a JSON object, as the type's schema says."""
    confidence: float
    """How sure the language model was, 0–1."""
    created_at: datetime
    """When it was found."""


@dataclass(frozen=True)
class ApiKey:
    """An API key as it is kept: everything but the key."""

    id: str
    """Its id."""
    organization: str
    """The organization that it opens."""
    user: Optional[str]
    """The user for whom it speaks; None: for the whole organization."""
    name: str
    """What people call it; may be empty."""
    hint: str
    """Its last four characters, to tell keys apart."""
    rate_limit: Optional[KeyLimit]
    """A limit of its own; None: the agent's."""
    created_at: datetime
    """When it was made."""
    expires_at: Optional[datetime]
    """When it stops to be valid by itself."""
    revoked_at: Optional[datetime]
    """When it was revoked. It is kept, so that the audit log can be read."""


class _AssistantRequired(TypedDict):
    name: str
    """Its name, for people: 1–200 characters."""


class Assistant(_AssistantRequired, total=False):
    """Who an assistant is and how it answers. Providers that are left out are the agent's own; whatever else is left
    out has the default that is named beside it. The document is validated when it is written: unknown fields are
    refused, and an error names the path of the fault."""

    first_message: Optional[str]
    """What it says when a session starts. Default: nothing."""
    system_prompt: str
    """The instructions of the language model. Default: short ones, made for listening; not the agent's."""
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
    realtime_provider: Optional[str]
    """Whose model hears and speaks by itself in live sessions, in place of the three. Default: the agent's, if it
    has one and ``model_provider`` names no other."""
    realtime_model: Optional[str]
    """Which of its models."""
    voice_provider: Optional[str]
    """Whose text to speech. Default: the agent's. Beside a ``realtime_provider`` of the same name, ``voice_id`` and
    ``voice_settings`` are its."""
    voice_model: Optional[str]
    """Which of its models."""
    voice_id: Optional[str]
    """Which voice, by the provider's own name or id."""
    voice_settings: Dict[str, Any]
    """How the voice speaks: ``stability``, ``similarity``, ``style`` (0–1 each) and ``speed`` (1 is normal), as far
    as its provider has them, and what only this provider knows."""
    interruptions_enabled: bool
    """Whether the user's speech stops the reply, in live sessions. Default true."""
    background_denoising: bool
    """Whether noise is taken out of what is heard, in turns and in live sessions. Default false."""
    end_call_phrases: List[str]
    """When an answer has one of these phrases, a live session ends once it is spoken: at most 50. Default: the
    agent's."""
    tools: List[str]
    """The tools that the language model may call, by the names under which the host offers them: at most 64.
    Default: all of them."""
    knowledge: List[str]
    """The documents of its organization that answers are drawn from, by their ids: at most 100. ``*`` stands for all
    of them. Default: the agent's own."""
    interpreter: Optional[Dict[str, Any]]
    """It interprets between two languages instead of answering: a document as ``assistant.interpreter`` of the
    config. Default: as the agent does."""
    actions: Optional[Dict[str, Any]]
    """What is found in its conversations that has to be acted on: a document as ``actions`` of the config. Default:
    what the agent looks for."""


@dataclass(frozen=True)
class AuditEntry:
    """One change. It is written before the change is made, and confirmed after it, so that no change is ever
    missing. Holds ids only, never a name, an address, a secret or anybody's words, so that it may outlive what it
    tells of."""

    id: str
    """Its id; later entries have later ids."""
    at: datetime
    """When."""
    organization: Optional[str]
    """In which organization; None: outside of any."""
    actor: str
    """Who: ``host``, ``key:ID``, ``user:ID`` or ``organization:ID``."""
    action: str
    """What was done, as ``user.register`` or ``key.revoke``."""
    target: str
    """To what: its id, or a provider's name."""
    confirmed: bool
    """Whether the change is known to have been made. ``false`` while it is being made, and for ever when that was
    broken off: the process ended, the caller went away, the store failed. Then it may have been made or not."""


@dataclass(frozen=True)
class CallAnswer:
    """The answer to a browser's offer of a WebRTC connection."""

    sdp: str
    """The session description: give it to the browser."""
    call_id: Optional[str]
    """What the provider calls the call, where it says."""


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
class ClientSecret:
    """What opens a session of a browser's own with the speech-to-speech model, without the key."""

    value: str = field(repr=False)
    """The secret: give it to the browser, and forget it."""
    expires_at: datetime
    """Until when a session may be begun with it; one that runs goes on."""


@dataclass(frozen=True)
class ConversationSummary:
    """What a conversation came to."""

    session_id: str
    """The session."""
    text: str = field(repr=False)
    """A few sentences."""
    points: List[str] = field(repr=False)
    """What matters, a line each."""
    actions: List[Action]
    """What has to be acted on, in the order in which it was found."""
    until: str
    """The last message that it takes account of."""
    created_at: datetime
    """When it was written."""


@dataclass(frozen=True)
class Credential:
    """A provider's credential that is kept: that there is one, never what it is."""

    provider: str
    """Which provider's."""
    updated_at: datetime
    """When it was set."""


@dataclass(frozen=True)
class DeliveryAttempt:
    """One attempt to deliver."""

    at: datetime
    """When it was begun."""
    status: Optional[int]
    """The HTTP status of the answer; None: there was none."""
    duration_ms: int
    """How long it took, in milliseconds."""
    error: Optional[str]
    """What went wrong, if something did."""


@dataclass(frozen=True)
class Erased:
    """How much was erased."""

    sessions: int
    """Sessions."""
    messages: int
    """Messages in them."""


@dataclass(frozen=True)
class KeyLimit:
    """How often a key may be used."""

    per_minute: int
    """Calls a minute, on average."""
    burst: int
    """How many may come at once after a quiet time."""


@dataclass(frozen=True)
class KnowledgeDocument:
    """A document that answers are drawn from, but for its text."""

    id: str
    """Its id."""
    organization: Optional[str]
    """Its organization; None in a host without organizations."""
    version: int
    """Which version this is, from 1: every change makes the next."""
    title: str
    """Its title, which the model is told with every passage."""
    format: str
    """How its text was given: ``text``, ``markdown`` or ``html``."""
    source: Optional[str]
    """Where it is from, in the owner's words: an address, the name of a file."""
    metadata: Dict[str, Any]
    """The owner's own data."""
    bytes: int
    """How many bytes its text has."""
    hash: str
    """Tells its content from any other: a SHA-256 in hexadecimal."""
    created_at: datetime
    """When it was added."""
    updated_at: datetime
    """When this version was made."""


@dataclass(frozen=True)
class Login:
    """Who logged in."""

    principal: Principal
    """Who it is: the agent acts for them."""
    user: Optional[User]
    """The user; None for a key of a whole organization."""


@dataclass(frozen=True)
class NewApiKey:
    """A key that was just made."""

    key: ApiKey
    """What is kept of it."""
    secret: str = field(repr=False)
    """``sk_`` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept."""


@dataclass(frozen=True)
class Organization:
    """The owner of users, assistants and sessions. Nothing of one is reachable from another."""

    id: str
    """Its id."""
    name: str
    """Its name, for people; not unique."""
    created_at: datetime
    """When it was created."""


@dataclass(frozen=True)
class PhoneCall:
    """A call whose media stream began: what the carrier says of it. Printed, it names nobody, nor what the host gave
    along."""

    protocol: str
    """Whose media stream it is."""
    stream_id: Optional[str]
    """The carrier's name for the stream; none with Vonage, where a connection is one."""
    call_id: Optional[str]
    """The carrier's name for the call: ``callSid``, ``callId``, ``call_control_id``."""
    account_id: Optional[str]
    """The carrier's name for the host's account."""
    from_number: Optional[str] = field(repr=False)
    """Who calls, where the carrier says it here."""
    to_number: Optional[str] = field(repr=False)
    """Who is called, where the carrier says it here."""
    encoding: str
    """How samples are written, in both directions: ``mu_law``, ``a_law`` or ``l16``."""
    sample_rate: int
    """Samples a second, in both directions."""
    parameters: Dict[str, Any] = field(repr=False)
    """What the host gave the stream along: custom parameters, extra headers."""
    details: Dict[str, Any] = field(repr=False)
    """Everything that the carrier said, as it said it."""


@dataclass(frozen=True)
class Principal:
    """Somebody whose credential was checked: an organization, or one user of it. Given by ``Accounts::authenticate``
    and by verified access tokens; a host that knows its callers by means of its own makes one itself.
    ``VoiceAgent::with`` opens what it reaches. As JSON it is ``{organization, user, actor}``; read back, ``user``
    may be missing for the whole organization, and ``actor`` for whoever that names. It is no credential: whoever may
    write one reaches what it says."""

    organization: str
    """The organization."""
    user: Optional[str] = None
    """The user; None: the whole organization."""
    actor: Optional[str] = None
    """How the audit log names them, for example ``key:ID``."""


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
class SignedWebhook:
    """A webhook with a secret that was just made."""

    webhook: Webhook
    """The webhook."""
    secret: str = field(repr=False)
    """``whsec_`` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never
    given back."""


@dataclass(frozen=True)
class Source:
    """A passage of a document that the language model was given to answer from."""

    document_id: str
    """The document."""
    title: str
    """The title of the document."""
    heading: str
    """The headings under which the passage stands, with `` › `` between them; empty: none."""
    passage: int
    """Which passage of the document it is, from 0."""
    text: str = field(repr=False)
    """What it says."""
    score: float
    """How much of what was asked is in it, 0–1."""


@dataclass(frozen=True)
class StoredAssistant:
    """An assistant that is kept, in one version."""

    id: str
    """Its id."""
    organization: Optional[str]
    """Its organization; None in a host without organizations."""
    version: int
    """Which version this is, from 1."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When this version was made."""
    assistant: Assistant = field(repr=False)
    """Who it is and how it answers: every field."""


@dataclass(frozen=True)
class User:
    """A user of an organization."""

    id: str
    """Their id."""
    organization: str
    """Their organization."""
    email: str = field(repr=False)
    """Their e-mail address in lower case: unique within the organization."""
    created_at: datetime
    """When they registered."""


@dataclass(frozen=True)
class Voice:
    """A voice that a provider has. As JSON an object with these fields; read back, all but ``id`` may be missing."""

    id: str
    """What names it in a config (``voice``), in an assistant (``voice_id``) and for a preview."""
    name: str
    """What people call it."""
    languages: List[str]
    """The languages that it speaks (BCP 47), its own first. None: the provider does not say; usually those of its
    model."""
    gender: Optional[str]
    """As what it is heard: ``female``, ``male`` or ``neutral``; None: the provider does not say."""
    description: Optional[str]
    """What the provider says of it, in a sentence."""
    preview_url: Optional[str]
    """An address at which anybody hears it, without a key."""
    labels: Dict[str, str]
    """What else the provider says of it, by the provider's own names: ``accent``, ``age``, ``use_case``, …"""


@dataclass(frozen=True)
class Webhook:
    """A webhook, as its owner sees it."""

    id: str
    """Its id."""
    organization: Optional[str]
    """Its organization; None in a host without organizations."""
    url: str = field(repr=False)
    """Where events are sent."""
    events: List[str]
    """The names of the events that it wants; none: all."""
    description: str
    """What it is for, in the owner's words."""
    enabled: bool
    """Whether anything is sent."""
    disabled_because: Optional[str]
    """Why the library disabled it, if it did: the receiver answered 410."""
    created_at: datetime
    """When it was created."""
    updated_at: datetime
    """When it was last changed."""


@dataclass(frozen=True)
class WebhookDelivery:
    """The telling of one event to one webhook."""

    id: str
    """Its id, which the receiver sees as ``webhook-id``: the same in every attempt."""
    webhook: str
    """The webhook."""
    organization: Optional[str]
    """The organization of the webhook."""
    event: str
    """The event."""
    name: str
    """The name of the event."""
    session: Optional[str]
    """The session in which it happened."""
    status: str
    """Where it stands: ``pending``, ``delivered`` or ``failed``."""
    body: str = field(repr=False)
    """What is sent: JSON, the same bytes in every attempt."""
    created_at: datetime
    """When the event was handed to this webhook."""
    due_at: datetime
    """When the next attempt is due; of one that is over, when the last was."""
    settled_at: Optional[datetime]
    """When it was delivered, or given up."""
    tries: int
    """How many attempts have counted since it was last asked for."""
    attempts: List[DeliveryAttempt]
    """The attempts, oldest first; of very many, the latest."""
