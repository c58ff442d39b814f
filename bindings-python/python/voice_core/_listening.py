"""Recognisers that listen while somebody speaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, AsyncIterable, AsyncIterator, Iterable, Iterator, Optional, Protocol, Union

from ._audio import Audio
from ._host import SpeechToText
from ._types import Transcript
from ._waiting import awaited, wait

if TYPE_CHECKING:
    from ._native import Sound


class SpokenSound:
    """The sound of one utterance as it is spoken: `Audio`, 16 kHz and mono, in pieces of any length.

    Iterate over it with ``async for``, or with ``for`` in a plain method. It ends with the utterance, and when nobody wants the words any more.
    What is not taken waits; a recogniser that takes none for the idle time-out counts as failed. Giving up waiting for a piece
    (`asyncio.timeout` does) loses none.
    """

    def __init__(self, native: Sound) -> None:
        self._native = native

    def __iter__(self) -> Iterator[Audio]:
        return self

    def __next__(self) -> Audio:
        pcm = wait(self._native.next())
        if pcm is None:
            raise StopIteration
        return Audio(pcm, 16_000)

    def __aiter__(self) -> AsyncIterator[Audio]:
        return self

    async def __anext__(self) -> Audio:
        pcm = await awaited(self._native.next())
        if pcm is None:
            raise StopAsyncIteration
        return Audio(pcm, 16_000)


@dataclass(frozen=True)
class ListenRequest:
    """A request to recognise one utterance while it is spoken."""

    sound: SpokenSound = field(repr=False)
    """The utterance, as it comes."""
    language: Optional[str]
    """The language to expect (BCP 47); None: detect it."""


class StreamingSpeechToText(SpeechToText, Protocol):
    """A speech recogniser of your own that recognises speech while it is spoken, too: one more method than `SpeechToText`."""

    def listen(self, request: ListenRequest, /) -> Union[Iterable[Transcript], AsyncIterable[Transcript]]:
        """Recognises one utterance of a live session while it is spoken.

        Plain or ``async``. Yields interim transcripts as they come, each with everything said so far, and, once the sound is over,
        a final one. Whatever fails costs no words: the utterance is then given to `transcribe`. Turns that are no live
        sessions never ask.
        """
        ...
