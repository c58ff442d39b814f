"""The agent for asyncio."""

from __future__ import annotations

import os
from collections import deque
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Deque,
    Dict,
    Generator,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

from . import _types
from ._core import Core, Request
from ._errors import TurnCancelledError
from ._live import AsyncLiveSession
from ._native import Agent as NativeAgent
from ._native import EventStream, Input
from ._people import Principal
from ._rooms_aio import AsyncAccounts, AsyncAssistants, AsyncAudit, AsyncSessions
from ._sync import BATCH
from ._types import Reply, TurnEvent
from ._waiting import awaited

if TYPE_CHECKING:
    from ._audio import AudioSource
    from .config import Assistant, CircuitBreaker, Config, Limits, Live, Local, Provider, RateLimit, Retry, Timeout
    from ._host import ConversationStore, LanguageModel, SpeechToText, TextToSpeech
    from ._tools import Tool


class AsyncTurn:
    """One turn: iterate over its events with ``async for``, or await its reply.

    It begins with the first of these. Cancelling the task that waits for it cancels it, and so does leaving it before its end;
    nothing is stored then.
    """

    def __init__(self, agent: AsyncVoiceAgent, request: Request) -> None:
        self._agent = agent
        self._request = request
        self._stream: Optional[EventStream] = None
        self._ready: Deque[TurnEvent] = deque()
        self._cancelled = self._over = False
        self._reply: Optional[Reply] = None

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._to_end().__await__()

    async def _to_end(self) -> Reply:
        if self._stream is None and not self._over and not self._cancelled:
            self._over = True
            native = await self._agent._native()
            pending = native.turn(await self._input(), *self._request.options)
            self._reply = _types.reply(await awaited(pending))
        async for _ in self:
            pass
        if self._reply is None:
            raise TurnCancelledError("the turn had ended without a reply")
        return self._reply

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
                self._stream = await awaited(native.stream(await self._input(), *self._request.options))
                if self._cancelled:
                    self._stream.cancel()
            batch = await awaited(self._stream.next_batch(BATCH))
        except BaseException:
            self._over = True
            self.cancel()
            raise
        self._over = not batch
        for record in batch:
            event = _types.event(*record)
            if isinstance(event, _types.Done):
                self._reply = event.reply
            if event is not None:
                self._ready.append(event)

    def cancel(self) -> None:
        """Cancels a turn that is iterated over. Any thread, any number of times."""
        self._cancelled = True
        if self._stream is not None:
            self._stream.cancel()

    async def aclose(self) -> None:
        """The same as `cancel`, for `contextlib.aclosing`."""
        self._over = True
        self.cancel()


class AsyncVoiceAgent:
    """Speech in, speech out, for asyncio: hears, thinks, answers, remembers.

    It is made ready by ``async with``, or by its first use; parameters and errors are those of `VoiceAgent`. Any number of
    tasks may use one agent, also on several event loops. Cancelling a task (`asyncio.timeout` does) stops its turn.
    ``async`` methods of your own providers run on the loop that used the agent first.
    """

    def __init__(
        self,
        config: Union[None, str, os.PathLike[str], Config] = None,
        *,
        stt: Union[None, str, Provider, SpeechToText, Sequence[Union[str, Provider, SpeechToText]]] = None,
        llm: Union[None, str, Provider, LanguageModel, Sequence[Union[str, Provider, LanguageModel]]] = None,
        tts: Union[None, str, Provider, TextToSpeech, Sequence[Union[str, Provider, TextToSpeech]]] = None,
        storage: Union[None, str, ConversationStore] = None,
        tools: Optional[Sequence[Union[Tool[Any], Callable[..., Any]]]] = None,
        assistant: Optional[Assistant] = None,
        limits: Optional[Limits] = None,
        retry: Optional[Retry] = None,
        timeouts: Optional[Timeout] = None,
        circuit_breaker: Optional[CircuitBreaker] = None,
        rate_limit: Optional[RateLimit] = None,
        local: Optional[Local] = None,
        live: Optional[Live] = None,
        warm_up: Optional[bool] = None,
        log_level: Optional[str] = None,
    ) -> None:
        given: Dict[str, object] = dict(locals())
        for name in ("self", "config"):
            del given[name]
        self._core = Core(config, given)
        self._acting: Tuple[Principal, ...] = ()

    @classmethod
    def local(cls, storage: Union[None, str, ConversationStore] = None) -> AsyncVoiceAgent:
        """An agent that runs offline with local models: ``python -m voice_core models fetch`` gets them."""
        return cls(stt="local", llm="local", tts="local", storage=storage)

    async def _native(self) -> NativeAgent:
        import asyncio

        try:
            native = await awaited(self._core.making(asyncio.get_running_loop()), shared=True)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._core.failed()
            raise
        for principal in self._acting:
            native = native.acting(principal._json())
        return native

    def turn(
        self,
        audio: Optional[AudioSource] = None,
        *,
        text: Optional[str] = None,
        sample_rate: Optional[int] = None,
        channels: int = 1,
        session: Optional[str] = None,
        user: Optional[str] = None,
        language: Optional[str] = None,
        deadline: Optional[float] = None,
        speak: bool = True,
        assistant: Optional[str] = None,
    ) -> AsyncTurn:
        """One turn about something said or typed: ``async for`` over its events, or await its reply.

        Takes the same parameters as `VoiceAgent.converse`, and raises the same errors when it is iterated or awaited.
        """
        return AsyncTurn(
            self, Request(audio, text, sample_rate, channels, session, user, language, deadline, speak, assistant)
        )

    async def converse(
        self,
        audio: Optional[AudioSource] = None,
        *,
        text: Optional[str] = None,
        sample_rate: Optional[int] = None,
        channels: int = 1,
        session: Optional[str] = None,
        user: Optional[str] = None,
        language: Optional[str] = None,
        deadline: Optional[float] = None,
        speak: bool = True,
        assistant: Optional[str] = None,
    ) -> Reply:
        """One whole turn: hears the audio, answers, saves both messages.

        Takes the same parameters as `VoiceAgent.converse`, and raises the same errors.
        """
        return await AsyncTurn(
            self, Request(audio, text, sample_rate, channels, session, user, language, deadline, speak, assistant)
        )

    def live(
        self,
        *,
        session: Optional[str] = None,
        user: Optional[str] = None,
        language: Optional[str] = None,
        config: Optional[Live] = None,
        first_message: Optional[str] = None,
        input_rate: int = 16_000,
        input_channels: int = 1,
        output_rate: int = 24_000,
        speak: bool = True,
        assistant: Optional[str] = None,
    ) -> AsyncLiveSession:
        """A live conversation: sound in both directions at once, in an ``async with`` block.

        >>> async with agent.live(input_rate=16_000) as live:  # doctest: +SKIP
        ...     live.push_audio(frame)
        ...     async for event in live: ...

        Takes the same parameters as `VoiceAgent.live`, and raises the same errors when it starts.
        """
        options: Dict[str, object] = dict(locals())
        del options["self"]
        return AsyncLiveSession(self, options)

    @property
    def sessions(self) -> AsyncSessions:
        """The sessions and their history."""
        return AsyncSessions(self)

    @property
    def accounts(self) -> AsyncAccounts:
        """Organizations, users and API keys."""
        return AsyncAccounts(self)

    @property
    def assistants(self) -> AsyncAssistants:
        """Assistants that are kept."""
        return AsyncAssistants(self)

    @property
    def audit(self) -> AsyncAudit:
        """The audit log."""
        return AsyncAudit(self)

    def with_principal(self, principal: Principal) -> AsyncVoiceAgent:
        """The same agent as somebody with a credential reaches it: nothing of anybody else.

        Turns, live sessions, `sessions`, `assistants`, `accounts` and `audit` are then theirs; what belongs to others is
        answered exactly like what does not exist. Its `close` is an `UnauthorizedError`: close the agent itself.
        """
        mine = type(self).__new__(type(self))
        mine._core, mine._acting = self._core, (*self._acting, principal)
        return mine

    async def warm_up(self) -> None:
        """Makes every provider ready (models loaded, connections opened), so that the first turn is as fast as the next."""
        await awaited((await self._native()).warm_up())

    async def close(self) -> None:
        """Cancels turns that are running, finishes what is being saved, and closes the store. Closing twice is fine."""
        if self._acting:
            return await awaited((await self._native()).close())
        made = self._core.close()
        if made is not None:
            await awaited((await awaited(made, shared=True)).close())

    async def __aenter__(self) -> AsyncVoiceAgent:
        await self._native()
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()
