"""The JSON schema of a function's parameters, from its type hints and its docstring."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
import types
import typing
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Tuple, Union

from ._errors import ValidationError

_PLAIN: Mapping[Any, Dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    None: {"type": "null"},
    Any: {},
    inspect.Parameter.empty: {},
}
_ACCEPTED = "str, int, float, bool, list, dict, Literal, Optional, Union, Annotated, enums, dataclasses and TypedDicts are"
_UNIONS: Tuple[Any, ...] = (Union, getattr(types, "UnionType", Union))


def of_function(
    name: str, function: Callable[..., Any], of_context: type
) -> Tuple[str, Dict[str, Any], Dict[str, Any], Optional[str]]:
    """What a tool is: its description, its schema, the types of its parameters, and the one that takes the context.

    Raises
    ------
    ValidationError
        A parameter has no type, or one of which no schema can be made; the message names it.
    """
    description, texts = _documented(inspect.getdoc(function) or "")
    hints = hints_of(name, function)
    wants = injected(name, function, of_context)
    properties: Dict[str, Any] = {}
    required: List[str] = []
    taken: Dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        path = f"{name}: the parameter {parameter.name}"
        hint = hints.get(parameter.name, inspect.Parameter.empty)
        if parameter.name == wants:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ValidationError(f"{path} cannot be given by its name; only parameters that can are accepted")
        if hint is inspect.Parameter.empty:
            raise ValidationError(f"{path} has no type; {_ACCEPTED} accepted")
        schema = of_type(hint, path)
        if parameter.name in texts and "description" not in schema:
            schema["description"] = texts[parameter.name]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif isinstance(parameter.default, (str, int, float, bool)) and not isinstance(parameter.default, enum.Enum):
            schema["default"] = parameter.default
        properties[parameter.name] = schema
        taken[parameter.name] = hint
    return description, _object(properties, required), taken, wants


def injected(name: str, function: Callable[..., Any], of_context: type) -> Optional[str]:
    """The parameter that takes the context, if there is one."""
    hints = hints_of(name, function)
    return next((one for one, hint in hints.items() if one != "return" and _without_none(hint) is of_context), None)


def hints_of(name: str, owner: Any) -> Dict[str, Any]:
    """The types of a function's parameters or of a class's fields."""
    try:
        # Before 3.11 this module's own idea of Optional is added for a default of None; it does no harm.
        return typing.get_type_hints(owner, include_extras=True)
    except NameError as fault:
        raise ValidationError(
            f"{name}: a type is not known in the module of the function ({fault}); define or import it there"
        ) from None


def of_type(hint: Any, path: str) -> Dict[str, Any]:
    """The schema of a type; `path` says whose it is."""
    if _hashable(hint) and hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None and hasattr(hint, "__metadata__"):
        schema = of_type(arguments[0], path)
        texts = [extra for extra in hint.__metadata__ if isinstance(extra, str)]
        return {**schema, "description": texts[0]} if texts else schema
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in _UNIONS:
        return {"anyOf": [of_type(one, path) for one in arguments]}
    if hint in (list, tuple, set, frozenset) or origin in (list, set, frozenset) or _sequence(origin):
        return {"type": "array", **({"items": of_type(arguments[0], path)} if arguments else {})}
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": of_type(arguments[0], path)}
    if hint is dict or origin is dict or _mapping(origin):
        if arguments and arguments[0] is not str:
            raise ValidationError(f"{path}: the keys of a JSON object are str, not {_named(arguments[0])}")
        return {"type": "object", **({"additionalProperties": of_type(arguments[1], path)} if arguments else {})}
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"enum": [member.value for member in hint]}
    if dataclasses.is_dataclass(hint):
        fields = {field.name: field for field in dataclasses.fields(hint) if field.init}
        needed = [n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING]
        return _of_fields(hint, fields, needed, path)
    if isinstance(hint, type) and typing.is_typeddict(hint) if sys.version_info >= (3, 10) else hasattr(hint, "__total__"):
        return _of_fields(hint, hint.__annotations__, sorted(hint.__required_keys__), path)
    raise ValidationError(f"{path} has the type {_named(hint)}; {_ACCEPTED} accepted")


def converted(hint: Any, value: Any) -> Any:
    """A JSON value as the type that a function asks for: enums and dataclasses are made, everything else is as it came."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is not None and hasattr(hint, "__metadata__"):
        return converted(arguments[0], value)
    if value is None:
        return None
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(value)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        hints = hints_of(hint.__name__, hint)
        return hint(**{name: converted(hints.get(name, Any), item) for name, item in value.items()})
    if origin in _UNIONS:
        fitting = [one for one in arguments if one is not type(None)]
        return converted(fitting[0], value) if len(fitting) == 1 else value
    if isinstance(value, list) and origin is not None and arguments:
        items = [converted(arguments[0], item) for item in value]
        return origin(items) if origin in (tuple, set, frozenset) else items
    if isinstance(value, dict) and len(arguments) == 2:
        return {name: converted(arguments[1], item) for name, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, float):
        return int(value)
    return value


def _object(properties: Dict[str, Any], required: List[str]) -> Dict[str, Any]:
    schema: Dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _of_fields(hint: Any, names: Mapping[str, Any], required: List[str], path: str) -> Dict[str, Any]:
    hints = hints_of(_named(hint), hint)
    inside = f"{path}, {_named(hint)}"
    return _object({name: of_type(hints[name], f"{inside}.{name}") for name in names}, required)


def _hashable(hint: Any) -> bool:
    return isinstance(hint, typing.Hashable)


def _sequence(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, typing.Sequence) and origin not in (str, bytes, tuple)


def _mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, typing.Mapping)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) in _UNIONS:
        rest = [one for one in typing.get_args(hint) if one is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def _named(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


_SECTION = re.compile(
    r"^(Parameters|Other Parameters|Returns|Yields|Raises|Notes|Examples|See Also|Args|Arguments|Return|Example):?\s*$"
)


def _documented(doc: str) -> Tuple[str, Dict[str, str]]:
    """What a docstring says of a function, and of each parameter: numpydoc, Google's way, or `:param name:`."""
    head: List[str] = []
    texts: Dict[str, List[str]] = {}
    section = name = ""
    for line in doc.splitlines():
        heading = _SECTION.match(line)
        field = re.match(r"^:param (?:[^:]+ )?(\w+):\s*(.*)$", line)
        if heading:
            section, name = heading[1], ""
        elif field:
            section, name = "Args", field[1]
            texts[name] = [field[2]]
        elif line.startswith(":"):
            section, name = "Returns", ""
        elif not section:
            head.append(line)
        elif section in ("Parameters", "Other Parameters", "Args", "Arguments") and not re.match(r"^-{3,}\s*$", line):
            name = _entry(section, line, name, texts)
    description = " ".join(" ".join(head).split())
    return description, {one: " ".join(" ".join(lines).split()) for one, lines in texts.items()}


def _entry(section: str, line: str, name: str, texts: Dict[str, List[str]]) -> str:
    """Takes in a line of a section about parameters; the parameter that it is about."""
    if section in ("Args", "Arguments"):
        found = re.match(r"^(?: {2,4}|\t)\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$", line)
        if found:
            texts[found[1]] = [found[2]]
            return found[1]
    elif line and not line[0].isspace():
        # One line may be about several: `width, height : int`.
        names = [one.strip() for one in line.split(":")[0].split(",")]
        shared: List[str] = []
        texts.update((one, shared) for one in names)
        return names[0]
    if name:
        texts[name].append(line.strip())
    return name
