"""Where a host's own code runs: on daemon threads, and on an event loop of the library's own."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Callable, List, Optional

if TYPE_CHECKING:
    import asyncio


class _Threads:
    """Daemon threads that are kept for the next piece of work: the interpreter does not wait for them when it exits."""

    _MOST_IDLE = 8

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: List["queue.SimpleQueue[Callable[[], None]]"] = []

    def run(self, work: Callable[[], None]) -> None:
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = queue.SimpleQueue()
            threading.Thread(target=self._serve, args=(inbox,), name="voice-core-host", daemon=True).start()
        inbox.put(work)

    def _serve(self, inbox: "queue.SimpleQueue[Callable[[], None]]") -> None:
        while True:
            inbox.get()()
            with self._lock:
                if len(self._idle) >= self._MOST_IDLE:
                    return
                self._idle.append(inbox)


class _OwnLoop:
    """An event loop of the library's own, for agents that belong to none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self.thread: Optional[threading.Thread] = None

    def get(self) -> asyncio.AbstractEventLoop:
        import asyncio

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self.thread = threading.Thread(target=self._loop.run_forever, name="voice-core-loop", daemon=True)
                self.thread.start()
            return self._loop

    def stop(self) -> None:
        """Cancels what runs on it, as `asyncio.run` does, but waits only a moment."""
        loop, thread = self._loop, self.thread
        if loop is None or thread is None:
            return
        import asyncio

        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=1)
            loop.stop()

        asyncio.run_coroutine_threadsafe(end(), loop)
        thread.join(timeout=2)


_threads = _Threads()
_own_loop = _OwnLoop()


def _forget() -> None:
    """A forked child has the memory of its parent's threads, but not the threads."""
    global _threads, _own_loop
    _threads, _own_loop = _Threads(), _OwnLoop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def run(work: Callable[[], None]) -> None:
    """Does a piece of work on a daemon thread."""
    _threads.run(work)


def own_loop() -> asyncio.AbstractEventLoop:
    """The library's own event loop, which then runs."""
    return _own_loop.get()


def stop() -> None:
    """Ends what the interpreter would otherwise leave in the middle when it exits."""
    _own_loop.stop()


def on_own_loop() -> bool:
    """Whether this thread runs the library's own event loop."""
    return threading.current_thread() is _own_loop.thread
