"""Providers, detectors, stores, tools and sinks of metrics written in Python.

The native half asks an adaptor to `start` a piece of work on a thread that must not wait. What is `async` runs on the event loop
to which the agent belongs, everything else on daemon threads of Python: neither a provider that blocks nor one that never
returns holds up anything but its own turn.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterable,
    Awaitable,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from . import _courier, _workers
from ._audio import Audio
from ._errors import VoiceError
from . import _types
from ._tools import Tool, ToolContext, result_text
from ._types import (
    AudioChunk,
    Finished,
    GenerateRequest,
    SpokenWord,
    SynthesisRequest,
    TokenUsage,
    ToolCall,
    TranscribeRequest,
    Transcript,
)

if TYPE_CHECKING:
    import asyncio
    import contextvars

    import numpy
    from typing_extensions import TypeAlias

    from ._native import Responder, Sound
    from ._records import Voice


T = TypeVar("T")
Heard: TypeAlias = "Union[str, Transcript]"
Written: TypeAlias = "Union[str, ToolCall, TokenUsage, Finished]"
ListedVoice: TypeAlias = "Union[Voice, Mapping[str, Any]]"
Sounding: TypeAlias = "Union[bytes, Audio, AudioChunk, numpy.ndarray[Any, Any]]"
Spoken: TypeAlias = "Union[Sounding, SpokenAudio]"


class SpeechToText(Protocol):
    """A speech recogniser of your own: a class with this one method; inheriting from this one is not necessary.

    An attribute ``name`` says how errors, metrics and logs name it. Default: the name of the class. One that recognises speech while it
    is spoken has a second method: see `StreamingSpeechToText`. One that has something to get ready has a method ``warm_up``: see `Warm`.
    """

    def transcribe(
        self, request: TranscribeRequest, /
    ) -> Union[Heard, Awaitable[Heard], Iterable[Transcript], AsyncIterable[Transcript]]:
        """Transcribes one utterance.

        Plain or ``async``. Returns the words, or yields interim transcripts and at last a final one. Without speech the
        words are empty.
        """
        ...


class LanguageModel(Protocol):
    """A language model of your own: a class with this one method; inheriting from this one is not necessary.

    An attribute ``name`` says how errors, metrics and logs name it (default: the name of the class), an attribute ``calls_tools``
    whether it can call tools (default: False). One that has something to get ready has a method ``warm_up(system_prompt)``: see
    `WarmLanguageModel`.
    """

    def generate(
        self, request: GenerateRequest, /
    ) -> Union[Written, Awaitable[Written], Iterable[Written], AsyncIterable[Written]]:
        """Writes the answer to a prompt.

        Plain or ``async``. Returns the text, or yields it piece by piece: speech begins with the first sentence. One that calls
        tools yields a `ToolCall` for each, too; their results are in the prompt of the next request. What it used is a `TokenUsage`,
        which metrics and costs then show, and why it stopped is `Finished`.
        """
        ...


@dataclass(frozen=True)
class SpokenAudio:
    """A chunk of sound, with words of the text whose times the voice knows.

    The words may be those of this chunk or of others of the same text; each is told once, in their order. Live sessions then know to the
    word what was heard of an interrupted answer; otherwise it is told in proportion to the sound.
    """

    audio: Sounding = field(repr=False)
    """The sound, as `TextToSpeech` gives it; it may be empty."""
    words: Sequence[SpokenWord] = field(default=(), repr=False)
    """The words."""


class TextToSpeech(Protocol):
    """A voice of your own: a class with this one method; inheriting from this one is not necessary.

    An attribute ``name`` says how errors, metrics and logs name it (default: the name of the class), an attribute ``sample_rate``
    how many samples a second bytes and arrays have (default: 24000). One that has several voices has a second method: see `ManyVoices`.
    One that has something to get ready has a method ``warm_up``: see `Warm`.
    """

    def synthesize(
        self, request: SynthesisRequest, /
    ) -> Union[Spoken, Awaitable[Spoken], Iterable[Spoken], AsyncIterable[Spoken]]:
        """Speaks a text.

        Plain or ``async``. Returns the sound, or yields it chunk by chunk, all of one rate: mono 16-bit little-endian samples as
        bytes, which may be cut anywhere, an array of samples, or `Audio`; as `SpokenAudio` where it knows when words are spoken.
        """
        ...


class ManyVoices(TextToSpeech, Protocol):
    """Several voices of your own: one more method than `TextToSpeech`."""

    def voices(
        self, language: Optional[str], /
    ) -> Union[Iterable[ListedVoice], Awaitable[Iterable[ListedVoice]]]:
        """Lists the voices, for `agent.voices.list`: `Voice`, or mappings with an ``id`` and whatever else of one is known.

        Plain or ``async``. Those that do not speak `language` (BCP 47) may be left out. Whoever previews one finds it asked for in
        ``request.voice`` and ``request.settings`` of `synthesize`.
        """
        ...


class TurnDetector(Protocol):
    """What hears the end of turns, of your own: a class with this one method; inheriting from this one is not necessary.

    It is asked in live sessions whose config has ``turn_detection`` ``model``. An attribute ``name`` says how logs name it. One that has something
    to get ready has a method ``warm_up``: see `Warm`.
    """

    def completeness(self, audio: Audio, /) -> Union[float, Awaitable[float]]:
        """Says how likely the speaker is done, 0–1.

        Plain or ``async``. `audio` is the latest eight seconds at most of the turn, 16 kHz and mono, which end with a short
        silence. Asked at every pause; when it fails, or takes longer than the longest pause, the words alone tell.
        """
        ...


class Warm(Protocol):
    """A recogniser, a voice or a detector of your own that has something to get ready: one more method."""

    def warm_up(self) -> Union[None, Awaitable[None]]:
        """Gets ready before it is asked for the first time: opens a connection, loads a model.

        Plain or ``async``. `VoiceAgent.warm_up` calls it and waits for it, and so does making an agent with ``warm_up=True``; what it
        raises is raised there. The agent may never call it, or call it again.
        """
        ...


class WarmLanguageModel(LanguageModel, Protocol):
    """A language model of your own that has something to get ready: one more method than `LanguageModel`."""

    def warm_up(self, system_prompt: str, /) -> Union[None, Awaitable[None]]:
        """The same as `Warm.warm_up`, for prompts that will begin with `system_prompt`."""
        ...


class ConversationStore(Protocol):
    """A conversation store of your own: a class with these methods; inheriting from this one is not necessary.

    All may be plain or ``async``. A session, a message and a turn are dictionaries that can be written as JSON: keep them
    as they are. Ids are strings that sort by age. An attribute ``name`` says how errors name it.
    """

    def create_session(self, *, session: Dict[str, Any]) -> Union[None, Awaitable[None]]:
        """Creates a session. An id that exists already is left as it is."""
        ...

    def session(self, *, id: str) -> Union[Optional[Mapping[str, Any]], Awaitable[Optional[Mapping[str, Any]]]]:
        """A session, or None."""
        ...

    def list_sessions(
        self, *, user: Optional[str], status: Optional[str], limit: int, before: Optional[str]
    ) -> Union[Mapping[str, Any], Awaitable[Mapping[str, Any]]]:
        """Sessions older than the one with the id `before`, newest first: ``{"items": […], "has_more": bool}``."""
        ...

    def set_metadata(self, *, id: str, metadata: Dict[str, Any]) -> Union[bool, Awaitable[bool]]:
        """Replaces a session's metadata. False: no such session."""
        ...

    def end_session(self, *, id: str, at: str) -> Union[bool, Awaitable[bool]]:
        """Ends an active session. False: there is no such session, or it was over already."""
        ...

    def delete_session(self, *, id: str) -> Union[bool, Awaitable[bool]]:
        """Deletes a session with its messages. False: no such session."""
        ...

    def save_turn(
        self, *, turn_id: str, session: Dict[str, Any], messages: List[Dict[str, Any]], continues: bool
    ) -> Union[bool, None, Awaitable[Optional[bool]]]:
        """Saves a turn: all of it or nothing, once per turn id. False: it had been saved before.

        The session is created when its id is unknown; otherwise only its `last_activity_at` moves, never backwards. A turn that `continues`
        a session creates none: None when the session is not there any more, because it was deleted meanwhile.
        """
        ...

    def messages(
        self, *, session_id: str, limit: int, before: Optional[str]
    ) -> Union[Mapping[str, Any], Awaitable[Mapping[str, Any]]]:
        """The latest messages older than the one with the id `before`, oldest first: ``{"items": […], "has_more": bool}``."""
        ...

    def expire_idle(self, *, idle_since: str, at: str) -> Union[int, Awaitable[int]]:
        """Marks active sessions whose last activity is before `idle_since` as expired at `at`; says how many."""
        ...

    def delete_over(self, *, ended_before: str) -> Union[int, Awaitable[int]]:
        """Deletes sessions that ended or expired before that time, with their messages; says how many."""
        ...

    def close(self) -> Union[None, Awaitable[None]]:
        """Finishes what is under way and closes. Closing again is fine."""
        ...


class _Adaptor:
    """Passes requests of the native half on to an object of the host."""

    _method: str
    _one = False
    """Whether an answer is one value, also when it could be iterated over."""
    _context: Optional[contextvars.Context] = None
    """The context variables that the object's methods see; None: those of nobody."""

    def __init__(self, target: object, loop: Optional[asyncio.AbstractEventLoop]) -> None:
        self.name = str(getattr(target, "name", None) or getattr(target, "__name__", None) or type(target).__name__)
        self._target = target
        self._loop = loop
        if loop is not None and sys.platform != "win32":
            # What the native half looks for: it has an event loop that waits for the library anyway make the calls.
            self.bell = _courier.bell_of(loop)

    def _send(self, answer: Responder, item: Any) -> bool:
        raise NotImplementedError

    def warm_up(self, *arguments: Any) -> None:
        """Has the object get ready: what it is told of, then where its answer goes."""
        *told, answer = arguments
        method = getattr(self._target, "warm_up", None)
        if callable(method):
            _Readiness(self._target, self._loop)._run(answer, method, *told)
        else:
            answer.finish()

    def _is_piece(self, result: Any) -> bool:
        """Whether what was returned is handed over as it is, and not item by item."""
        return self._one or isinstance(result, _PIECES) or not hasattr(result, "__iter__")

    def _run(self, answer: Responder, method: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        self._begin(answer, method, lambda: method(*arguments, **named))

    def _begin(self, answer: Responder, method: Callable[..., Any], call: Callable[[], Any]) -> None:
        """Has `call` call the method where it belongs: on the event loop, or on a thread."""
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            self._on_loop(answer, call)
        else:
            _workers.run(lambda: self._within(lambda: self._on_thread(answer, call)))

    def _within(self, work: Callable[[], T]) -> T:
        # A copy for each call: several may run at a time, and none sees what another sets.
        return work() if self._context is None else self._context.copy().run(work)

    def _on_thread(self, answer: Responder, call: Callable[[], Any]) -> None:
        try:
            result = call()
            if inspect.isawaitable(result) or hasattr(result, "__aiter__"):
                self._on_loop(answer, lambda: result)
                return
            if self._is_piece(result):
                self._send(answer, result)
            else:
                for item in result:
                    if not self._send(answer, item):
                        break
            answer.finish()
        except BaseException as error:  # also SystemExit: it is the provider's failure, not the program's end
            self._fail(answer, error)

    def _on_loop(self, answer: Responder, call: Callable[[], Any]) -> None:
        import asyncio

        async def drive() -> None:
            try:
                result = call()
                if hasattr(result, "__aiter__"):
                    await self._iterate(answer, result)
                else:
                    self._send(answer, await result)
                answer.finish()
            except BaseException as error:
                self._fail(answer, error)
                if isinstance(error, asyncio.CancelledError):
                    raise

        loop = self._loop
        if loop is None or loop.is_closed() or not loop.is_running():
            loop = _workers.own_loop()
        started: List[asyncio.Task[None]] = []

        def start() -> None:
            started.append(self._within(lambda: loop.create_task(drive())))

        if loop is asyncio._get_running_loop():
            start()
        else:
            loop.call_soon_threadsafe(start)

        def cancel() -> None:
            for task in started:
                task.cancel()

        answer.on_cancel(lambda: _courier.soon(loop, cancel))

    async def _iterate(self, answer: Responder, items: Any) -> None:
        try:
            async for item in items:
                if not self._send(answer, item):
                    break
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    def _fail(self, answer: Responder, error: BaseException) -> None:
        try:
            answer.fail(*self._told(error))
        except BaseException:  # what an exception says of itself is the host's code, too
            answer.fail(None, _text(type(error).__name__))

    def _told(self, error: BaseException) -> Tuple[Optional[str], str, Optional[bool], Optional[int]]:
        """What the library is told of a failure: code, message, whether to try again, and after how many milliseconds."""
        import asyncio

        if isinstance(error, VoiceError):
            code = error.code if type(error) is not VoiceError else None
            return code, _text(error.message), error._retryable, _milliseconds(error.retry_after)
        if isinstance(error, asyncio.CancelledError):
            return None, "the provider was cancelled", None, None
        import logging  # late: it is a third of what starting without it takes

        logging.getLogger("voice_core.host").warning("%s failed", self.name, exc_info=error)
        code = "TIMEOUT" if isinstance(error, (TimeoutError, asyncio.TimeoutError)) else None
        return code, _text(f"{type(error).__name__}: {error}"), None, None


def _text(said: object) -> str:
    """Text that can be written as UTF-8: a surrogate alone cannot."""
    return str(said).encode("utf-8", "replace").decode()


def _milliseconds(seconds: Optional[float]) -> Optional[int]:
    """A time to wait, of thirty years at most; None: none was named."""
    if seconds is None or seconds != seconds:
        return None
    return int(min(max(seconds, 0.0), 1e9) * 1000)


class _Readiness(_Adaptor):
    """Waits until an object is ready: whatever it gives, only the end counts."""

    _one = True

    def _send(self, answer: Responder, item: Any) -> bool:
        return True


class _Listing(_Adaptor):
    """Hands over the voices that an object lists."""

    _one = True

    def _send(self, answer: Responder, item: Any) -> bool:
        return answer.send_text(json.dumps([one if isinstance(one, Mapping) else dict(vars(one)) for one in item], default=dict))


_PIECES: Tuple[type, ...] = (
    str,
    bytes,
    bytearray,
    memoryview,
    dict,
    Transcript,
    ToolCall,
    TokenUsage,
    Finished,
    Audio,
    AudioChunk,
)


class SttAdaptor(_Adaptor):
    """Asks a `SpeechToText`."""

    @property
    def listens(self) -> bool:
        """Whether it recognises speech while it is spoken."""
        return callable(getattr(self._target, "listen", None))

    def listen(self, sound: Sound, language: Optional[str], answer: Responder) -> None:
        """Has an utterance recognised while it is spoken."""
        from ._listening import ListenRequest, SpokenSound

        request = ListenRequest(SpokenSound(sound), language)
        self._run(answer, self._target.listen, request)  # type: ignore[attr-defined]

    def start(self, pcm: bytes, language: Optional[str], answer: Responder) -> None:
        """Has the utterance transcribed."""
        request = TranscribeRequest(Audio(pcm, 16_000), language)
        self._run(answer, self._target.transcribe, request)  # type: ignore[attr-defined]

    def _send(self, answer: Responder, item: Any) -> bool:
        if isinstance(item, str):
            item = Transcript(item)
        if not isinstance(item, Transcript):
            raise TypeError(f"{self.name} gave {type(item).__name__}; a str or a Transcript is expected")
        return answer.send_transcript(item.text, item.final, item.language)


class LlmAdaptor(_Adaptor):
    """Asks a `LanguageModel`."""

    @property
    def calls_tools(self) -> bool:
        """Whether it can call tools."""
        return bool(getattr(self._target, "calls_tools", False))

    def start(self, request_json: str, answer: Responder) -> None:
        """Has the answer written."""
        request = _types.generate_request(json.loads(request_json))
        self._run(answer, self._target.generate, request)  # type: ignore[attr-defined]

    def _send(self, answer: Responder, item: Any) -> bool:
        if isinstance(item, ToolCall):
            written = item.arguments if isinstance(item.arguments, str) else json.dumps(item.arguments)
            return answer.send_tool_call(item.id, item.name, written)
        if isinstance(item, TokenUsage):
            return answer.send_usage(item.input_tokens, item.cached_tokens, item.output_tokens)
        if isinstance(item, Finished):
            return answer.send_finish_reason(item.reason)
        if not isinstance(item, str):
            raise TypeError(f"{self.name} gave {type(item).__name__}; a str, ToolCall, TokenUsage or Finished is expected")
        return answer.send_text(item)


class TtsAdaptor(_Adaptor):
    """Asks a `TextToSpeech`."""

    @property
    def has_several(self) -> bool:
        """Whether it can be asked for one of several voices."""
        return callable(getattr(self._target, "voices", None))

    def start(self, text: str, language: Optional[str], answer: Responder) -> None:
        """Has the text spoken."""
        self._run(answer, self._target.synthesize, SynthesisRequest(text, language))  # type: ignore[attr-defined]

    def start_as(self, text: str, language: Optional[str], voice_json: str, answer: Responder) -> None:
        """Has the text spoken by one of its voices."""
        voice = json.loads(voice_json)
        request = SynthesisRequest(text, language, voice["id"], voice["settings"])
        self._run(answer, self._target.synthesize, request)  # type: ignore[attr-defined]

    def voices(self, language: Optional[str], answer: Responder) -> None:
        """Has its voices listed."""
        method = getattr(self._target, "voices", None)
        if callable(method):
            _Listing(self._target, self._loop)._run(answer, method, language)
        else:
            answer.finish()

    def _is_piece(self, result: Any) -> bool:
        return hasattr(result, "__array_interface__") or super()._is_piece(result)

    def _send(self, answer: Responder, item: Any) -> bool:
        rate = int(getattr(self._target, "sample_rate", 24_000))
        if isinstance(item, SpokenAudio):
            for word in item.words:
                answer.send_word(word.text, word.start, word.end)
            item = item.audio
        if isinstance(item, (bytes, bytearray, memoryview)):
            return answer.send_audio_bytes(bytes(item), rate)
        if hasattr(item, "__array_interface__"):
            item = Audio.from_numpy(item, rate)
        if not isinstance(item, (Audio, AudioChunk)):
            raise TypeError(f"{self.name} gave {type(item).__name__}; bytes, an array or Audio is expected")
        if getattr(item, "channels", 1) != 1:
            raise TypeError(f"{self.name} gave sound of several channels; mono is expected")
        return answer.send_audio(item.pcm, item.sample_rate)


class TurnDetectorAdaptor(_Adaptor):
    """Asks a `TurnDetector`."""

    _one = True

    def start(self, pcm: bytes, answer: Responder) -> None:
        """Has the end of a turn judged."""
        self._run(answer, self._target.completeness, Audio(pcm, 16_000))  # type: ignore[attr-defined]

    def _send(self, answer: Responder, item: Any) -> bool:
        if isinstance(item, str) or not hasattr(item, "__float__"):
            raise TypeError(f"{self.name} gave {type(item).__name__}; a number from 0 to 1 is expected")
        return answer.send_completeness(float(item))


class StoreAdaptor(_Adaptor):
    """Asks a `ConversationStore`."""

    _one = True

    def start(self, method: str, arguments_json: str, answer: Responder) -> None:
        """Has one method run."""
        run = getattr(self._target, method, None)
        if run is None and method == "close":
            answer.finish()
        elif run is None:
            answer.fail(None, f"it has no method {method}")
        else:
            self._run(answer, run, **json.loads(arguments_json))

    def _send(self, answer: Responder, item: Any) -> bool:
        return answer.send_text(json.dumps(item))


class MetricsAdaptor(_Adaptor):
    """Tells a `MetricsSink`, or a function that is one."""

    _one = True

    def start(self, reports_json: str, answer: Responder) -> None:
        """Has reports taken."""
        target: Any = self._target
        record = getattr(target, "record", target)

        def told() -> Any:
            # Read where they are told, late: most agents have no sink.
            from ._metrics import reports

            return record(reports(reports_json))

        self._run(answer, told)

    def flush(self, answer: Responder) -> None:
        """Has what is still held let go of."""
        flush = getattr(self._target, "flush", None)
        if callable(flush):
            self._run(answer, flush)
        else:
            answer.finish()

    def _send(self, answer: Responder, item: Any) -> bool:
        return True


def adapted(
    tools: Iterable[Tool[Any]],
    loop: Optional[asyncio.AbstractEventLoop],
    context: Optional[contextvars.Context] = None,
) -> List[ToolAdaptor]:
    """Tools as the native half takes them; `async` ones run on `loop`, and all see the variables of `context`."""
    return [ToolAdaptor(one, loop, context) for one in tools]


class ToolAdaptor(_Adaptor):
    """Calls a `Tool`."""

    _one = True

    def __init__(
        self,
        tool: Tool[Any],
        loop: Optional[asyncio.AbstractEventLoop],
        context: Optional[contextvars.Context] = None,
    ) -> None:
        super().__init__(tool, loop)
        self.definition = tool.definition()
        self._tool = tool
        self._context = context

    def start(self, arguments_json: str, context_json: str, answer: Responder) -> None:
        """Has one call made."""
        tool, fields, over = self._tool, json.loads(context_json), threading.Event()
        if tool.wants_context:
            answer.on_cancel(over.set)
        context = ToolContext(
            fields["session_id"], fields["turn_id"], fields["user"], fields["timeout_ms"] / 1000, over.is_set
        )
        # The arguments are made where the call is, too: what that raises is the tool's failure.
        self._begin(answer, tool.function, lambda: tool.function(**tool.arguments(json.loads(arguments_json), context)))

    def _send(self, answer: Responder, item: Any) -> bool:
        text = result_text(self.name, item)
        return text is None or answer.send_text(text)
