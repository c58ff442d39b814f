"""The scripted turn through voice-core's own Python package, with its three providers written in Python.

    live_voice_core.py CONVERSATIONS

The end of the user's turn is told; sound comes as soon as it is there, not paced.
"""

import time

begun = time.perf_counter()

from voice_core import AsyncVoiceAgent, AudioChunk, TurnDone

IMPORTED = time.perf_counter() - begun

from contextlib import asynccontextmanager

import live_script as script

LIVE = {"turn_detection": "manual", "output": {"pacing": "immediate", "frame_ms": 0}}


class Ears:
    async def transcribe(self, request):
        return await script.transcribed()


class Mind:
    def generate(self, request):
        return script.tokens()


class Mouth:
    sample_rate = script.OUTPUT_RATE

    def synthesize(self, request):
        return script.chunks()


class Conversation:
    def __init__(self, live):
        self.live = live

    async def push(self, frame):
        self.live.push_audio(frame)

    async def commit(self):
        self.live.commit()

    async def answer(self):
        async for event in self.live:
            if isinstance(event, AudioChunk):
                yield time.perf_counter(), event.pcm
            elif isinstance(event, TurnDone):
                return


# One agent serves every conversation, as an app has one.
agent = AsyncVoiceAgent(stt=Ears(), llm=Mind(), tts=Mouth(), storage="memory")


@asynccontextmanager
async def conversation():
    rates = {"input_rate": script.INPUT_RATE, "output_rate": script.OUTPUT_RATE}
    async with agent.live(config=LIVE, **rates) as live:
        yield Conversation(live)


script.measure(conversation, IMPORTED)
