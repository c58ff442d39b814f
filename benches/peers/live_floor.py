"""The floor under everything in Python: asyncio that only waits for the script, stage by stage, and hands on the sound.

    live_floor.py CONVERSATIONS
"""

import asyncio
import time
from contextlib import asynccontextmanager

import live_script as script


class Conversation:
    async def push(self, frame):
        pass

    async def commit(self):
        pass

    async def answer(self):
        await script.transcribed()
        sentences = asyncio.Queue()

        async def think():
            text = ""
            async for token in script.tokens():
                text += token
                if text.endswith("."):
                    sentences.put_nowait(text)
                    text = ""
            sentences.put_nowait(None)

        thinking = asyncio.create_task(think())
        while await sentences.get():
            async for chunk in script.chunks():
                yield time.perf_counter(), chunk
        await thinking


@asynccontextmanager
async def conversation():
    yield Conversation()


script.measure(conversation, 0.0)
