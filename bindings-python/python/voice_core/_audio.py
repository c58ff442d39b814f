"""Sound, in and out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

from ._errors import ValidationError
from ._native import Input

if TYPE_CHECKING:
    import numpy
    from typing_extensions import TypeAlias

    from ._native import Reply as NativeReply


class BinaryFile(Protocol):
    """Anything with a `read` that gives bytes."""

    def read(self, size: int = ..., /) -> bytes:
        """Reads up to `size` bytes."""
        ...


AudioSource: TypeAlias = "Union[str, os.PathLike[str], bytes, bytearray, memoryview, BinaryFile, Audio, numpy.ndarray[Any, Any]]"
"""What is accepted as sound: the path of a file; a file's bytes; an open binary file; `Audio`; with a `sample_rate` also a numpy
array, and the bytes of raw 16-bit samples."""


class Audio:
    """Raw sound: interleaved 16-bit little-endian samples.

    Parameters
    ----------
    pcm
        The samples.
    sample_rate
        Samples a second of each channel.
    channels
        How many channels.
    """

    __slots__ = ("_native", "channels", "pcm", "sample_rate")

    pcm: bytes
    sample_rate: int
    channels: int

    def __init__(self, pcm: Union[bytes, bytearray, memoryview], sample_rate: int, channels: int = 1) -> None:
        self.pcm = bytes(pcm)
        self.sample_rate = sample_rate
        self.channels = channels
        self._native: Optional[NativeReply] = None

    @classmethod
    def from_numpy(cls, samples: numpy.ndarray[Any, Any], sample_rate: int) -> Audio:
        """Sound from an array of shape ``(frames,)`` or ``(frames, channels)``: integers of 16 bits, or floats within ±1."""
        import numpy

        array = numpy.asarray(samples)
        if array.ndim not in (1, 2):
            raise ValidationError(f"an array of {array.ndim} dimensions is no sound; (frames,) or (frames, channels) is")
        if array.dtype.kind == "f":
            array = numpy.clip(numpy.nan_to_num(array) * 32768.0, -32768, 32767)
        elif array.dtype != numpy.int16:
            raise ValidationError(f"an array of {array.dtype} is no sound; int16 and floats within ±1 are")
        return cls(array.astype("<i2").tobytes(), sample_rate, 1 if array.ndim == 1 else array.shape[1])

    @classmethod
    def _of_reply(cls, native: NativeReply, sample_rate: int) -> Audio:
        audio = cls(native.pcm(), sample_rate)
        audio._native = native
        return audio

    @property
    def duration(self) -> float:
        """How long it lasts, in seconds."""
        frames = len(self.pcm) // (2 * self.channels)
        return frames / self.sample_rate if self.sample_rate else 0.0

    def __bool__(self) -> bool:
        return bool(self.pcm)

    def __repr__(self) -> str:
        return f"Audio({self.duration:.3f} s, {self.sample_rate} Hz)"

    def numpy(self) -> numpy.ndarray[Any, Any]:
        """The samples as an array of int16: ``(frames,)``, or ``(frames, channels)`` of several channels. Needs numpy."""
        import numpy

        array = numpy.frombuffer(self.pcm, dtype="<i2").astype(numpy.int16)
        return array if self.channels == 1 else array.reshape(-1, self.channels)

    def encode(self, format: str = "wav") -> bytes:
        """The sound as a file.

        Parameters
        ----------
        format
            ``wav``; for the sound of a reply also ``ogg_opus``, ``mp3``, ``mu_law``, ``a_law`` and ``pcm``.

        Raises
        ------
        ValidationError
            The format is not known.
        """
        if self._native is not None:
            return self._native.encoded(format)
        if format != "wav":
            raise ValidationError(f"format: {format!r} is not accepted here; 'wav' is")
        import io
        import wave

        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setnchannels(self.channels)
            out.setsampwidth(2)
            out.setframerate(self.sample_rate)
            out.writeframes(self.pcm)
        return file.getvalue()

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the sound to a file, in the format that its name says (``.wav``; of a reply also ``.ogg``, ``.mp3``, ``.ulaw``, ``.alaw``,
        ``.pcm``).

        Raises
        ------
        InvalidRequestError
            The file cannot be written, or its name says no known format.
        """
        if self._native is not None:
            return self._native.save(os.fspath(path))
        with open(path, "wb") as file:
            file.write(self.encode(os.path.splitext(path)[1].lstrip(".").lower() or "wav"))

    def _repr_html_(self) -> str:
        import base64

        data = base64.b64encode(self.encode("wav")).decode()
        return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'


def source(audio: object, sample_rate: Optional[int], channels: int) -> Input:
    """What the native half takes for anything that is accepted as sound."""
    if isinstance(audio, Audio):
        return Input.pcm16(audio.pcm, audio.sample_rate, audio.channels)
    if isinstance(audio, (bytes, bytearray, memoryview)):
        data = bytes(audio)
        return Input.file(data) if sample_rate is None else Input.pcm16(data, sample_rate, channels)
    if isinstance(audio, (str, os.PathLike)):
        return Input.path(os.fspath(audio))
    if hasattr(audio, "__array_interface__"):
        if sample_rate is None:
            raise ValidationError("sample_rate: missing; an array does not say how many samples a second it has")
        sound = Audio.from_numpy(audio, sample_rate)  # type: ignore[arg-type]  # checked inside
        return Input.pcm16(sound.pcm, sound.sample_rate, sound.channels)
    read = getattr(audio, "read", None)
    if callable(read):
        data = read()
        if not isinstance(data, bytes):
            raise ValidationError("the file gave text; open it in binary mode, as in open(path, 'rb')")
        return Input.file(data) if sample_rate is None else Input.pcm16(data, sample_rate, channels)
    raise ValidationError(
        f"{type(audio).__name__} is no sound; a path, bytes, a binary file, Audio, or a numpy array with a sample_rate is"
    )
