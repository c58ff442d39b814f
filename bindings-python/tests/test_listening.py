"""Recognisers that listen while somebody speaks, and detectors of the end of turns."""

import asyncio
import threading

import pytest
from conftest import hum, parts
from test_live import MANUAL, frames, until

from voice_core import (
    AsyncVoiceAgent,
    Audio,
    ListenRequest,
    SpokenSound,
    StreamingSpeechToText,
    Transcript,
    TurnDone,
    ValidationError,
    VoiceAgent,
)


class Plain(StreamingSpeechToText):
    """Listens on a thread."""

    def transcribe(self, request):
        return f"{len(request.audio.pcm) // 2} transcribed"

    def listen(self, request):
        samples = 0
        for piece in request.sound:
            assert (piece.sample_rate, piece.channels) == (16_000, 1)
            samples += len(piece.pcm) // 2
            yield Transcript(f"{samples} so far", final=False)
        yield Transcript(f"{samples} heard in {request.language}")


class OnLoop(Plain):
    """Listens on the event loop."""

    async def listen(self, request):
        samples = 0
        async for piece in request.sound:
            samples += len(piece.pcm) // 2
            yield Transcript(f"{samples} so far", final=False)
        yield Transcript(f"{samples} heard in {request.language}")


def said(agent):
    """What one second of speech is understood as."""
    with agent.live(config=MANUAL, language="de", speak=False) as live:
        for frame in frames(hum(rate=16_000)):
            live.push_audio(frame)
        live.commit()
        return until(live, TurnDone)[-1].transcript


@pytest.mark.parametrize("kind", [Plain, OnLoop])
def test_a_recogniser_may_listen_plain_or_async(kind):
    with VoiceAgent(**parts(stt=kind())) as agent:
        assert said(agent) == "16000 heard in de"
        # A recording is transcribed.
        assert agent.turn(hum(rate=16_000)).reply().transcript == "16000 transcribed"


@pytest.mark.parametrize("gives", [None, 7, [object()], RuntimeError("deaf"), SystemExit()])
def test_whatever_listening_gives_or_raises_costs_no_words(gives):
    class Odd(Plain):
        def listen(self, request):
            if isinstance(gives, BaseException):
                raise gives
            return gives

    with VoiceAgent(**parts(stt=Odd())) as agent:
        assert said(agent) == "16000 transcribed"


def test_a_wait_for_sound_that_is_given_up_loses_none_of_it():
    class Impatient(Plain):
        async def listen(self, request):
            samples, waited = 0, 0
            while True:
                try:
                    piece = await asyncio.wait_for(request.sound.__anext__(), 0.001 * (1 + waited))
                except asyncio.TimeoutError:
                    waited += 1
                    continue
                except StopAsyncIteration:
                    break
                samples += len(piece.pcm) // 2
            yield Transcript(f"{samples} {waited > 0}")

    async def run():
        async with AsyncVoiceAgent(**parts(stt=Impatient())) as agent:
            async with agent.live(config=MANUAL, speak=False) as live:
                for frame in frames(hum(rate=16_000)):
                    live.push_audio(frame)
                    await asyncio.sleep(0.002)
                live.commit()
                async for event in live:
                    if isinstance(event, TurnDone):
                        return event.transcript

    assert asyncio.run(run()) == "16000 True"


def test_sound_that_is_asked_for_after_its_end_stays_over():
    kept = []

    class Keeper(Plain):
        def listen(self, request):
            kept.append(request)
            yield Transcript(f"{sum(len(piece.pcm) for piece in request.sound) // 2}")

    with VoiceAgent(**parts(stt=Keeper())) as agent:
        assert said(agent) == "16000"
    (request,) = kept
    assert isinstance(request, ListenRequest) and isinstance(request.sound, SpokenSound)
    assert list(request.sound) == [] and next(iter(request.sound), None) is None
    assert "pcm" not in repr(request)


def test_the_end_of_a_session_ends_the_sound_of_a_plain_recogniser():
    over = threading.Event()

    class Held(Plain):
        def listen(self, request):
            for piece in request.sound:
                yield Transcript("so far", final=False)
            over.set()

    with VoiceAgent(**parts(stt=Held())) as agent:
        with agent.live(config=MANUAL, speak=False) as live:
            for frame in frames(hum(rate=16_000)):
                live.push_audio(frame)
            until(live, Transcript)
    assert over.wait(10)


def test_a_detector_needs_its_method():
    with pytest.raises(ValidationError, match="turn_detector: str has no method completeness"):
        VoiceAgent(**parts(turn_detector="smart"))


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_detector_may_be_plain_or_async(kind):
    heard = []

    class Detector:
        def completeness(self, audio):
            heard.append(audio)
            return 1

    class OnLoopDetector(Detector):
        async def completeness(self, audio):
            return super().completeness(audio)

    detector = Detector() if kind == "plain" else OnLoopDetector()
    # The detector of voice is made to take the hum for one.
    config = {"turn_detection": "model", "vad": {"threshold": 0.01}, "endpointing": {"min_delay_ms": 0, "max_delay_ms": 60_000}}
    with VoiceAgent(**parts(turn_detector=detector, stt=Plain())) as agent:
        with agent.live(config=config, speak=False, input_rate=8_000) as live:
            square = b"".join((n // 40 % 2 * 16_000 - 8_000).to_bytes(2, "little", signed=True) for n in range(8_000))
            for frame in frames(Audio(square + bytes(16_000), 8_000)):
                live.push_audio(frame)
            until(live, TurnDone)
    assert heard[0].sample_rate == 16_000 and 0.5 < heard[0].duration <= 8
