"""What is told what was measured."""

from __future__ import annotations

import json
from typing import Any, Awaitable, Callable, Dict, List, Protocol, Union

from ._reports import CallReport, SessionReport, ToolReport, TurnReport
from ._types import cost, time

Report = Union[CallReport, ToolReport, TurnReport, SessionReport]
"""One thing that was measured, when it is over: ids, times, amounts and codes of errors, never words."""


class MetricsSink(Protocol):
    """What is told what calls, turns and live sessions took, used and cost: a class with this one method, or just a function that does
    the same; inheriting from this one is not necessary.

    It is called in the background, one call at a time, and no turn waits for it: at most 2,048 reports do. What comes on top of that is
    dropped, as is what a call was given that raises or takes longer than 30 seconds; ``dropped_reports`` of the agent counts it.

    Closing the agent delivers what waits, within 5 seconds, and calls ``flush()``, plain or ``async``, where there is such a method.
    """

    def record(self, reports: List[Report], /) -> Union[None, Awaitable[None]]:
        """Takes what was measured since it was last called, in the order in which it ended: 1 to 256 reports.

        Plain or ``async``.
        """
        ...


_KINDS: Dict[str, Callable[..., Report]] = {
    "call": CallReport,
    "tool": ToolReport,
    "turn": TurnReport,
    "session": SessionReport,
}


def reports(reports_json: str) -> List[Report]:
    """The reports for those of the native half; those of a kind that this version does not know are left out."""
    told: List[Dict[str, Any]] = json.loads(reports_json)
    return [_report(fields) for fields in told if fields["type"] in _KINDS]


def _report(fields: Dict[str, Any]) -> Report:
    fields["started_at"] = time(fields["started_at"])
    if "cost" in fields:
        fields["cost"] = cost(fields["cost"])
    return _KINDS[fields.pop("type")](**fields)
