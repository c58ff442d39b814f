# Written by `cargo xtask gen` from `_aio.py`. Do not edit.
"""The blocking agent."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Tuple, Type, Union

from ._core import Core, Request
from ._native import Agent as NativeAgent
from ._turns import Turn
from ._types import Reply
from ._waiting import wait

if TYPE_CHECKING:
    from ._audio import AudioSource
    from .config import Assistant, CircuitBreaker, Config, Limits, Live, Local, Provider, RateLimit, Retry, Timeout
    from ._host import ConversationStore, LanguageModel, SpeechToText, TextToSpeech, TurnDetector
    from ._live import LiveSession
    from ._metrics import MetricsSink, Report
    from ._native import Pending
    from ._records import Principal
    from ._rooms import Accounts, Assistants, Audit, Knowledge, Sessions, Webhooks
    from ._services import Realtime, Telephony, Voices
    from ._tools import Tool


class VoiceAgent:
    """Speech in, speech out: hears, thinks, answers, remembers. Blocks; `AsyncVoiceAgent` is the same for asyncio.

    Any number of threads may use one agent. While a call waits, other threads of Python run on, and Ctrl-C cancels it.

    Parameters
    ----------
    config
        The config document as a mapping, or the path of a ``.json`` or ``.toml`` file. The parameters below have the same names
        as its keys, and win over it.
    stt, llm, tts
        Who hears, thinks and speaks: ``"provider/model"``; a mapping that says more; an object of your own (`SpeechToText`,
        `LanguageModel`, `TextToSpeech`); or a list of these, tried in order. Default: local models.
    realtime
        A model that hears and speaks by itself, in place of the three in live sessions: ``"provider/model"``, or a mapping that says
        more. What of the three is not named is then left out.
    storage
        Where conversations are kept: ``"sqlite:PATH"``, ``"memory"``, or an object of your own (`ConversationStore`). Default: an
        SQLite file in the user's data folder.
    tools
        What the language model may call: functions, plain or decorated with `tool`.
    turn_detector
        What hears the end of turns in live sessions with ``turn_detection`` ``model``: an object of your own (`TurnDetector`). Default:
        the model ``smart-turn``.
    metrics
        What is told what calls, turns and live sessions took, used and cost: an object of your own (`MetricsSink`), or a function that takes
        a list of reports, plain or ``async``.
    assistant
        Who the agent is: ``{"system_prompt": …, "language": …}``.
    limits, retry, timeouts, circuit_breaker, rate_limit, local, live, warm_up, log_level
        As in the config document.

    Raises
    ------
    InvalidRequestError
        The config is wrong (the message names the path of the fault), or models are missing (it names the command that
        fetches them).
    StorageError
        The store cannot be opened.
    """

    def __init__(
        self,
        config: Union[None, str, os.PathLike[str], Config] = None,
        *,
        stt: Union[None, str, Provider, SpeechToText, Sequence[Union[str, Provider, SpeechToText]]] = None,
        llm: Union[None, str, Provider, LanguageModel, Sequence[Union[str, Provider, LanguageModel]]] = None,
        tts: Union[None, str, Provider, TextToSpeech, Sequence[Union[str, Provider, TextToSpeech]]] = None,
        realtime: Union[None, str, Provider] = None,
        storage: Union[None, str, ConversationStore] = None,
        tools: Optional[Sequence[Union[Tool[Any], Callable[..., Any]]]] = None,
        turn_detector: Optional[TurnDetector] = None,
        metrics: Union[None, MetricsSink, Callable[[List[Report]], object]] = None,
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
        self._native()

    @classmethod
    def local(cls, storage: Union[None, str, ConversationStore] = None) -> VoiceAgent:
        """An agent that runs offline with local models: ``python -m voice_core models fetch`` gets them."""
        return cls(stt="local", llm="local", tts="local", storage=storage)

    def _native(self) -> NativeAgent:
        native = self._ready(self._core.making(None))
        for principal in self._acting:
            native = native.acting(json.dumps(asdict(principal)))
        return native

    def _ready(self, making: Pending[NativeAgent]) -> NativeAgent:
        try:
            return wait(making)
        except BaseException as error:
            self._core.failed(making, error)
            raise

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
        organization: Optional[str] = None,
        tools: Optional[Sequence[Union[Tool[Any], Callable[..., Any]]]] = None,
    ) -> Turn:
        """One turn about something said or typed: iterate over its events, or ask for its reply.

        Takes the same parameters as `converse`, and raises the same errors when it is run.
        """
        request = Request(
            audio, text, sample_rate, channels, session, user, language, deadline, speak, assistant, organization, tools
        )
        return Turn(self, request)

    def converse(
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
        organization: Optional[str] = None,
        tools: Optional[Sequence[Union[Tool[Any], Callable[..., Any]]]] = None,
    ) -> Reply:
        """One whole turn: hears the audio, answers, saves both messages.

        Parameters
        ----------
        audio
            What was said: the path of a file of any common format, a file's bytes, an open binary file, `Audio`, or a numpy
            array.
        text
            What was typed, in place of audio.
        sample_rate, channels
            Of an array, and of bytes that are raw 16-bit samples.
        session
            The session to continue. One that is unknown, or none at all, starts a fresh session.
        user
            Whose turn it is; another user's session is never reached.
        language
            The language that is spoken (BCP 47).
        deadline
            How long the turn may take, in seconds. Default: ``limits.turn_seconds`` (120).
        speak
            Whether the answer is spoken.
        assistant
            Who answers in a fresh session: an assistant that is kept, by its id.
        organization
            In which organization the turn is taken, by its id. `with_principal` names it for everything.
        tools
            What the language model may call in this turn, besides the agent's tools.

        Raises
        ------
        ValidationError
            The audio is not acceptable, or nobody speaks in it.
        VoiceTimeoutError
            The deadline passed.
        VoiceError
            A provider or the store failed. Nothing is stored then.
        """
        request = Request(
            audio, text, sample_rate, channels, session, user, language, deadline, speak, assistant, organization, tools
        )
        return Turn(self, request).reply()

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
        organization: Optional[str] = None,
        tools: Optional[Sequence[Union[Tool[Any], Callable[..., Any]]]] = None,
    ) -> LiveSession:
        """A live conversation: sound in both directions at once, in a ``with`` block.

        >>> with agent.live(input_rate=16_000) as live:        # doctest: +SKIP
        ...     live.push_audio(frame)
        ...     for event in live: ...

        Parameters
        ----------
        session
            The stored session to continue. One that is unknown, or none at all, starts a fresh session.
        user
            Whose conversation it is; another user's session is never reached.
        language
            The language that is spoken (BCP 47). Default: the assistant's, else detected with every utterance.
        config
            How turns are taken and the conversation behaves, in place of the config's ``live``.
        first_message
            What the agent says first. Default: the assistant's.
        input_rate, input_channels
            The sound that will be pushed.
        output_rate
            The rate of the sound that is given out, one channel.
        speak
            Whether the agent speaks.
        assistant
            Who talks in a fresh session: an assistant that is kept, by its id.
        organization
            In which organization it is held, by its id.
        tools
            What the language model may call in this session, besides the agent's tools.

        Raises
        ------
        ValidationError
            A rate or a number of channels is not supported. Raised when the session starts, as the others.
        InvalidRequestError
            The config is wrong.
        StorageError
            The stored session cannot be read.
        """
        options: Dict[str, object] = dict(locals())
        for name in ("self", "tools"):
            del options[name]
        from ._live import LiveSession

        return LiveSession(self, options, tools)

    @property
    def sessions(self) -> Sessions:
        """The sessions and their history."""
        from ._rooms import Sessions

        return Sessions(self)

    @property
    def accounts(self) -> Accounts:
        """Organizations, users and API keys."""
        from ._rooms import Accounts

        return Accounts(self)

    @property
    def assistants(self) -> Assistants:
        """Assistants that are kept."""
        from ._rooms import Assistants

        return Assistants(self)

    @property
    def audit(self) -> Audit:
        """The audit log."""
        from ._rooms import Audit

        return Audit(self)

    @property
    def knowledge(self) -> Knowledge:
        """The documents that answers are drawn from."""
        from ._rooms import Knowledge

        return Knowledge(self)

    @property
    def telephony(self) -> Telephony:
        """What is to be known of a telephone call before it is answered."""
        from ._services import Telephony

        return Telephony(self)

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of events, and what was delivered to them."""
        from ._rooms import Webhooks

        return Webhooks(self)

    @property
    def realtime(self) -> Realtime:
        """A browser's own way to the speech-to-speech model: client secrets."""
        from ._services import Realtime

        return Realtime(self)

    @property
    def voices(self) -> Voices:
        """The voices of text to speech: a list of them, and how one sounds."""
        from ._services import Voices

        return Voices(self)

    @property
    def dropped_reports(self) -> int:
        """How many reports neither `metrics` nor a collector took: they were too slow, failed, or were gone."""
        return 0 if self._acting else self._core.dropped_reports()

    def with_principal(self, principal: Principal) -> VoiceAgent:
        """The same agent as somebody with a credential reaches it: nothing of anybody else.

        Turns, live sessions, `sessions`, `assistants`, `accounts`, `audit` and `webhooks` are then theirs; what belongs to others is
        answered exactly like what does not exist. Its `close` is an `UnauthorizedError`: close the agent itself.
        """
        mine = type(self).__new__(type(self))
        mine._core, mine._acting = self._core, (*self._acting, principal)
        return mine

    def warm_up(self) -> None:
        """Makes every provider ready (models loaded, connections opened), so that the first turn is as fast as the next."""
        native = self._native()
        wait(native.warm_up())

    def close(self) -> None:
        """Cancels turns that are running, finishes what is being saved, and closes the store.

        Closing twice is fine. Closing while it is being closed waits for the end, too; what was cancelled or failed is completed by the
        next `close`.
        """
        if self._acting:
            native = self._native()
            return wait(native.close())
        made = self._core.close()
        if made is not None:
            native = self._ready(made)
            wait(native.close())
            self._core.closed(made, native)

    def __enter__(self) -> VoiceAgent:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
