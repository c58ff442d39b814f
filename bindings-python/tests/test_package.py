"""What is shipped: the command, the examples, the types, and a conversation with the real models."""

import asyncio
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import wave

import pytest
from conftest import ROOT, parts

from voice_core import AudioChunk, InvalidRequestError, TextDelta, Transcript, VoiceAgent, models
from voice_core.models import fetch_async

SAID = "ever tried ever failed"
PACKAGE = ROOT / "bindings-python"


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "voice_core", *map(str, arguments)], capture_output=True, text=True, timeout=600, **options
    )


def test_every_name_is_there_when_it_is_asked_for_and_the_rare_ones_are_not_imported_before():
    program = """
import sys, voice_core
early = {name for name in sys.modules if name.startswith("voice_core.")} | ({"logging", "asyncio"} & set(sys.modules))
assert not early & ({f"voice_core.{name}" for name in voice_core._LATER} | {"logging", "asyncio"}), early
missing = [name for name in voice_core.__all__ if name not in dir(voice_core) or getattr(voice_core, name) is None]
assert not missing, missing
try:
    voice_core.LiveSesion
    raise SystemExit("a name that is not there was found")
except AttributeError as error:
    assert "LiveSesion" in str(error)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_recording_is_answered_offline(models, recording):
    with VoiceAgent.local(storage="memory") as agent:
        events = list(agent.turn(recording, deadline=600))
    reply = events[-1].reply
    assert SAID in re.sub(r"[^a-z ]", "", reply.transcript.lower())
    assert reply.text and reply.audio.duration > 0.5
    assert any(isinstance(e, AudioChunk) for e in events)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == reply.text
    assert [e.text for e in events if isinstance(e, Transcript) and e.final] == [reply.transcript]


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for a package client is a script of the shell")
def test_a_fetch_that_is_cancelled_stops_its_download(tmp_path, monkeypatch):
    for client in ("python3", "npm"):
        script = tmp_path / client
        script.write_text('#!/bin/sh\ncase "$*" in *--version*) exit 0 ;; esac\necho $$ >"$0.pid"\nexec sleep 600\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    async def cancelled():
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def progress(step):
            if step["type"] == "downloading":
                loop.call_soon_threadsafe(started.set)

        fetching = asyncio.create_task(fetch_async(["silero-vad"], tmp_path / "models", progress=progress))
        await asyncio.wait_for(started.wait(), 20)
        # The client is about to be started; a process that has not said its number yet cannot be asked after.
        for _ in range(2_000):
            if any(path.read_text() for path in tmp_path.glob("*.pid")):
                break
            await asyncio.sleep(0.01)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        # The next one waits for the lock of this one, so that it begins only after the end of its client.
        with pytest.raises(InvalidRequestError):
            await fetch_async(["silero-vad"], tmp_path / "models", mirror=tmp_path)

    asyncio.run(cancelled())
    (started,) = tmp_path.glob("*.pid")
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


def test_who_is_told_of_progress_may_ask_an_agent(tmp_path):
    answered = threading.Event()

    def progress(step):
        if step["type"] == "planned" and agent.converse(text="Hello").text:
            answered.set()

    with VoiceAgent(**parts()) as agent:
        with pytest.raises(InvalidRequestError):
            models.fetch(["silero-vad"], tmp_path / "models", mirror=tmp_path, progress=progress)
        assert answered.wait(20)


def test_the_command_answers_a_recording(models, recording, tmp_path):
    out = tmp_path / "answer.wav"
    done = command("converse", recording, "--storage", "memory", "-o", out, "--deadline", 600, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert SAID in re.sub(r"[^a-z ]", "", answer["transcript"].lower()) and answer["audio"] == str(out)
    with wave.open(str(out)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(answer["audio_seconds"], abs=0.01)


def test_the_command_says_what_is_wrong(tmp_path):
    done = command("converse", tmp_path / "none.wav", "--storage", "memory", "--stt", "none", "--llm", "nobody")
    assert done.returncode == 1 and "nobody" in done.stderr and "INVALID_REQUEST" in done.stderr
    assert command("converse").returncode == 2
    assert command("--version").stdout.startswith("voice-core ")


def test_the_command_lists_and_verifies_models(models, tmp_path):
    listed = json.loads(command("models", "list", "--json").stdout)
    assert any(model["default"] and model["present"] for model in listed)
    assert "there" in command("models", "list").stdout
    done = command("models", "verify", "--folder", tmp_path)
    assert done.returncode == 1 and "models fetch" in done.stderr


def test_models_are_listed_and_fetched_from_a_mirror(tmp_path):
    assert not any(model.present for model in models.list_all(tmp_path))
    with pytest.raises(Exception, match="nobody"):
        models.fetch(["nobody"], tmp_path)


def examples():
    readme = (PACKAGE / "README.md").read_text()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", readme, re.S)):
        yield pytest.param(block, id=f"README-{number + 1}")
    for path in sorted((ROOT / "examples" / "python").glob("*.py")):
        yield pytest.param(path.read_text(), id=path.name)


@pytest.mark.parametrize("program", list(examples()))
def test_every_example_runs(program, models, recording, tmp_path):
    (tmp_path / "question.wav").write_bytes(recording.read_bytes())
    environment = {**os.environ, "DATABASE_URL": "memory"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_package_says_that_it_is_typed():
    import voice_core

    assert (pathlib.Path(voice_core.__file__).parent / "py.typed").exists()
