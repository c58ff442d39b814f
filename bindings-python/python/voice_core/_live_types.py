"""What happens in a live session."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple, Union

from . import _types
from ._errors import VoiceError, from_fields
from ._native import Reply as NativeReply
from ._types import (
    ActionDetected,
    AudioChunk,
    Cost,
    Filler,
    Metrics,
    SourcesFound,
    Speaking,
    TextDelta,
    ToolCall,
    ToolResult,
    Transcript,
)

if TYPE_CHECKING:
    from ._records import Source


@dataclass(frozen=True)
class LiveStarted:
    """The session is ready for sound."""

    session_id: str
    """The stored session, new or continued."""
    sample_rate: int
    """The rate of the sound that is given out."""


@dataclass(frozen=True)
class UserStateChanged:
    """What the user is doing changed."""

    state: str
    """``listening``, ``speaking``, or ``away``: silent for so long that the reminder was spoken."""


@dataclass(frozen=True)
class AgentStateChanged:
    """What the agent is doing changed."""

    state: str
    """``listening``, ``thinking`` or ``speaking``."""


@dataclass(frozen=True)
class TurnStarted:
    """A turn of the agent's begins: text and sound until its end are its own."""

    turn_id: str
    """The turn."""
    kind: str
    """Why the agent speaks: ``answer``, ``greeting``, ``said``, ``reminder``, ``farewell`` or ``tool_result``."""


@dataclass(frozen=True)
class Clear:
    """Throw away the sound that was given out and is not played yet. What is still to be heard of it comes again."""

    position: float
    """Where in the session's sound the next sound begins, in seconds: who counts what was played counts on from here."""


@dataclass(frozen=True)
class Interrupted:
    """The user interrupted the agent for good."""

    turn_id: str
    """The turn."""
    heard: str = field(repr=False)
    """The words that were heard."""


@dataclass(frozen=True)
class FalseInterruption:
    """The agent fell silent because the user seemed to interrupt, and now goes on."""


@dataclass(frozen=True)
class Backchannel:
    """The user said something that did not ask for an answer: a murmur over the agent's speech."""

    text: str = field(repr=False)
    """What it was."""


@dataclass(frozen=True)
class Dtmf:
    """Keys of the telephone that were pressed, once they are complete."""

    keys: str = field(repr=False)
    """The keys."""


@dataclass(frozen=True)
class TurnDone:
    """An exchange is over and stored."""

    turn_id: str
    """The turn."""
    kind: str
    """Why the agent spoke, as in `TurnStarted`."""
    transcript: str = field(repr=False)
    """What the user said or typed; empty when the agent spoke by itself."""
    language: Optional[str]
    """The language of the user (BCP 47), when it is known."""
    text: str = field(repr=False)
    """What the agent said and the user heard: this is what is stored."""
    tool_calls: Tuple[ToolResult, ...]
    """The tools that the model called, in the order in which they were done."""
    interrupted: bool
    """Whether it was interrupted."""
    audio_error: Optional[VoiceError]
    """Why (part of) the sound is missing, if it is."""
    user_message_id: Optional[str] = field(repr=False)
    """The user's stored message."""
    assistant_message_id: Optional[str] = field(repr=False)
    """The agent's stored message."""
    end_of_utterance_delay_ms: Optional[float]
    """From the end of the user's voice to the end of the user's turn, in milliseconds."""
    response_delay_ms: Optional[float]
    """From the end of the user's voice to the first sound of the answer, in milliseconds."""
    timings: Mapping[str, Optional[float]] = field(repr=False)
    """When the stages of the answer came through, in milliseconds from when it was begun."""
    usage: Mapping[str, float] = field(repr=False)
    """What was used since the exchange before."""
    cost: Optional[Cost] = None
    """What that cost; None unless every model that was called has a price in the config."""
    text_language: Optional[str] = None
    """The language of what was said, where an interpreter speaks; the user's own when something is said again."""
    sources: Tuple[Source, ...] = ()
    """The passages of documents that the model was given to answer from."""


@dataclass(frozen=True)
class LiveFailure:
    """Something failed; the session goes on."""

    error: VoiceError
    """What."""


@dataclass(frozen=True)
class Recorded:
    """The recording of the whole session is kept (``recordings.live`` in the config). Told just before the end."""

    recording: str
    """Where it lies: ``KEY#bytes=LENGTH&sha256=HEX``, with the key under which the store of recordings has it."""


@dataclass(frozen=True)
class LiveSummary:
    """What a whole live session came to."""

    session_id: str
    """The stored session."""
    reason: str
    """Why it ended: ``host``, ``agent_closed``, ``silence``, ``max_duration``, ``end_call_phrase``, ``goodbye``,
    ``nobody_listens``: the events were not taken, ``connection_lost``: the speech-to-speech model is gone,
    or ``session_gone``: the stored session was deleted meanwhile."""
    duration: float
    """How long it lasted, in seconds."""
    turns: int
    """How many exchanges were stored."""
    interruptions: int
    """How many of them were interrupted."""
    usage: Mapping[str, float] = field(repr=False)
    """What was used in all of it."""
    cost: Optional[Cost] = None
    """What that cost; None unless every model that was called has a price in the config."""


@dataclass(frozen=True)
class LiveEnded:
    """The session is over: the last event."""

    summary: LiveSummary
    """What it came to."""


LiveEvent = Union[
    LiveStarted,
    UserStateChanged,
    AgentStateChanged,
    Transcript,
    TurnStarted,
    SourcesFound,
    TextDelta,
    Speaking,
    Filler,
    AudioChunk,
    ToolCall,
    ToolResult,
    Clear,
    Interrupted,
    FalseInterruption,
    Backchannel,
    Dtmf,
    Metrics,
    TurnDone,
    ActionDetected,
    LiveFailure,
    Recorded,
    LiveEnded,
]
"""What happens in a live session, in order."""

_PLAIN: Mapping[str, Any] = {
    "started": LiveStarted,
    "user_state": UserStateChanged,
    "agent_state": AgentStateChanged,
    "turn_started": TurnStarted,
    "clear": Clear,
    "interrupted": Interrupted,
    "false_interruption": FalseInterruption,
    "backchannel": Backchannel,
    "dtmf": Dtmf,
    "recorded": Recorded,
}


_OWN = {*_PLAIN, "turn_done", "error", "ended"}


def event(kind: str, record: str, attachment: Union[bytes, NativeReply, None]) -> Optional[LiveEvent]:
    """The event for one of the native half; None for a kind that this version does not know."""
    if kind not in _OWN:
        # Those that a turn has, too.
        shared = _types.event(kind, record, attachment)
        not_here = (_types.Started, _types.AudioFailed, _types.KnowledgeFailed, _types.Done)
        return None if isinstance(shared, not_here) else shared
    fields: Dict[str, Any] = json.loads(record)
    del fields["type"]
    if kind in _PLAIN:
        plain: LiveEvent = _PLAIN[kind](**fields)
        return plain
    if kind == "turn_done":
        turn: Dict[str, Any] = fields["turn"]
        failed = turn.pop("audio_error")
        turn["timings"] = turn.pop("timings_ms")
        turn["tool_calls"] = _types.tool_results(turn["tool_calls"])
        turn["cost"] = _types.cost(turn["cost"])
        turn["sources"] = _types.sources(turn["sources"])
        return TurnDone(audio_error=None if failed is None else from_fields(failed), **turn)
    if kind == "error":
        return LiveFailure(from_fields(fields["error"]))
    if kind == "ended":
        return LiveEnded(summary(fields["summary"]))
    return None


def summary(fields: Dict[str, Any]) -> LiveSummary:
    """The summary for one of the native half."""
    fields["cost"] = _types.cost(fields["cost"])
    return LiveSummary(duration=fields.pop("duration_seconds"), **fields)
