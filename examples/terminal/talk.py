"""Talk in a terminal: microphone and speaker of ALSA (`arecord`, `aplay`), or WAV files in their place; typed lines are heard too.

    pip install voice-core
    python -m voice_core models fetch
    python talk.py
    python talk.py --microphone question.wav --speaker answer.wav     # ends once everything was answered
"""

import argparse
import asyncio
import contextlib
import shutil
import sys
import wave

from voice_core import (
    AgentStateChanged,
    AsyncVoiceAgent,
    AudioChunk,
    Clear,
    InvalidRequestError,
    LiveEnded,
    LiveFailure,
    Speaking,
    Transcript,
    TurnDone,
    UserStateChanged,
    VoiceError,
)

RATE = 24_000
RAW = ["-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r"]
# Seconds of silence from both sides after which a conversation with a file is over; the longer when something said is not answered.
QUIET, PATIENCE = 1.5, 15.0


class FileSpeaker:
    """Keeps what is heard: what is thrown away before its time is not in the file."""

    def __init__(self, path):
        self.path, self.sound = path, bytearray()

    async def play(self, pcm):
        self.sound += pcm

    async def clear(self, position):
        # Sound that an interruption took back was never heard; what comes next begins where it is told to.
        del self.sound[round(position * RATE) * 2 :]

    async def close(self):
        with wave.open(self.path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.sound)


class AlsaSpeaker:
    """Plays through `aplay`, which is begun anew when what it has not played is to be thrown away."""

    player = None

    async def play(self, pcm):
        if self.player is None:
            arguments = ["aplay", *RAW, str(RATE), "--buffer-time=80000"]
            self.player = await asyncio.create_subprocess_exec(*arguments, stdin=asyncio.subprocess.PIPE)
        self.player.stdin.write(pcm)

    async def clear(self, position):
        await self.close()

    async def close(self):
        if self.player is not None:
            with contextlib.suppress(ProcessLookupError):
                self.player.kill()
            await self.player.wait()
            self.player = None


class Screen:
    """One line that changes: who does what, and the words that are not final. Final lines scroll up."""

    agent, user, words = "listening", "listening", ""
    greeted, unanswered = False, False

    def draw(self):
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            line = f"[agent {self.agent} · you {self.user}] {self.words}"
            print(f"\r\033[K{line[-width:] if len(line) > width else line}", end="", flush=True)

    def say(self, line):
        print(f"\r\033[K{line}" if sys.stdout.isatty() else line, flush=True)
        self.words = ""
        self.draw()


async def hear_device(live, rate):
    recorder = await asyncio.create_subprocess_exec("arecord", *RAW, str(rate), stdout=asyncio.subprocess.PIPE)
    try:
        while frame := await recorder.stdout.read(rate // 50 * 2):
            live.push_audio(frame[: len(frame) // 2 * 2])
    finally:
        recorder.kill()


async def hear_file(live, file, screen):
    """Pushes a file at the pace at which it was spoken, once the greeting was heard, then silence until nobody says anything any more."""
    clock = asyncio.get_running_loop().time
    size, due, quiet = file.getframerate() // 50, clock(), 0.0
    silence = bytes(2 * size)
    while quiet < (PATIENCE if screen.unanswered else QUIET):
        frame = file.readframes(size) if screen.greeted else b""
        busy = frame or not screen.greeted or screen.agent != "listening" or screen.user == "speaking"
        quiet = 0.0 if busy else quiet + 0.02
        live.push_audio(frame or silence)
        due += 0.02
        await asyncio.sleep(due - clock())
    await live.end()


async def hear_keyboard(live):
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        with contextlib.suppress(VoiceError):
            live.push_text(line.decode().strip())


async def talk(options):
    file = wave.open(options.microphone) if options.microphone else None
    if file and (file.getnchannels(), file.getsampwidth()) != (1, 2):
        raise SystemExit(f"{options.microphone}: expected 16-bit samples of one channel")
    rate = file.getframerate() if file else 16_000
    speaker = FileSpeaker(options.speaker) if options.speaker else AlsaSpeaker()
    screen = Screen()
    screen.greeted = not options.greeting
    async with AsyncVoiceAgent(
        stt="local", llm="local", tts="local", storage=options.storage, assistant={"max_tokens": 60}
    ) as agent:
        await agent.warm_up()
        async with agent.live(input_rate=rate, output_rate=RATE, first_message=options.greeting or None) as live:
            hearing = [asyncio.create_task(hear_file(live, file, screen) if file else hear_device(live, rate))]
            if sys.stdin.isatty():
                hearing.append(asyncio.create_task(hear_keyboard(live)))
            async for event in live:
                await show(event, screen, speaker)
            for task in hearing:
                task.cancel()
            for outcome in await asyncio.gather(*hearing, return_exceptions=True):
                # A session that is over takes no more sound.
                if isinstance(outcome, Exception) and not isinstance(outcome, InvalidRequestError):
                    raise outcome
    await speaker.close()


async def show(event, screen, speaker):
    match event:
        case AudioChunk(pcm=pcm):
            await speaker.play(pcm)
        case Clear(position=position):
            await speaker.clear(position)
        case AgentStateChanged(state=state):
            screen.agent = state
        case UserStateChanged(state=state):
            screen.user = state
            screen.unanswered |= state == "speaking"
        case Transcript(text=text, final=final):
            screen.words = text
            if final:
                screen.say(f"you:   {text}")
        case Speaking(text=text):
            screen.words = text
        case TurnDone(text=text, interrupted=interrupted, response_delay_ms=delay):
            screen.words, screen.greeted, screen.unanswered = "", True, screen.user == "speaking"
            took = "" if delay is None else f"  ({delay / 1000:.2f} s)"
            if text:
                screen.say(f"agent: {text}{' …' if interrupted else ''}{took}")
        case LiveFailure(error=error):
            screen.say(f"{error.code}: {error}")
        case LiveEnded(summary=summary):
            screen.say(f"{summary.turns} exchanges in {summary.duration:.0f} s")
    screen.draw()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--microphone", metavar="WAV", help="a file to be heard in place of the microphone")
    options.add_argument("--speaker", metavar="WAV", help="a file to speak into in place of the speaker")
    options.add_argument("--greeting", default="Hello! What would you like to talk about?")
    options.add_argument("--storage", default="memory", help="for example sqlite:conversations.db")
    try:
        asyncio.run(talk(options.parse_args()))
    except VoiceError as error:
        raise SystemExit(f"{error.code}: {error}") from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
