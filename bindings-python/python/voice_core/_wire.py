"""A live session as frames for a connection of the host's, a WebSocket for example."""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING, AsyncIterator, Deque, Iterator, List, Optional, Union

from . import _people
from ._errors import ValidationError
from ._waiting import awaited, wait

if TYPE_CHECKING:
    from ._native import LiveWire as NativeWire
    from ._native import Pending
    from ._records import PhoneCall

BATCH = 64


class _Wire:
    """What both kinds have in common: all that does not wait."""

    def __init__(self, native: NativeWire) -> None:
        self._native = native
        self._ready: Deque[Union[str, bytes]] = deque()
        self._over = False

    def _take(self, batch: List[Union[str, bytes]]) -> None:
        self._over = not batch
        self._ready.extend(batch)

    @property
    def call(self) -> Optional[PhoneCall]:
        """What the carrier of a telephone call said of it. None: its media stream has not begun, or there is no carrier."""
        told = self._native.call()
        return None if told is None else _people.phone_call(json.loads(told))

    def press(self, keys: str) -> None:
        """Has the carrier of a telephone call press keys: ``0``-``9``, ``*``, ``#``, ``A``-``D``. Only Plivo does.

        Raises
        ------
        ValidationError
            These are no keys.
        InvalidRequestError
            The carrier takes none, its media stream has not begun, or there is no carrier.
        """
        self._native.press(keys)

    def receive(self, message: Union[str, bytes, bytearray, memoryview]) -> None:
        """Takes a message of the client's. What is wrong with it is told to the client, and the session goes on.

        Parameters
        ----------
        message
            A string is a text frame, bytes are a binary one.
        """
        if isinstance(message, str):
            self._native.receive_text(message)
        elif isinstance(message, (bytes, bytearray, memoryview)):
            self._native.receive_bytes(bytes(message))
        else:
            raise ValidationError(f"{type(message).__name__} is no message; a string or bytes is")


class LiveWire(_Wire):
    """A live session as frames: hand over every message that comes, send every one of the loop. Made by `LiveSession.wire`.

    Strings are text frames (JSON), bytes are binary frames (sound). The loop ends with the session.
    """

    def __init__(self, native: NativeWire) -> None:
        super().__init__(native)
        self._pulling = threading.Lock()

    def __iter__(self) -> Iterator[Union[str, bytes]]:
        return self

    def __next__(self) -> Union[str, bytes]:
        with self._pulling:
            if not self._ready and not self._over:
                self._take(wait(self._native.next_batch(BATCH)))
            if not self._ready:
                raise StopIteration
            return self._ready.popleft()


class AsyncLiveWire(_Wire):
    """A live session as frames, for asyncio: hand over every message that comes, send every one of the loop. Made by
    `AsyncLiveSession.wire`.

    Strings are text frames (JSON), bytes are binary frames (sound). The loop ends with the session; giving up waiting for a frame
    loses none.
    """

    def __init__(self, native: NativeWire) -> None:
        super().__init__(native)
        self._pulling: Optional[Pending[List[Union[str, bytes]]]] = None

    def __aiter__(self) -> AsyncIterator[Union[str, bytes]]:
        return self

    async def __anext__(self) -> Union[str, bytes]:
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            if self._pulling is None:
                self._pulling = self._native.next_batch(BATCH)
            pulling = self._pulling
            # A task that gives up leaves the work to the next one that asks.
            batch = await awaited(pulling, shared=True)
            if self._pulling is pulling:
                self._pulling = None
                self._take(batch)
        return self._ready.popleft()
