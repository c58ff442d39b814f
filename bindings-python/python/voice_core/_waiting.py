"""Waiting for the native half: blocking, or on an event loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from . import _courier, _workers
from ._errors import InvalidRequestError

if TYPE_CHECKING:
    import asyncio

    from ._native import Pending

T = TypeVar("T")


def wait(pending: Pending[T]) -> T:
    """Blocks this thread; other threads of Python run on. Ctrl-C cancels the work."""
    if _workers.on_own_loop():
        pending.cancel()
        raise InvalidRequestError(
            "a blocking call was made on the library's own event loop, as in an async provider; use AsyncVoiceAgent there"
        )
    return pending.wait()


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop on which the caller runs."""
    import asyncio

    return asyncio.get_running_loop()


async def awaited(pending: Pending[T], *, shared: bool = False) -> T:
    """Waits on the running event loop; cancelling the task cancels the work, unless it is shared with others."""
    import asyncio

    loop = running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    bell = None if sys.platform == "win32" else _courier.bell_of(loop)
    if bell is None:
        pending.on_done(lambda: _courier.soon(loop, end))
    else:
        bell.awaits(True)
    try:
        # False: it has ended already, and nobody is told.
        if bell is None or pending.on_done_ring(bell, end):
            await ended
    except asyncio.CancelledError:
        if not shared:
            pending.cancel()
        raise
    finally:
        if bell is not None:
            bell.awaits(False)
    return pending.result()
