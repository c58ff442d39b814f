"""The example that talks in a terminal, with a recording as its microphone."""

import re
import subprocess
import sys
import wave

from conftest import ROOT


def test_a_recording_is_talked_with_in_a_terminal(models, recording, tmp_path):
    spoken = tmp_path / "spoken.wav"
    arguments = ["--microphone", str(recording), "--speaker", str(spoken), "--greeting", "Hello."]
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "terminal" / "talk.py", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    heard = " ".join(line for line in lines if line.startswith("you:"))
    assert "ever tried" in re.sub(r"[^a-z ]", "", heard.lower())
    assert lines[0].startswith("agent: Hello.") and re.match(r"\d+ exchanges in \d+ s", lines[-1])
    with wave.open(str(spoken)) as file:
        assert file.getframerate() == 24_000 and file.getnframes() > 24_000
