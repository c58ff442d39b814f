"""What a turn costs through Python when its providers answer at once, and what ten thousand turns leave in memory.

Prints one line of JSON; `cargo xtask bench overhead` runs it with the installed package. `--async`: on an event loop.
"""

import array
import asyncio
import gc
import json
import os
import statistics
import sys
import time

from voice_core import AsyncVoiceAgent, Audio, VoiceAgent

SOUND = array.array("h", [1000] * 160).tobytes()
SPEECH = Audio((array.array("h", [8000] * 40 + [-8000] * 40) * 20).tobytes(), 16_000)
WARM, RUNS, MANY = 500, 2000, 10_000


def resident():
    """What the process holds, in KiB."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def plain():
    """With providers that are plain functions, blocking."""

    class Ears:
        def transcribe(self, request):
            return "hi"

    class Mind:
        def generate(self, request):
            return "Yes."

    class Mouth:
        sample_rate = 16_000

        def synthesize(self, request):
            return SOUND

    with VoiceAgent(stt=Ears(), llm=Mind(), tts=Mouth(), storage="memory") as agent:

        def median(**turn):
            took = []
            for _ in range(WARM + RUNS):
                start = time.perf_counter()
                agent.converse(**turn)
                took.append(time.perf_counter() - start)
            return statistics.median(took[WARM:]) * 1e6

        def turns():
            for _ in range(MANY):
                agent.sessions.delete(agent.converse(text="hi").session_id)
            return resident()

        return (median(text="hi", speak=False), median(text="hi"), median(audio=SPEECH), turns(), turns())


async def on_a_loop():
    """With providers that are `async def`, on their agent's event loop."""

    class Ears:
        async def transcribe(self, request):
            return "hi"

    class Mind:
        async def generate(self, request):
            return "Yes."

    class Mouth:
        sample_rate = 16_000

        async def synthesize(self, request):
            return SOUND

    async with AsyncVoiceAgent(stt=Ears(), llm=Mind(), tts=Mouth(), storage="memory") as agent:

        async def median(**turn):
            took = []
            for _ in range(WARM + RUNS):
                start = time.perf_counter()
                await agent.converse(**turn)
                took.append(time.perf_counter() - start)
            return statistics.median(took[WARM:]) * 1e6

        async def turns():
            for _ in range(MANY):
                await agent.sessions.delete((await agent.converse(text="hi")).session_id)
            return resident()

        typed, spoken = await median(text="hi", speak=False), await median(text="hi")
        return (typed, spoken, await median(audio=SPEECH), await turns(), await turns())


figures = asyncio.run(on_a_loop()) if "--async" in sys.argv else plain()
print(json.dumps(dict(zip(("typed_us", "spoken_us", "heard_us", "before_kib", "after_kib"), figures))))
