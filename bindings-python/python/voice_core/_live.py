"""Live sessions, blocking and for asyncio."""

from __future__ import annotations

import contextvars
import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, AsyncIterator, Deque, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from . import _live_types
from ._audio import Audio
from ._errors import InvalidRequestError, ValidationError
from ._host import adapted
from ._live_types import LiveEvent, LiveSummary
from ._tools import tools_of
from ._waiting import awaited, running_loop, wait
from ._wire import AsyncLiveWire, LiveWire

if TYPE_CHECKING:
    import os

    import numpy
    from typing_extensions import TypeAlias

    from ._aio import AsyncVoiceAgent
    from ._native import LiveSession as NativeLive
    from ._native import Pending, Reply
    from ._sync import VoiceAgent

    Batch: TypeAlias = "List[Tuple[str, str, Union[bytes, Reply, None]]]"

BATCH = 64


def _samples(sound: object) -> bytes:
    """16-bit samples of anything that is accepted as a frame."""
    if isinstance(sound, (bytes, bytearray, memoryview)):
        return bytes(sound)
    if isinstance(sound, Audio):
        return sound.pcm
    if hasattr(sound, "__array_interface__"):
        return Audio.from_numpy(sound, 1).pcm  # type: ignore[arg-type]  # checked inside
    raise ValidationError(f"{type(sound).__name__} is no sound; the bytes of 16-bit samples, Audio, or a numpy array is")


class _Live:
    """What both kinds of session have in common: all that does not wait."""

    def __init__(self, options: Dict[str, object], tools: Optional[Iterable[object]]) -> None:
        self._tools = tools_of(tools)
        try:
            self._options = json.dumps({name: value for name, value in options.items() if value is not None})
        except (TypeError, ValueError) as error:
            raise ValidationError(f"the options cannot be written as JSON: {error}") from None
        self._native: Optional[NativeLive] = None
        self._ready: Deque[LiveEvent] = deque()
        self._over = False

    def _running(self) -> NativeLive:
        if self._native is None:
            raise InvalidRequestError("the live session has not begun; use it in a `with` block, or call start() first")
        return self._native

    def _take(self, batch: Batch) -> None:
        self._over = not batch
        for record in batch:
            event = _live_types.event(*record)
            if event is not None:
                self._ready.append(event)

    @property
    def session_id(self) -> str:
        """The stored session, whose history the conversation continues."""
        return self._running().session_id

    def push_audio(self, sound: Union[bytes, bytearray, memoryview, Audio, numpy.ndarray[Any, Any]]) -> None:
        """Takes the next sound of the user: any number of samples up to ten seconds. Never waits.

        Parameters
        ----------
        sound
            Interleaved 16-bit samples of the rate and channels that the session was started with, as bytes, as `Audio`, or as an
            array of int16 or of floats within ±1.

        Raises
        ------
        ValidationError
            The samples do not fill every channel, or are too many.
        RateLimitError
            Sound comes faster than it can be heard: wait a moment (`retry_after`) and push it again.
        InvalidRequestError
            The session is over.
        """
        self._running().push_pcm16(_samples(sound))

    def push_audio_at(
        self, seconds: float, sound: Union[bytes, bytearray, memoryview, Audio, numpy.ndarray[Any, Any]]
    ) -> None:
        """Takes sound that comes over a network, with the time at which its sender took it. Never waits.

        Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap is waited for 60 ms at
        most and then made up from the sound before it, and copies are dropped. A sender that begins to count anew is followed.

        Parameters
        ----------
        seconds
            The time, counted from any moment: RTP's or a media stream's timestamp over its rate.
        sound
            As for `push_audio`, which also says what is raised.
        """
        self._running().push_pcm16_at(seconds, _samples(sound))

    def push_text(self, text: str) -> None:
        """Takes something that the user typed. It is answered at once; what the agent says is interrupted."""
        self._running().push_text(text)

    def push_dtmf(self, keys: str) -> None:
        """Takes keys of the telephone: ``0``–``9``, ``*``, ``#``, ``A``–``D``. ``#`` or a pause completes them."""
        self._running().push_dtmf(keys)

    def commit(self) -> None:
        """Ends the user's turn now: push to talk."""
        self._running().commit()

    def say(self, text: str, *, interruptible: bool = True) -> None:
        """Has the agent say something, after what it is saying now. It is stored as the agent's message."""
        self._running().say(text, interruptible)

    def interrupt(self) -> None:
        """Stops what the agent says or is about to say. What was heard of it is stored."""
        self._running().interrupt()

    def pause(self) -> None:
        """Holds the sound back until `resume`; what is not played yet is to be thrown away (`Clear`) and comes again then."""
        self._running().pause()

    def resume(self) -> None:
        """Goes on after `pause`."""
        self._running().resume()

    def set_playback_position(self, seconds: float) -> None:
        """Says how much of the session's sound was played so far. From then on only this tells what was heard; until then sound
        counts as played when its time has passed."""
        self._running().set_playback_position(seconds)

    def set_language(self, language: Optional[str]) -> None:
        """Changes the language that is expected and spoken (BCP 47); None: detect it."""
        self._running().set_language(language)


class LiveSession(_Live):
    """A live conversation: push sound, iterate over events. Made by `VoiceAgent.live`.

    It begins with ``with`` (or `start`) and ends with the block. One thread may push while another iterates. The events must be
    taken: a session whose events nobody takes ends.
    """

    def __init__(
        self, agent: VoiceAgent, options: Dict[str, object], tools: Optional[Iterable[object]] = None
    ) -> None:
        super().__init__(options, tools)
        self._agent = agent
        self._pulling = threading.Lock()

    def start(self) -> LiveSession:
        """Starts the session; ``with`` does it for you. A session that runs is left as it is."""
        if self._native is None:
            tools = adapted(self._tools, None, contextvars.copy_context())
            self._native = wait(self._agent._native().live(self._options, tools))
        return self

    def wire(self, protocol: Optional[str] = None) -> LiveWire:
        """The session as frames for a connection of your own, in place of the loop over events.

        Parameters
        ----------
        protocol
            Whose telephone call it is: ``twilio``, ``plivo``, ``vobiz``, ``exotel``, ``telnyx`` or ``vonage``; ``auto`` tells it from the
            first messages. Default: a client that speaks this library's own protocol.
        """
        native = self._running()
        return LiveWire(native.wire() if protocol is None else native.phone(protocol))

    def __iter__(self) -> Iterator[LiveEvent]:
        return self

    def __next__(self) -> LiveEvent:
        with self._pulling:
            while not self._ready:
                if self._over:
                    raise StopIteration
                self._take(wait(self._running().next_batch(BATCH)))
            return self._ready.popleft()

    def end(self) -> LiveSummary:
        """Ends the session: what is being said is stopped, what was heard is stored. Ending it again gives the same.

        Raises
        ------
        InvalidRequestError
            It had ended by itself because nobody took its events.
        """
        return _live_types.summary(json.loads(wait(self._running().end())))

    def __enter__(self) -> LiveSession:
        return self.start()

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        except InvalidRequestError:
            # It was over already.
            pass


class AsyncLiveSession(_Live):
    """A live conversation for asyncio: push sound, iterate over events with ``async for``. Made by `AsyncVoiceAgent.live`.

    It begins with ``async with`` (or `start`) and ends with the block. Pushing never waits, so one task may push while another
    iterates; giving up waiting for an event (`asyncio.timeout` does) loses none. The events must be taken: a session whose
    events nobody takes ends.
    """

    def __init__(
        self, agent: AsyncVoiceAgent, options: Dict[str, object], tools: Optional[Iterable[object]] = None
    ) -> None:
        super().__init__(options, tools)
        self._agent = agent
        self._pulling: Optional[Pending[Batch]] = None

    async def start(self) -> AsyncLiveSession:
        """Starts the session; ``async with`` does it for you. A session that runs is left as it is."""
        if self._native is None:
            native = await self._agent._native()
            tools = adapted(self._tools, running_loop(), contextvars.copy_context())
            self._native = await awaited(native.live(self._options, tools))
        return self

    def wire(self, protocol: Optional[str] = None) -> AsyncLiveWire:
        """The session as frames for a connection of your own, in place of the loop over events.

        Parameters
        ----------
        protocol
            Whose telephone call it is: ``twilio``, ``plivo``, ``vobiz``, ``exotel``, ``telnyx`` or ``vonage``; ``auto`` tells it from the
            first messages. Default: a client that speaks this library's own protocol.
        """
        native = self._running()
        return AsyncLiveWire(native.wire() if protocol is None else native.phone(protocol))

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self

    async def __anext__(self) -> LiveEvent:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            if self._pulling is None:
                self._pulling = self._running().next_batch(BATCH)
            pulling = self._pulling
            # A task that gives up leaves the work to the next one that asks.
            batch = await awaited(pulling, shared=True)
            if self._pulling is pulling:
                self._pulling = None
                self._take(batch)
        return self._ready.popleft()

    async def end(self) -> LiveSummary:
        """Ends the session: what is being said is stopped, what was heard is stored. Ending it again gives the same.

        Raises
        ------
        InvalidRequestError
            It had ended by itself because nobody took its events.
        """
        return _live_types.summary(json.loads(await awaited(self._running().end())))

    async def __aenter__(self) -> AsyncLiveSession:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.end()
        except InvalidRequestError:
            # It was over already.
            pass
