"""Providers in Python for the tests: no model, no network."""

import array
import asyncio
import os
import pathlib
import threading

import pytest

from voice_core import Audio, VoiceAgent

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Ears:
    name = "test/ears"

    def transcribe(self, request):
        return "What is this?"


class Mind:
    name = "test/mind"

    def generate(self, request):
        yield "This is "
        yield "a test."


class Mouth:
    name = "test/mouth"

    def synthesize(self, request):
        yield array.array("h", [1000] * 2400).tobytes()


class Stuck:
    """A model that never answers, and tells when it is asked and when it is let go."""

    name = "test/stuck"

    def __init__(self):
        self.asked = threading.Event()
        self.freed = threading.Event()

    async def generate(self, request):
        self.asked.set()
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            self.freed.set()


def parts(**own):
    """What an agent is made of in the tests; `own` replaces some of it."""
    given = {"stt": Ears(), "llm": Mind(), "tts": Mouth(), "storage": "memory", "retry": {"attempts": 1}}
    return {**given, **own}


def hum(seconds=1.0, rate=16_000):
    """Sound that is not silent."""
    return Audio((array.array("h", [8000] * 40 + [-8000] * 40) * int(seconds * rate / 80)).tobytes(), rate)


@pytest.fixture
def agent():
    with VoiceAgent(**parts()) as agent:
        yield agent


@pytest.fixture(scope="session")
def models():
    """The folder of the local models; the test run says where it is."""
    folder = os.environ.get("VOICE_CORE_MODELS")
    assert folder, "set VOICE_CORE_MODELS to the folder of the models (python -m voice_core models fetch --folder …)"
    return folder


@pytest.fixture(scope="session")
def recording(models):
    """A recording of a human voice, which comes with the models."""
    return pathlib.Path(models) / "test-audio" / "beckett.wav"
