"""What comes back: replies, events, sessions; and what a provider of your own is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Generic,
    List,
    Literal,
    Mapping,
    Optional,
    Tuple,
    TypeVar,
    Union,
    cast,
)

from ._audio import Audio
from ._errors import VoiceError, from_fields
from ._native import Reply as NativeReply

if TYPE_CHECKING:
    from ._records import Action, Source

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """An amount of money."""

    currency: str
    """The currency: three capital letters (ISO 4217)."""
    amount: Decimal
    """The amount, exactly."""
    micros: int
    """The amount in millionths of the currency's unit, rounded to the nearest."""


@dataclass(frozen=True)
class Reply:
    """What a turn gives back. In Jupyter it plays itself."""

    transcript: str = field(repr=False)
    """What the user said."""
    text: str = field(repr=False)
    """What the agent answered."""
    audio: Audio
    """The answer's sound; empty when speech failed (see `audio_error`) or was not wanted."""
    audio_error: Optional[VoiceError]
    """Why sound is missing or incomplete although there is text."""
    tool_calls: Tuple[ToolResult, ...]
    """The tools that the model called, in the order of its calls."""
    language: Optional[str]
    """The language of the user's words, when the recogniser told: a BCP 47 tag such as ``en``."""
    session_id: str
    """The session, new or continued."""
    turn_id: str
    """This turn."""
    user_message_id: str = field(repr=False)
    """The stored message of the user."""
    assistant_message_id: str = field(repr=False)
    """The stored message of the agent."""
    timings: Mapping[str, Optional[float]]
    """When each stage came through, in milliseconds from the start of the turn; None: did not happen."""
    usage: Mapping[str, float] = field(repr=False)
    """What was used, as far as the providers say."""
    cost: Optional[Cost] = None
    """What that cost; None unless every model that was called has a price in the config."""
    text_language: Optional[str] = None
    """The language of the answer, where an interpreter speaks; the user's own when something is said again."""
    actions: Tuple[Action, ...] = ()
    """What has to be acted on, where ``actions.on_replies`` in the config waits for it."""
    sources: Tuple[Source, ...] = ()
    """The passages of documents that the model was given to answer from, the best first."""
    knowledge_error: Optional[VoiceError] = None
    """Why the documents could not be searched, if they could not: the answer does without them."""

    def _repr_html_(self) -> str:
        import html

        sound = self.audio._repr_html_() if self.audio else ""
        said, answered = html.escape(self.transcript), html.escape(self.text)
        return f"<div><p><em>{said}</em></p><p>{answered}</p>{sound}</div>"


@dataclass(frozen=True)
class Started:
    """The turn was admitted."""

    session_id: str
    """The session, new or continued."""
    turn_id: str
    """This turn."""


@dataclass(frozen=True)
class Transcript:
    """What the user said. A speech recogniser of your own yields it, too."""

    text: str = field(repr=False)
    """Everything recognised so far; a later transcript replaces an earlier one."""
    final: bool = True
    """Whether this is the last word on it."""
    language: Optional[str] = None
    """A BCP 47 tag such as ``en``, when the recogniser told."""


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer's text."""

    text: str = field(repr=False)
    """The piece."""


@dataclass(frozen=True)
class Speaking:
    """What the sound that follows says."""

    text: str = field(repr=False)
    """The words."""


@dataclass(frozen=True)
class Filler:
    """What the sound that follows says to fill the time that a tool takes. No part of the answer; it is not stored."""

    text: str = field(repr=False)
    """The words."""


@dataclass(frozen=True)
class ToolCall:
    """The model calls a tool. A language model of your own yields it, too."""

    id: str
    """Names the call within its turn."""
    name: str
    """The tool's name."""
    arguments: Any = field(repr=False)
    """The arguments: a dictionary, or the text that the model wrote instead."""


@dataclass(frozen=True)
class TokenUsage:
    """What a language model of your own has used. It yields it, usually at the end; what it yields more than once adds up."""

    input_tokens: int = 0
    """Tokens in its prompt."""
    output_tokens: int = 0
    """Tokens that it wrote."""
    cached_tokens: int = 0
    """Of those in its prompt, tokens that were served from a cache."""


@dataclass(frozen=True)
class Finished:
    """Why a language model of your own stopped. It yields it at the end; one that does not was done, or called tools.

    When nothing was said, the error of the turn tells the reason.
    """

    reason: Literal["stop", "tool_calls", "length", "content_filter", "other"]
    """``stop``: it was done. ``tool_calls``: it waits for the results of tools. ``length``: it reached the most tokens.
    ``content_filter``: the answer, or the rest of it, was withheld."""


@dataclass(frozen=True)
class ToolResult:
    """A tool is done, or failed and the model is told why."""

    id: str
    """Names the call within its turn."""
    name: str
    """The tool's name."""
    arguments: Any = field(repr=False)
    """The arguments that the model gave."""
    result: str = field(repr=False)
    """What the model was told: the tool's result, or as JSON why there is none."""
    failed: bool
    """Whether it failed: wrong arguments, no such tool, an exception, a time-out."""
    elapsed_ms: int
    """How long it took, in milliseconds."""


@dataclass(frozen=True)
class AudioChunk:
    """The next piece of the answer's sound, gapless with the one before; every chunk of a turn has the same rate."""

    pcm: bytes = field(repr=False)
    """Mono 16-bit little-endian samples."""
    sample_rate: int
    """Samples a second."""

    @property
    def duration(self) -> float:
        """How long it lasts, in seconds."""
        return len(self.pcm) / 2 / self.sample_rate


@dataclass(frozen=True)
class Metrics:
    """A provider call ended."""

    stage: str
    """``stt``, ``llm`` or ``tts``."""
    provider: str
    """The provider that served it, for example ``openai/gpt-transcribe``."""
    first_result_ms: Optional[float]
    """From the call to its first result, in milliseconds."""
    total_ms: float
    """From the call to its end, in milliseconds."""
    attempts: int
    """How many attempts were made, over all providers of the stage."""
    usage: Mapping[str, float] = field(repr=False)
    """What it used."""
    cost: Optional[Cost] = None
    """What that cost, where it has a price in the config."""


@dataclass(frozen=True)
class AudioFailed:
    """Speech failed after text existed; the turn goes on without (the rest of) its sound."""

    error: VoiceError
    """Why."""


@dataclass(frozen=True)
class Done:
    """The turn is complete and stored: the last event of a turn that succeeds."""

    reply: Reply
    """Its reply."""


@dataclass(frozen=True)
class ActionDetected:
    """Something that was said has to be acted on. It is stored. In a live session it is told some time after its exchange, in a turn
    only where ``actions.on_replies`` in the config waits for it."""

    action: Action
    """What."""


@dataclass(frozen=True)
class SourcesFound:
    """The passages of documents that the model is given to answer from, the best first."""

    sources: Tuple[Source, ...]
    """The passages."""


@dataclass(frozen=True)
class KnowledgeFailed:
    """The documents could not be searched; the turn goes on without them."""

    error: VoiceError
    """Why."""


TurnEvent = Union[
    Started,
    Transcript,
    SourcesFound,
    KnowledgeFailed,
    TextDelta,
    Speaking,
    Filler,
    AudioChunk,
    ToolCall,
    ToolResult,
    Metrics,
    ActionDetected,
    AudioFailed,
    Done,
]
"""What happens in a turn, in order. A turn that fails ends with an exception instead of `Done`."""


@dataclass(frozen=True)
class AssistantVersion:
    """An assistant as it was at some time."""

    id: str
    """The assistant."""
    version: int
    """Which version of it, from 1."""


@dataclass(frozen=True)
class Session:
    """One conversation."""

    id: str
    """Its id."""
    user: Optional[str]
    """Whose it is."""
    status: str
    """``active``, ``ended`` or ``expired``."""
    metadata: Mapping[str, Any]
    """Your own data."""
    created_at: datetime
    """When it was started."""
    last_activity_at: datetime
    """When it last took a turn."""
    ended_at: Optional[datetime]
    """When it ended or expired."""
    organization: Optional[str] = None
    """The organization it belongs to; None in a host without organizations."""
    assistant: Optional[AssistantVersion] = None
    """The assistant that talks in it, in the version with which it began; None: the agent's own."""


@dataclass(frozen=True)
class Message:
    """One stored message."""

    id: str
    """Its id."""
    session_id: str
    """The session it belongs to."""
    turn_id: str
    """The turn in which it was said."""
    role: str
    """Who said it: ``user``, ``assistant`` or ``tool``."""
    content: str = field(repr=False)
    """What was said."""
    created_at: datetime
    """When it was said."""
    audio_ref: Optional[str] = None
    """Where its sound is kept, if it is."""
    language: Optional[str] = None
    """The language of the words (BCP 47), when it is known. An interpreter's are always: who spoke is told by it."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Part of a longer list."""

    items: List[T]
    """The items."""
    has_more: bool
    """Whether there are more beyond this page."""


@dataclass(frozen=True)
class TranscribeRequest:
    """A request to transcribe one utterance."""

    audio: Audio
    """The utterance: 16 kHz, mono."""
    language: Optional[str]
    """The language to expect (BCP 47); None: detect it."""


@dataclass(frozen=True)
class PromptMessage:
    """One message of a prompt."""

    role: str
    """``system``, ``user``, ``assistant`` or ``tool``."""
    content: str = field(repr=False)
    """What is said; of a tool, its result."""
    tool_calls: Tuple[ToolCall, ...] = ()
    """The tools that the assistant calls with this message; messages of the role ``tool`` that follow at once answer them."""
    tool_call_id: Optional[str] = None
    """Of a tool: the call that it answers."""
    name: Optional[str] = None
    """Of a tool: its name."""
    failed: bool = False
    """Of a tool: whether it failed."""


@dataclass(frozen=True)
class ToolSpec:
    """A tool, as a language model is told of it."""

    name: str
    """Its name."""
    description: str
    """What it does and when to call it."""
    parameters: Mapping[str, Any]
    """The JSON schema of its arguments, an object."""


@dataclass(frozen=True)
class GenerateRequest:
    """A request to write an answer."""

    messages: Tuple[PromptMessage, ...]
    """The prompt: system first, then history, then what the user just said."""
    max_tokens: int
    """The most tokens to write."""
    temperature: float
    """The sampling temperature, 0 to 2."""
    tools: Tuple[ToolSpec, ...] = ()
    """The tools that the model may call. Only one whose `calls_tools` is true is told of any."""
    tool_choice: str = "auto"
    """``auto``, or ``none``: it shall answer in words now."""
    parallel_tool_calls: bool = True
    """Whether it may ask for several calls at once."""


@dataclass(frozen=True)
class SpokenWord:
    """A word that a voice speaks, and when, counted in seconds from the beginning of the sound of the text that was asked for."""

    text: str = field(repr=False)
    """The word, as it stands in the text."""
    start: float
    """When it begins."""
    end: float
    """When it is over."""


@dataclass(frozen=True)
class SynthesisRequest:
    """A request to speak a piece of text."""

    text: str = field(repr=False)
    """What to say: one sentence or a few."""
    language: Optional[str]
    """The language of the text (BCP 47), when it is known."""
    voice: Optional[str] = None
    """The voice that is asked for, of one that lists several; None: its own. Only previews ask for one."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How that voice is to speak: ``stability``, ``similarity``, ``style``, ``speed``, and whatever else of your own."""


def reply(native: NativeReply) -> Reply:
    """The reply for one of the native half."""
    fields: Dict[str, Any] = json.loads(native.json())
    rate, failed = fields.pop("sample_rate"), fields.pop("audio_error")
    fields.pop("audio_seconds")
    fields["timings"] = fields.pop("timings_ms")
    fields["tool_calls"] = tool_results(fields["tool_calls"])
    fields["cost"] = cost(fields["cost"])
    fields["actions"] = tuple(action(one) for one in fields["actions"])
    fields["sources"] = sources(fields["sources"])
    not_searched = fields.pop("knowledge_error")
    return Reply(
        audio=Audio._of_reply(native, rate),
        audio_error=None if failed is None else from_fields(failed),
        knowledge_error=None if not_searched is None else from_fields(not_searched),
        **fields,
    )


def cost(fields: Optional[Dict[str, Any]]) -> Optional[Cost]:
    """The amount for one of the native half."""
    return None if fields is None else Cost(fields["currency"], Decimal(fields["amount"]), fields["micros"])


def tool_results(records: List[Dict[str, Any]]) -> Tuple[ToolResult, ...]:
    """The calls of tools for those of the native half."""
    return tuple(ToolResult(**record) for record in records)


def generate_request(fields: Dict[str, Any]) -> GenerateRequest:
    """The request for one of the native half."""
    prompt = []
    for one in fields.pop("messages"):
        calls = tuple(ToolCall(**call) for call in one.pop("tool_calls", ()))
        prompt.append(PromptMessage(**one, tool_calls=calls))
    tools = tuple(ToolSpec(**spec) for spec in fields.pop("tools", ()))
    return GenerateRequest(messages=tuple(prompt), tools=tools, **fields)


_PLAIN: Mapping[str, Any] = {
    "speaking": Speaking,
    "filler": Filler,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "metrics": Metrics,
}


def event(kind: str, record: str, attachment: Union[bytes, NativeReply, None]) -> Optional[TurnEvent]:
    """The event for one of the native half; None for a kind that this version does not know."""
    if kind == "done":
        return Done(reply(cast(NativeReply, attachment)))
    fields: Dict[str, Any] = json.loads(record)
    if kind == "audio":
        return AudioChunk(cast(bytes, attachment), fields["sample_rate"])
    if kind == "text":
        return TextDelta(fields["text"])
    if kind == "transcript":
        return Transcript(fields["text"], fields["final"], fields["language"])
    if kind == "started":
        return Started(fields["session_id"], fields["turn_id"])
    if kind == "action_detected":
        return ActionDetected(action(fields["action"]))
    if kind == "sources":
        return SourcesFound(sources(fields["sources"]))
    if kind == "knowledge_failed":
        return KnowledgeFailed(from_fields(fields["error"]))
    if kind == "audio_failed":
        return AudioFailed(from_fields(fields["error"]))
    if kind == "metrics":
        fields["cost"] = cost(fields["cost"])
    if kind in _PLAIN:
        del fields["type"]
        plain: TurnEvent = _PLAIN[kind](**fields)
        return plain
    return None


def time(text: Optional[str]) -> Optional[datetime]:
    """RFC 3339 as the library writes it: in UTC, with up to nine digits of a second."""
    if text is None:
        return None
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{seconds}.{fraction[:6]:0<6}+00:00")


def action(fields: Dict[str, Any]) -> Action:
    """The action for one of the native half."""
    # Imported where there is one: a program that just converses starts sooner without it.
    from ._records import Action

    return Action(**{**fields, "created_at": time(fields["created_at"])})


def sources(listed: List[Dict[str, Any]]) -> Tuple[Source, ...]:
    """The passages for those of the native half."""
    if not listed:
        return ()
    from ._records import Source

    return tuple(Source(**fields) for fields in listed)


def session(fields: Dict[str, Any]) -> Session:
    """The session for one of the native half."""
    times = {name: time(fields.get(name)) for name in ("created_at", "last_activity_at", "ended_at")}
    assistant = AssistantVersion(**fields["assistant"]) if fields.get("assistant") else None
    return Session(**cast(Dict[str, Any], {**fields, **times, "assistant": assistant}))


def message(fields: Dict[str, Any]) -> Message:
    """The message for one of the native half."""
    return Message(**{**fields, "created_at": time(fields["created_at"])})


def written(message: Message) -> Dict[str, Any]:
    """A message as the native half reads it."""
    return {**vars(message), "created_at": message.created_at.isoformat()}


def page(convert: Callable[[Dict[str, Any]], T]) -> Callable[[Dict[str, Any]], Page[T]]:
    """What makes a page of one of the native half."""
    return lambda fields: Page([convert(item) for item in fields["items"]], fields["has_more"])


def nothing(_: object) -> None:
    """For what gives nothing."""
