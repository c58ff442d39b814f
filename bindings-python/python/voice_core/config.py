"""The config document as types. Written by `cargo xtask gen` from the library's own schema: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union


class _ProviderRequired(TypedDict):
    provider: str
    """Whose: ``openai``, ``local``, ``groq``, …"""


class Provider(_ProviderRequired, total=False):
    """One provider: ``"provider/model"``, or an object that says more."""

    model: Optional[str]
    """Which of its models; left out: its default. For ``local``, a name in the model folder or a path."""
    voice: Optional[str]
    """Which voice, by the provider's own name or id."""
    api_key: Optional[str]
    """The key. Default: the provider's environment variable."""
    base_url: Optional[str]
    """Where the server is, for servers that speak OpenAI's wire format."""
    settings: Dict[str, Any]
    """What only this provider knows, such as ``speed`` or ``instructions``."""


class Assistant(TypedDict, total=False):
    """Who the agent is and how it answers."""

    system_prompt: str
    """The instructions of the language model."""
    first_message: Optional[str]
    """What is spoken when a live session starts."""
    language: str
    """The language of the conversation (BCP 47), or ``auto``. Default ``auto``."""
    temperature: float
    """The sampling temperature, 0–2. Default 0.7."""
    max_tokens: int
    """The most tokens of one answer. Default 500."""
    context_messages: int
    """How many messages of history the language model is shown (0–100). Default 10."""


class Limits(TypedDict, total=False):
    """What is accepted, and for how long."""

    max_audio_bytes: int
    """The most bytes of one recording. Default 26,214,400 (25 MiB)."""
    max_audio_seconds: float
    """The longest recording, in seconds. Default 300."""
    max_text_characters: int
    """The most characters of a typed message. Default 10,000."""
    session_idle_minutes: float
    """After how many minutes without a turn a session expires. Default 30."""
    turn_seconds: float
    """How long a turn may take, in seconds, when the call does not say. Default 120."""


class Retry(TypedDict, total=False):
    """When and how often a failed attempt is made again. Only errors that say they are retryable are."""

    attempts: int
    """Attempts in all, the first included (1–10). Default 3."""
    first_delay_ms: int
    """The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000."""
    max_delay_ms: int
    """The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for. Default
    20,000."""
    jitter: bool
    """Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do
    not come back at once. Default true."""


class Timeout(TypedDict, total=False):
    """How long each part of one attempt may take. The deadline of the turn stands above all of them."""

    connect_ms: int
    """To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client."""
    first_byte_ms: int
    """From the call to its first result, in milliseconds. Default 30,000."""
    idle_ms: int
    """Between two results, in milliseconds. Default 15,000."""


class CircuitBreaker(TypedDict, total=False):
    """When a failing provider is left alone, so that a turn goes to the next in the list at once."""

    failures: int
    """Calls that must fail in a row. Default 5; 0 switches the breaker off."""
    rest_ms: int
    """How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the
    provider is back, otherwise it rests again. Default 30,000."""


class _RateLimitRequired(TypedDict):
    per_minute: int
    """Calls a minute, on average."""


class RateLimit(_RateLimitRequired, total=False):
    """How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is
    nearer."""

    burst: int
    """How many may go at once after a quiet time. Default 1."""


class Local(TypedDict, total=False):
    """Local models."""

    models: Optional[str]
    """The folder of the model files. Default: ``VOICE_CORE_MODELS``, else ``voice-core/models`` in the user's data
    folder."""
    threads: Optional[int]
    """How many threads models may use, all together. Default: one less than there are cores, but both of two."""


ProviderList = Union[str, Provider, List[Union[str, Provider]]]
"""One provider, or several in the order in which they are tried."""


class Config(TypedDict, total=False):
    """The configuration of an agent. See the module for where it comes from."""

    stt: Optional[ProviderList]
    """Speech to text: one provider, or several tried in order. Default: the local one."""
    llm: Optional[ProviderList]
    """The language model: one provider, or several tried in order. Default: the local one."""
    tts: Optional[ProviderList]
    """Text to speech: one provider, or several tried in order. Default: the local one."""
    storage: Optional[str]
    """Where conversations are kept: ``sqlite:PATH``, ``memory``. Default: ``DATABASE_URL``, else an SQLite file in
    the user's data folder."""
    assistant: Assistant
    """Who the agent is."""
    limits: Limits
    """What is accepted, and for how long."""
    retry: Retry
    """When a failed attempt at a provider is made again."""
    timeouts: Timeout
    """How long an attempt at a provider may take."""
    circuit_breaker: CircuitBreaker
    """When a failing provider is left alone."""
    rate_limit: Optional[RateLimit]
    """How many calls each provider is sent at most."""
    local: Local
    """Local models."""
    warm_up: bool
    """Whether every provider is made ready (models loaded, connections opened) before the agent is. Default
    false."""
    log_level: Optional[str]
    """Which log records the host should show: ``error``, ``warn``, ``info``, ``debug``, ``trace``. The library never
    prints by itself."""
