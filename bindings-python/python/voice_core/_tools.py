"""Tools: functions of yours that the language model may call while it answers."""

from __future__ import annotations

import dataclasses
import inspect
import json
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Generic, Iterable, List, Literal, Mapping, Optional, TypeVar, Union, cast, overload

from . import _schema
from ._errors import ValidationError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class ToolContext:
    """Whose call a tool serves. A parameter with this type gets it; the model knows nothing of it."""

    session_id: str
    """The session of the turn."""
    turn_id: str
    """The turn."""
    user: Optional[str]
    """Whose session it is, as it was said when the turn was begun."""
    timeout: float
    """How long the call may take, in seconds."""
    _is_over: Callable[[], bool] = field(repr=False, compare=False, default=bool)

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more. For plain functions that take long; the task of an ``async`` one is cancelled."""
        return self._is_over()


class Tool(Generic[F]):
    """A function that the language model may call: made by `tool`, and still to be called as the function that it is."""

    def __init__(
        self,
        function: F,
        *,
        name: Optional[str] = None,
        description: Optional[str] = None,
        parameters: Optional[Mapping[str, Any]] = None,
        timeout: float = 20.0,
        on_interruption: Literal["cancel", "run_on"] = "cancel",
        parallel: bool = True,
        background: bool = False,
    ) -> None:
        if not callable(function):
            raise ValidationError(f"tool: {type(function).__name__} is not accepted; a function is")
        self.function: F = function
        """The function itself."""
        self.name: str = name or str(getattr(function, "__name__", type(function).__name__))
        """The name under which the model knows it."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ValidationError(f"{self.name}: a tool returns its result; it does not yield")
        if not isinstance(timeout, (int, float)) or not 0 < timeout < 4_000_000:
            raise ValidationError(f"{self.name}: the timeout {timeout!r} is not accepted; a number of seconds above 0 is")
        self._types: Dict[str, Any] = {}
        self._wants: Optional[str] = None
        if parameters is None:
            documented, schema, self._types, self._wants = _schema.of_function(self.name, function, ToolContext)
        else:
            documented, schema = inspect.getdoc(function) or "", dict(parameters)
            self._wants = _schema.injected(self.name, function, ToolContext)
        self.description: str = documented if description is None else description
        """What the model is told of it."""
        self.parameters: Dict[str, Any] = schema
        """The JSON schema of its arguments."""
        self._definition = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
            "timeout_ms": max(1, round(timeout * 1000)),
            "on_interruption": on_interruption,
            "parallel": parallel,
            "background": background,
        }

    def definition(self) -> str:
        """What the native half is told of it: JSON."""
        try:
            return json.dumps(self._definition)
        except TypeError as fault:
            raise ValidationError(f"{self.name}: its schema cannot be written as JSON: {fault}") from None

    @property
    def wants_context(self) -> bool:
        """Whether one of its parameters takes a `ToolContext`."""
        return self._wants is not None

    def arguments(self, given: Mapping[str, Any], context: ToolContext) -> Dict[str, Any]:
        """What the function is called with for these arguments of the model's."""
        types = self._types
        named = {name: _schema.converted(types[name], value) if name in types else value for name, value in given.items()}
        return {**named, self._wants: context} if self._wants is not None else named

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


def result_text(name: str, result: Any) -> Optional[str]:
    """What the model is told: text as it is, anything else as JSON; None: the tool only acts."""
    if result is None or isinstance(result, str):
        return result
    try:
        return json.dumps(result, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError):
        accepted = "text, and what can be written as JSON, is accepted"
        raise TypeError(f"{name} gave {type(result).__name__}; {accepted}") from None


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(type(value).__name__)


@overload
def tool(function: F, /) -> Tool[F]: ...


@overload
def tool(
    *,
    name: Optional[str] = None,
    description: Optional[str] = None,
    parameters: Optional[Mapping[str, Any]] = None,
    timeout: float = 20.0,
    on_interruption: Literal["cancel", "run_on"] = "cancel",
    parallel: bool = True,
    background: bool = False,
) -> Callable[[F], Tool[F]]: ...


def tool(
    function: Optional[F] = None,
    /,
    *,
    name: Optional[str] = None,
    description: Optional[str] = None,
    parameters: Optional[Mapping[str, Any]] = None,
    timeout: float = 20.0,
    on_interruption: Literal["cancel", "run_on"] = "cancel",
    parallel: bool = True,
    background: bool = False,
) -> Union[Tool[F], Callable[[F], Tool[F]]]:
    """Makes a function a tool that the language model may call.

    >>> @tool
    ... async def order_status(order_id: int) -> str:
    ...     '''Where an order is.
    ...
    ...     Parameters
    ...     ----------
    ...     order_id
    ...         The number on the receipt.
    ...     '''
    ...     return "on its way"

    Its type hints say what the arguments are, its docstring (numpydoc's, Google's or Sphinx's way) what they mean. It may be plain,
    and block, or ``async``. What it returns is told to the model: text as it is, anything else as JSON. What it raises is told to the
    model with its message, and the turn goes on. A parameter of the type `ToolContext` gets whose call it is.

    Parameters
    ----------
    function
        The function.
    name
        The name under which the model knows it: 1 to 64 of ``A–Z``, ``a–z``, ``0–9``, ``_``, ``-``. Default: the function's.
    description
        What it does and when to call it. Default: the docstring, without what it says of parameters.
    parameters
        The JSON schema of its arguments, an object. Default: from the type hints.
    timeout
        How long a call may take, in seconds; the model is then told so.
    on_interruption
        What becomes of a call whose turn is cancelled or interrupted: ``cancel``, or ``run_on`` for what must not be left half done.
    parallel
        Whether it may run beside other calls.
    background
        Whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when nobody speaks
        or with its next answer. Turns outside live sessions wait for it.

    Raises
    ------
    ValidationError
        No schema can be made of a parameter; the message names it.
    """

    def made(function: F) -> Tool[F]:
        return Tool(
            function,
            name=name,
            description=description,
            parameters=parameters,
            timeout=timeout,
            on_interruption=on_interruption,
            parallel=parallel,
            background=background,
        )

    return made if function is None else made(function)


def tool_of(path: str, value: object) -> Tool[Any]:
    """A tool, or a function as one."""
    if isinstance(value, Tool):
        return value
    if callable(value) and not isinstance(value, type):
        return Tool(value)
    raise ValidationError(f"{path}: {type(value).__name__} is not accepted; a function, plain or decorated with @tool, is")


def tools_of(value: object) -> List[Tool[Any]]:
    """Tools, or functions as tools."""
    if isinstance(value, (str, Mapping)) or not hasattr(value or (), "__iter__"):
        raise ValidationError(f"tools: {type(value).__name__} is not accepted; a list of functions is")
    return [tool_of(f"tools[{at}]", one) for at, one in enumerate(cast("Iterable[object]", value or ()))]
