"""The usual ways to bring one recording to 16 kHz mono in Python, timed.

    ingest_peers.py FILE

Prints three best times in milliseconds: ffprobe and ffmpeg as processes, PyAV, soundfile with soxr ("-" where a way cannot
read the file). Needs `pip install av soundfile soxr numpy`.
"""

import subprocess
import sys
import time

import av
import numpy
import soundfile
import soxr


def two_processes(path):
    probe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]
    subprocess.run(probe, check=True, stdout=subprocess.DEVNULL)
    decode = ["ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-ac", "1", "-ar", "16000", "-"]
    return subprocess.run(decode, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def pyav(path):
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
    pieces = []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            pieces += [out.to_ndarray() for out in resampler.resample(frame)]
        pieces += [out.to_ndarray() for out in resampler.resample(None)]
    return numpy.concatenate(pieces, axis=1)


def soundfile_soxr(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return (soxr.resample(samples.mean(axis=1), rate, 16000) * 32767).astype(numpy.int16)


def best(way, path, runs=5):
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        try:
            way(path)
        except Exception:
            return "-"
        times.append((time.perf_counter() - begun) * 1e3)
    return f"{min(times):.3f}"


print(*[best(way, sys.argv[1]) for way in (two_processes, pyav, soundfile_soxr)])
