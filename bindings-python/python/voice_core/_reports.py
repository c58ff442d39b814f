"""What a sink of metrics is told. Written by `cargo xtask gen` from the library's own: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Mapping, Optional

from ._types import Cost


@dataclass(frozen=True)
class CallReport:
    """A call of a provider. One that is tried after another failed has a report of its own; retries at one provider
    share theirs."""

    session_id: str
    """The session."""
    turn_id: Optional[str]
    """The turn that it was a part of; None when what was heard or prepared came to nothing."""
    trace_id: str
    """The trace: one for each one-shot turn and each live session."""
    span_id: str
    """What is reported."""
    parent_span_id: Optional[str]
    """What it is a part of; None: it is the whole."""
    stage: str
    """The stage that it served: ``stt``, ``llm`` or ``tts``."""
    provider: str
    """The provider and its model, for example ``openai/gpt-transcribe``."""
    started_at: datetime
    """When it began."""
    duration_ms: float
    """How long it took. Speech that is recognised while it is spoken counts from the end of the sound: before that
    nobody waited."""
    first_result_ms: Optional[float]
    """How long its first result took: TTFB, for the language model TTFT. None: there was none."""
    attempts: int
    """How many attempts this provider was given."""
    usage: Mapping[str, float]
    """What it used, as far as that was told before it ended."""
    cost: Optional[Cost]
    """What that cost; None without a price, or when the provider did not say what was used."""
    error: Optional[str]
    """Why it failed; None: it did not. ``CANCELLED``: nobody wanted the rest, as after an interruption."""


@dataclass(frozen=True)
class ToolReport:
    """A call of a tool."""

    session_id: str
    """The session."""
    turn_id: Optional[str]
    """The turn whose model called it."""
    trace_id: str
    """The trace: one for each one-shot turn and each live session."""
    span_id: str
    """What is reported."""
    parent_span_id: Optional[str]
    """What it is a part of; None: it is the whole."""
    name: Optional[str]
    """Its name; None: the model called for a tool that is not there."""
    started_at: datetime
    """When it began."""
    duration_ms: float
    """How long it took."""
    error: Optional[str]
    """Why it failed; None: it did not."""


@dataclass(frozen=True)
class TurnReport:
    """A turn, one-shot or of a live session."""

    session_id: Optional[str]
    """The session; None when the turn failed before it was let into one."""
    turn_id: str
    """The turn."""
    organization_id: Optional[str]
    """The organization of the session."""
    assistant_id: Optional[str]
    """The assistant of the session."""
    user: Optional[str]
    """Whose session it is: the host's own name for the user."""
    trace_id: str
    """The trace: one for each one-shot turn and each live session."""
    span_id: str
    """What is reported."""
    parent_span_id: Optional[str]
    """What it is a part of; None: it is the whole."""
    live: bool
    """Whether it was a turn of a live session."""
    kind: str
    """Why the agent spoke, as ``SpeechKind`` writes it: ``answer``, ``greeting``, …; or ``preview``, of a voice; or
    ``summary``, of a conversation."""
    started_at: datetime
    """When it began; in a live session, when the user's voice ended."""
    duration_ms: float
    """How long it took, until its answer was stored or, in a live session, was heard to its end."""
    timings: Mapping[str, Optional[float]]
    """When each stage of the answer came through."""
    first_audio_ms: Optional[float]
    """Time to first audio: from the start of the turn to the first sound of the answer."""
    end_of_utterance_delay_ms: Optional[float]
    """From the end of the user's voice to the end of the user's turn, in a live session."""
    tool_calls: int
    """How many calls of tools there were."""
    interrupted: bool
    """Whether the user interrupted it."""
    usage: Mapping[str, float]
    """What it used."""
    cost: Optional[Cost]
    """What that cost; None unless every model that was called has a price."""
    error: Optional[str]
    """Why it failed; None: it did not."""


@dataclass(frozen=True)
class SessionReport:
    """A live session."""

    session_id: str
    """The stored session."""
    organization_id: Optional[str]
    """Its organization."""
    assistant_id: Optional[str]
    """Its assistant."""
    user: Optional[str]
    """Whose it is: the host's own name for the user."""
    trace_id: str
    """The trace: one for each one-shot turn and each live session."""
    span_id: str
    """What is reported."""
    parent_span_id: Optional[str]
    """What it is a part of; None: it is the whole."""
    started_at: datetime
    """When it began."""
    duration_ms: float
    """How long it lasted."""
    reason: str
    """Why it ended, as ``EndReason`` writes it: ``host``, ``goodbye``, …"""
    turns: int
    """How many exchanges were stored."""
    interruptions: int
    """How many of them the user interrupted."""
    usage: Mapping[str, float]
    """What was used in all of it."""
    cost: Optional[Cost]
    """What that cost; None unless every model that was called has a price."""
