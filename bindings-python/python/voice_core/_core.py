"""What the blocking and the asyncio agent have in common: the native agent, its config and its host objects."""

from __future__ import annotations

import contextvars
import json
import os
import threading
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Tuple, Type, Union

from . import _audio, _host, _tools
from ._errors import InvalidRequestError, ValidationError, VoiceError
from ._native import Agent, Input, configured_log_level

if TYPE_CHECKING:
    import asyncio

    from ._native import Pending

    # Session, user, language, deadline in milliseconds, whether the answer is spoken, assistant, organization, tools.
    Options = Tuple[
        Optional[str],
        Optional[str],
        Optional[str],
        Optional[int],
        bool,
        Optional[str],
        Optional[str],
        List[_host.ToolAdaptor],
    ]

_ROLES: Tuple[Tuple[str, str, Type[_host._Adaptor]], ...] = (
    ("stt", "transcribe", _host.SttAdaptor),
    ("llm", "generate", _host.LlmAdaptor),
    ("tts", "synthesize", _host.TtsAdaptor),
    ("storage", "save_turn", _host.StoreAdaptor),
)

# Re-entrant: what a host object is called is asked of it while its agent is made.
_lock = threading.RLock()


def _renew() -> None:
    """A thread that a forked child does not have may have held the lock."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def _document(config: Union[None, str, "os.PathLike[str]", Mapping[str, Any]]) -> Dict[str, Any]:
    if config is None:
        return {}
    if isinstance(config, Mapping):
        return dict(config)
    with open(config, "rb") as file:
        text = file.read()
    try:
        if os.fspath(config).endswith(".toml"):
            import tomllib  # type: ignore[import-not-found,unused-ignore]  # from Python 3.11

            document = tomllib.loads(text.decode())
        else:
            document = json.loads(text)
    except ImportError:
        raise InvalidRequestError("a TOML config needs Python 3.11 or newer; JSON is read by all") from None
    except ValueError as error:
        raise InvalidRequestError(f"the config {os.fspath(config)} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRequestError(f"the config {os.fspath(config)} is no object")
    return document


class Core:
    """A native agent, made when it is first needed, and again in a forked child: threads and connections stay behind there."""

    def __init__(
        self, config: Union[None, str, "os.PathLike[str]", Mapping[str, Any]], given: Mapping[str, Any]
    ) -> None:
        document = _document(config)
        document.update({name: value for name, value in given.items() if value is not None})
        self._tools = _tools.tools_of(document.pop("tools", None))
        self._detector = document.pop("turn_detector", None)
        if self._detector is not None and not callable(getattr(self._detector, "completeness", None)):
            raise ValidationError(
                f"turn_detector: {type(self._detector).__name__} has no method completeness; an object with completeness() is "
                "accepted"
            )
        self._metrics = document.pop("metrics", None)
        if self._metrics is not None and not callable(getattr(self._metrics, "record", self._metrics)):
            raise ValidationError(
                f"metrics: {type(self._metrics).__name__} has no method record; a function or an object with record() is accepted"
            )
        self._targets: Dict[str, List[object]] = {role: [] for role, _, _ in _ROLES}
        for role, method, _ in _ROLES:
            value = document.get(role)
            if isinstance(value, (list, tuple)) and role != "storage":
                document[role] = [self._placed(f"{role}[{at}]", role, method, one) for at, one in enumerate(value)]
            elif value is not None:
                document[role] = self._placed(role, role, method, value)
        if self._targets["storage"]:
            # There is only one, so it needs no name.
            del document["storage"]
        try:
            self._config = json.dumps(document)
        except (TypeError, ValueError) as error:
            raise ValidationError(f"the config cannot be written as JSON: {error}") from None
        self._made: Optional[Tuple[int, Pending[Agent]]] = None
        # What parents made is not even taken apart in a forked child: their threads may have been in the middle of it.
        self._of_parents: List[Pending[Agent]] = []
        self._closed = False
        self._dropped = 0

    def _placed(self, path: str, role: str, method: str, value: object) -> object:
        """What stands for `value` in the document: a host object by its number."""
        if value is None or isinstance(value, (str, Mapping)):
            return value
        if not callable(getattr(value, method, None)):
            raise ValidationError(
                f"{path}: {type(value).__name__} has no method {method}; a name as in 'provider/model' or an object with "
                f"{method}() is accepted"
            )
        self._targets[role].append(value)
        return f"host/{len(self._targets[role]) - 1}"

    def making(self, loop: Optional[asyncio.AbstractEventLoop]) -> Pending[Agent]:
        """The native agent under way; `async` methods of host objects run on `loop`."""
        with _lock:
            if self._closed:
                raise _closed()
            process = os.getpid()
            if self._made is None or self._made[0] != process:
                from . import _logging

                _logging.log_level(configured_log_level(self._config))
                hosts = {role: [adaptor(target, loop) for target in self._targets[role]] for role, _, adaptor in _ROLES}
                store = next(iter(hosts["storage"]), None)
                tools = _host.adapted(self._tools, loop)
                detector = None if self._detector is None else _host.TurnDetectorAdaptor(self._detector, loop)
                metrics = None if self._metrics is None else _host.MetricsAdaptor(self._metrics, loop)
                making = Agent.build(self._config, hosts["stt"], hosts["llm"], hosts["tts"], store, tools, detector, metrics)
                if self._made is not None:
                    self._of_parents.append(self._made[1])
                self._made = (process, making)
            return self._made[1]

    def failed(self, making: Pending[Agent], error: BaseException) -> None:
        """Making the agent failed: the next use tries again. A task that only gave up waiting for it changes nothing."""
        import asyncio

        if not isinstance(error, asyncio.CancelledError):
            self._forget(making)

    def _forget(self, making: Pending[Agent]) -> None:
        with _lock:
            if self._made is not None and self._made[1] is making:
                self._made = None

    def dropped_reports(self, native: Optional[Agent] = None) -> int:
        """How many reports nobody took; of the agent that is at hand, unless it is named."""
        made = self._made
        if native is None and made is not None and made[0] == os.getpid():
            try:
                native = made[1].result()
            except VoiceError:  # it is not ready yet
                pass
        if native is not None:
            self._dropped = native.dropped_reports
        return self._dropped

    def close(self) -> Optional[Pending[Agent]]:
        """Begins to close: gives the native agent that is to be closed; None: there is none (any more)."""
        with _lock:
            self._closed = True
            return self._made[1] if self._made is not None and self._made[0] == os.getpid() else None

    def closed(self, made: Pending[Agent], native: Agent) -> None:
        """The native agent is closed; until then whoever closes it again waits for that, too."""
        self.dropped_reports(native)
        self._forget(made)


def _closed() -> InvalidRequestError:
    error = InvalidRequestError("the agent is closed; make a new one")
    error.kind = "closed"
    return error


class Request:
    """What a turn is about, and how it is to be run."""

    __slots__ = ("_options", "_text", "_audio", "_channels", "_sample_rate", "_tools")

    def __init__(
        self,
        audio: object,
        text: Optional[str],
        sample_rate: Optional[int],
        channels: int,
        session: Optional[str],
        user: Optional[str],
        language: Optional[str],
        deadline: Optional[float],
        speak: bool,
        assistant: Optional[str],
        organization: Optional[str],
        tools: Optional[Iterable[object]],
    ) -> None:
        if (audio is None) == (text is None):
            raise ValidationError("a turn is about something said or something typed: give audio or text")
        if text is not None and not isinstance(text, str):
            raise ValidationError(f"text: {type(text).__name__} is not accepted; a str is")
        named = {
            "session": session,
            "user": user,
            "language": language,
            "assistant": assistant,
            "organization": organization,
        }
        for name, value in named.items():
            if value is not None and not isinstance(value, str):
                raise ValidationError(f"{name}: {type(value).__name__} is not accepted; a str is")
        for name, number in (("sample_rate", sample_rate), ("channels", channels)):
            if number is not None and (not isinstance(number, int) or not 0 < number < 2**32):
                raise ValidationError(f"{name}: {number!r} is not accepted; a whole number from 1 is")
        milliseconds = None
        if deadline is not None:
            if not isinstance(deadline, (int, float)) or not 0 < deadline < 1e9:
                raise ValidationError(f"deadline: {deadline!r} is not accepted; a number of seconds above 0 is")
            milliseconds = max(1, round(deadline * 1000))
        self._audio, self._text, self._sample_rate, self._channels = audio, text, sample_rate, channels
        self._options = (session, user, language, milliseconds, bool(speak), assistant, organization)
        self._tools = _tools.tools_of(tools)

    def options(self, loop: Optional[asyncio.AbstractEventLoop]) -> Options:
        """What the native half is told of it; `async` tools run on `loop`, and all see the caller's context variables."""
        return (*self._options, _host.adapted(self._tools, loop, contextvars.copy_context()))

    @property
    def reads(self) -> bool:
        """Whether an open file has to be read, for which an event loop must not wait."""
        return callable(getattr(self._audio, "read", None))

    def input(self) -> Input:
        """What the native half takes for it."""
        if self._text is not None:
            return Input.text(self._text)
        return _audio.source(self._audio, self._sample_rate, self._channels)
