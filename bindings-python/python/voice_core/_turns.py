"""One turn under way, blocking and for asyncio."""

from __future__ import annotations

from collections import deque
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Deque,
    Generator,
    Iterator,
    List,
    Optional,
    Protocol,
    Tuple,
    TypeVar,
    Union,
)

from . import _types
from ._errors import TurnCancelledError
from ._types import Reply, TurnEvent
from ._waiting import awaited, running_loop, wait

if TYPE_CHECKING:
    from typing_extensions import TypeAlias

    from ._aio import AsyncVoiceAgent
    from ._core import Request
    from ._native import EventStream, Input
    from ._native import Reply as NativeReply
    from ._sync import VoiceAgent

    Batch: TypeAlias = "List[Tuple[str, str, Union[bytes, NativeReply, None]]]"

BATCH = 64


class _Cancellable(Protocol):
    def cancel(self) -> None: ...


W = TypeVar("W", bound=_Cancellable)


class _Turn:
    """What both kinds of turn have in common: all that does not wait."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._stream: Optional[EventStream] = None
        self._work: Optional[_Cancellable] = None
        self._ready: Deque[TurnEvent] = deque()
        self._cancelled = self._over = False
        self._reply: Optional[Reply] = None

    def _begun(self, work: W) -> W:
        """Takes note of what is under way, for `cancel`."""
        self._work = work
        if self._cancelled:
            work.cancel()
        return work

    def _take(self, batch: Batch) -> None:
        self._over = not batch
        for record in batch:
            event = _types.event(*record)
            if isinstance(event, _types.Done):
                self._reply = event.reply
            if event is not None:
                self._ready.append(event)

    def _untouched(self) -> bool:
        """Whether nothing was asked of it yet; then it is over, for whoever asks for its reply makes it in one piece."""
        untouched = self._stream is None and not self._over and not self._cancelled
        self._over = self._over or untouched
        return untouched

    def _replied(self) -> Reply:
        if self._reply is None:
            raise TurnCancelledError("the turn had ended without a reply")
        return self._reply

    def cancel(self) -> None:
        """Cancels the turn. Any thread, any number of times."""
        self._cancelled = True
        if self._work is not None:
            self._work.cancel()


class Turn(_Turn):
    """One turn: iterate over its events, or ask for its reply.

    It begins with the first of these. Leaving it before its end cancels it, as `cancel` does from any thread; nothing is
    stored then.
    """

    def __init__(self, agent: VoiceAgent, request: Request) -> None:
        super().__init__(request)
        self._agent = agent

    def __iter__(self) -> Iterator[TurnEvent]:
        return self

    def __next__(self) -> TurnEvent:
        while not self._ready:
            if self._over:
                raise StopIteration
            self._pull()
        return self._ready.popleft()

    def _pull(self) -> None:
        try:
            if self._stream is None:
                native = self._agent._native()
                self._stream = self._begun(wait(native.stream(self._request.input(), self._request.options(None))))
            self._take(wait(self._stream.next_batch(BATCH)))
        except BaseException:
            self._over = True
            self.cancel()
            raise

    def reply(self) -> Reply:
        """Runs the turn to its end.

        Raises
        ------
        VoiceError
            As `VoiceAgent.converse`.
        """
        if self._untouched():
            native = self._agent._native()
            self._reply = _types.reply(wait(self._begun(native.turn(self._request.input(), self._request.options(None)))))
        for _ in self:
            pass
        return self._replied()

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class AsyncTurn(_Turn):
    """One turn: iterate over its events with ``async for``, or await its reply.

    It begins with the first of these. Cancelling the task that waits for it cancels it, and so does leaving it before its end;
    nothing is stored then.
    """

    def __init__(self, agent: AsyncVoiceAgent, request: Request) -> None:
        super().__init__(request)
        self._agent = agent

    def __await__(self) -> Generator[Any, None, Reply]:
        return self.reply().__await__()

    def __aiter__(self) -> AsyncIterator[TurnEvent]:
        return self

    async def __anext__(self) -> TurnEvent:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            await self._pull()
        return self._ready.popleft()

    async def _input(self) -> Input:
        if not self._request.reads:
            return self._request.input()
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(None, self._request.input)

    async def _pull(self) -> None:
        try:
            if self._stream is None:
                native = await self._agent._native()
                options = self._request.options(running_loop())
                self._stream = self._begun(await awaited(native.stream(await self._input(), options)))
            self._take(await awaited(self._stream.next_batch(BATCH)))
        except BaseException:
            self._over = True
            self.cancel()
            raise

    async def reply(self) -> Reply:
        """Runs the turn to its end; awaiting the turn itself does the same.

        Raises
        ------
        VoiceError
            As `AsyncVoiceAgent.converse`.
        """
        if self._untouched():
            native = await self._agent._native()
            working = self._begun(native.turn(await self._input(), self._request.options(running_loop())))
            self._reply = _types.reply(await awaited(working))
        async for _ in self:
            pass
        return self._replied()

    async def aclose(self) -> None:
        """The same as `cancel`, for `contextlib.aclosing`."""
        self._over = True
        self.cancel()
