"""The library's log records in Python's `logging`, under the logger ``voice_core``."""

from __future__ import annotations

import json
import logging
import os
from typing import Optional, Union

from . import _native
from ._errors import InternalError

_LEVELS = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": 5,
}
_logger = logging.getLogger("voice_core")
_logger.addHandler(logging.NullHandler())
_wanted: Optional[str] = None


def _sink(level: str, target: str, message: str, fields: str) -> None:
    # `voice_core::turn::driver` becomes the logger `voice_core.turn.driver`.
    logger = logging.getLogger(target.replace("::", "."))
    number = _LEVELS[level]
    if logger.isEnabledFor(number):
        logger.log(number, "%s", message, extra={"voice": json.loads(fields)})


def _word(level: Union[int, str]) -> Optional[str]:
    """What the library calls a level; None: off. A word that is none goes on as it is, for the library to refuse."""
    if isinstance(level, str):
        word = level.lower()
        known = logging.getLevelName(level.upper())
        if word == "off":
            return None
        if word in _LEVELS or not isinstance(known, int):
            return word
        level = known
    names = [name for name, of in _LEVELS.items() if of >= level]
    return names[-1] if names else None


def log_level(level: Union[int, str, None] = None) -> None:
    """Says from which level on the library hands its log records to the logger ``voice_core``.

    They carry ids, stages, codes and times as the attribute ``voice``: never what was said, and never a secret. Every new agent
    sets it to what its config names as ``log_level``, or the environment as ``LOG_LEVEL``, and otherwise to the level of the logger; call
    this when that changes later.

    Parameters
    ----------
    level
        As in `logging`, also ``"TRACE"`` or 5, and ``"OFF"``. None: the effective level of the logger ``voice_core``.

    Raises
    ------
    ValidationError
        There is no such level.
    """
    global _wanted
    wanted = _word(_logger.getEffectiveLevel() if level is None else level)
    if wanted == _wanted:
        return
    try:
        _native.set_log_sink(wanted or "error", _sink if wanted else None)
        _wanted = wanted
    except InternalError:
        # Another library of this process takes the records already.
        _wanted = None


def _renew() -> None:
    global _wanted
    _wanted = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
