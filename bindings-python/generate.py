"""Writes `python/voice_core/config.py` from the schema of the config document; `--check` only says whether it is current."""

from __future__ import annotations

import json
import pathlib
import re
import sys
import textwrap
from typing import Any, Dict, List

from voice_core import _native

TARGET = pathlib.Path(__file__).parent / "python" / "voice_core" / "config.py"
HEAD = '''"""The config document as types. Written by `generate.py` from the library's own schema: do not edit."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict, Union
'''


def name_of(definition: str) -> str:
    """The Python name of a definition of the schema."""
    return "ProviderList" if definition == "ProviderList" else re.sub("(Config|Options)$", "", definition) or "Config"


def type_of(schema: Any) -> str:
    """The Python type for a schema."""
    if schema is True:
        return "Any"
    if "$ref" in schema:
        return name_of(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        kinds = [type_of(one) for one in schema["anyOf"]]
        if "None" in kinds:
            kinds.remove("None")
            return f"Optional[{kinds[0]}]"
        return f"Union[{', '.join(dict.fromkeys(kinds))}]"
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return f"Optional[{type_of({**schema, 'type': next(k for k in kind if k != 'null')})}]"
    if kind == "array":
        return f"List[{type_of(schema['items'])}]"
    simple = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
    return simple.get(kind, "Dict[str, Any]")


def wrapped(text: str, indent: str) -> str:
    """A docstring."""
    text = re.sub(r"`([^`]+)`", r"``\1``", " ".join(text.split())).replace("\\", "\\\\")
    return textwrap.fill(f'"""{text}"""', 118, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def fields(properties: Dict[str, Any]) -> List[str]:
    """The lines of a dictionary's keys."""
    lines = []
    for name, schema in properties.items():
        lines.append(f"    {name}: {type_of(schema)}")
        if "description" in schema:
            lines.append(wrapped(schema["description"], "    "))
    return lines


def dictionary(name: str, schema: Dict[str, Any]) -> List[str]:
    """The lines of one TypedDict; one whose keys are partly required needs two."""
    properties, required = schema["properties"], schema.get("required", [])
    lines = []
    base = "TypedDict"
    if required:
        base = f"_{name}Required"
        lines += ["", "", f"class {base}(TypedDict):", *fields({key: properties[key] for key in required})]
    lines += ["", "", f"class {name}({base}, total=False):"]
    lines += [wrapped(schema.get("description", "The config document."), "    "), ""]
    lines += fields({key: value for key, value in properties.items() if key not in required})
    return lines


def generated() -> str:
    """The text of the module."""
    schema = json.loads(_native.config_schema())
    lines: List[str] = []
    for name, definition in schema["$defs"].items():
        if "properties" in definition:
            lines += dictionary(name_of(name), definition)
    lines += ["", "", "ProviderList = Union[str, Provider, List[Union[str, Provider]]]"]
    lines += ['"""One provider, or several in the order in which they are tried."""']
    lines += dictionary("Config", schema)
    return HEAD + "\n".join(lines) + "\n"


def main() -> int:
    """Writes the module, or with `--check` compares it."""
    text = generated()
    if "--check" in sys.argv:
        current = TARGET.read_text() == text
        if not current:
            print(f"{TARGET.name} is not what generate.py writes", file=sys.stderr)
        return 0 if current else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
