"""The scripted turn for what is measured in Python: the same waits, the same sound and the same counting for everybody.

One second of the user's sound in 50 frames of 20 ms; the end of the turn is told. Then speech to text takes 50 ms; the language model
100 ms to its first token and 20 ms for each further one, 16 in two sentences; speech 80 ms to its first chunk and 10 ms for each
further one, 5 of 100 ms a sentence. All waits lie on the schedule of their stage, so that a late one does not delay the next.
`benches/src/script.rs` says the same in Rust.
"""

import asyncio
import json
import math
import sys
import time
from pathlib import Path

TURNS = 4
SPREAD = 1.6
INPUT_RATE, FRAMES, FRAME_SECONDS = 16_000, 50, 0.02
FRAME = (1000).to_bytes(2, "little") * (INPUT_RATE // FRAMES)
QUESTION = "what is the weather like"
WORDS = "The weather will be mild and dry today. Tomorrow it may rain in the far north."
TOKENS = [word if n == 0 else f" {word}" for n, word in enumerate(WORDS.split())]
OUTPUT_RATE, CHUNKS = 24_000, 5
CHUNK = bytes(OUTPUT_RATE // 10 * 2)
SOUND_OF_A_TURN = 2 * CHUNKS * len(CHUNK)
IDEAL_FIRST, IDEAL_LAST = 370.0, 570.0


async def until(moment):
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


async def transcribed():
    """What speech to text does."""
    await until(time.perf_counter() + 0.05)
    return QUESTION


async def tokens():
    """What the language model does."""
    begun = time.perf_counter()
    for n, token in enumerate(TOKENS):
        await until(begun + 0.1 + 0.02 * n)
        yield token


async def chunks():
    """What the voice does for one sentence."""
    begun = time.perf_counter()
    for n in range(CHUNKS):
        await until(begun + 0.08 + 0.01 * n)
        yield CHUNK


def measure(open_conversation, import_seconds):
    """Holds as many conversations at once as the command line says, and prints one line of JSON.

    `open_conversation()` is an async context manager; what it gives has `push(frame)` and `commit()`, both coroutines, and
    `answer()`, an async iterator over the moments at which sound came out, with its bytes, that ends with the turn.
    """
    count = int(sys.argv[1])
    heard, cpu_ms, before = asyncio.run(_conversations(open_conversation, count))
    peak = _status_kb("VmHWM")
    print(
        json.dumps(
            {
                "import_seconds": import_seconds,
                "installed_mb": _installed_mb(),
                "first": _percentiles([first - IDEAL_FIRST for first, _ in heard]),
                "last": _percentiles([last - IDEAL_LAST for _, last in heard]),
                "cpu_ms": cpu_ms / (count * TURNS),
                "rss_mb": peak / 1024,
                "kb_each": (peak - before) / count,
            }
        )
    )


async def _conversations(open_conversation, count):
    # What is done once in a process is not a turn's.
    await _conversation(open_conversation, 0.0, 1)
    before, cpu = _status_kb("VmRSS"), time.process_time()
    delays = [SPREAD * n / count for n in range(count)]
    held = await asyncio.gather(*(_conversation(open_conversation, delay, TURNS) for delay in delays))
    cpu_ms = (time.process_time() - cpu) * 1e3
    # The first turn of each is not counted.
    return [heard for turns in held for heard in turns[1:]], cpu_ms, before


async def _conversation(open_conversation, delay, turns):
    await asyncio.sleep(delay)
    async with open_conversation() as conversation:
        return [await _turn(conversation) for _ in range(turns)]


async def _turn(conversation):
    """When the first and the last sound came, in milliseconds after the end of the user's turn."""
    begun = time.perf_counter()
    for n in range(FRAMES):
        await conversation.push(FRAME)
        await until(begun + FRAME_SECONDS * (n + 1))
    over = time.perf_counter()
    await conversation.commit()
    moments, size = [], 0
    async for moment, sound in conversation.answer():
        moments.append(moment)
        size += len(sound)
    if size != SOUND_OF_A_TURN:
        raise RuntimeError(f"{size} bytes of sound, where the script has {SOUND_OF_A_TURN}")
    return (moments[0] - over) * 1e3, (moments[-1] - over) * 1e3


def _percentiles(values):
    ordered = sorted(values)
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    return {name: ordered[max(0, math.ceil(share * len(ordered)) - 1)] for name, share in shares.items()}


def _status_kb(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(f"{field}:"))


def _installed_mb():
    """What is installed in this environment, its own tools apart; nothing where it is the system's Python."""
    if sys.prefix == sys.base_prefix:
        return 0.0
    tools = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack", "distutils-precedence")
    folders = [Path(folder) for folder in sys.path if folder.startswith(sys.prefix) and folder.endswith("site-packages")]
    entries = [entry for folder in folders for entry in folder.iterdir() if not entry.name.startswith(tools)]
    files = [file for entry in entries for file in ([entry] if entry.is_file() else entry.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6
