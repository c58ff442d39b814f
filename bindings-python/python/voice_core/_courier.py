"""How the native half has Python called: by the event loop that waits for it, and by threads for everything else.

The threads are Python's own, and daemons: one that is in a host's code when the interpreter goes away simply ends there.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Tuple
from weakref import WeakKeyDictionary

from . import _native

if TYPE_CHECKING:
    import asyncio

    from ._native import Errands, Pending

_threads: List[threading.Thread] = []
_ending = False


def start(errands: Errands, name: str) -> None:
    """Has a thread make the calls that the native half has for Python."""
    thread = threading.Thread(target=_serve, args=(errands,), name=name, daemon=True)
    _threads.append(thread)
    thread.start()


def _serve(errands: Errands) -> None:
    while _served(errands):
        pass


def _served(errands: Errands) -> bool:
    # A function of its own: while the next calls are waited for, nothing holds on to the last ones.
    calls = errands.take()
    for function, arguments in calls or ():
        _call(function, arguments)
    return calls is not None


def _call(function: Callable[..., object], arguments: Tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    except BaseException:
        if _ending:
            # Of no concern to anybody: the interpreter is being taken apart round it.
            return
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


if sys.platform != "win32":
    from ._native import Bell

    # One for each loop, until the loop goes.
    _bells: WeakKeyDictionary[asyncio.AbstractEventLoop, Optional[Bell]] = WeakKeyDictionary()

    def bell_of(loop: asyncio.AbstractEventLoop) -> Optional[Bell]:
        """What the running event loop waits for, besides all else: it has calls for it."""
        if loop not in _bells:
            bell = Bell()
            try:
                # In a context of its own: what the host calls from here has nothing to do with who waited first.
                contextvars.Context().run(loop.add_reader, bell.fileno(), _answer, bell)
                _bells[loop] = bell
            except NotImplementedError:  # by a loop that waits for no sockets
                _bells[loop] = None
        return _bells[loop]

    def _answer(bell: Bell) -> None:
        for function, arguments in bell.take():
            _call(function, arguments)

    # A forked child shares its parent's sockets.
    os.register_at_fork(after_in_child=_bells.clear)


def soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Has `callback` called on an event loop; on one that is closed nobody waits for it."""
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:
        if not loop.is_closed():
            raise


def stop() -> None:
    """Ends the threads and waits for them a moment: a host's log handler may be at work."""
    global _ending
    _ending = True
    _native.close_couriers()
    for thread in _threads:
        if thread is not threading.current_thread():
            thread.join(timeout=1)
    _threads.clear()


if hasattr(os, "register_at_fork"):
    # A forked child has none of its parent's threads.
    os.register_at_fork(after_in_child=_threads.clear)
