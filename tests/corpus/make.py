#!/usr/bin/env python3
"""Makes the audio corpus: one file for every kind of recording that people and recorders produce.

    make.py FOLDER

Needs ffmpeg, sox, flac, lame and opus-tools. Everything starts from one deterministic, speech-like signal of 6 s, whose
16 kHz form is kept as `reference.wav`; a decoder is right when what it hears correlates with that.
"""

import array
import math
import os
import struct
import subprocess
import sys
import wave

RATE = 48_000
SECONDS = 6


def voice():
    """Harmonics of a gliding pitch, opened and closed like syllables, with formants that move. Never repeats."""
    samples = array.array("h")
    phase = 0.0
    for i in range(RATE * SECONDS):
        t = i / RATE
        phase += 2 * math.pi * (115 + 30 * math.sin(1.3 * t) + 4 * t) / RATE
        formant = 700 + 500 * math.sin(2.1 * t + 0.4 * t * t)
        syllable = max(0.0, math.sin(2 * math.pi * 2.3 * t + 0.7 * math.sin(0.9 * t))) ** 0.6
        value = sum(math.sin(k * phase) / (1 + ((k * 130 - formant) / 400) ** 2) for k in range(1, 24))
        samples.append(int(max(-32767, min(32767, 6000 * (0.05 + syllable) * value))))
    return samples


def write_wav(path, samples, rate=RATE, channels=1):
    with wave.open(path, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.tobytes())


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def ffmpeg(output, *options, source="voice.wav"):
    run("ffmpeg", "-v", "error", "-y", "-i", source, *options, output)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def riff(chunks, size=None, tag=b"RIFF", order="<"):
    body = b"WAVE"
    for name, data, declared in chunks:
        body += name + struct.pack(order + "I", len(data) if declared is None else declared) + data + b"\0" * (len(data) % 2)
    return tag + struct.pack(order + "I", len(body) if size is None else size) + body


def fmt(tag=1, channels=1, rate=16_000, bits=16, order="<"):
    block = channels * bits // 8
    return struct.pack(order + "HHIIHH", tag, channels, rate, (rate * block) & 0xFFFFFFFF, block & 0xFFFF, bits)


def wavs():
    for codec in ["u8", "s16le", "s24le", "s32le", "f32le", "f64le", "mulaw", "alaw"]:
        ffmpeg(f"wav-{codec}.wav", "-c:a", f"pcm_{codec}")
    for codec in ["adpcm_ima_wav", "adpcm_ms"]:
        ffmpeg(f"wav-{codec}.wav", "-c:a", codec, "-ar", "22050")
    for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 96_000, 192_000]:
        ffmpeg(f"wav-{rate}.wav", "-ar", str(rate))
    ffmpeg("wav-odd-rate.wav", "-ar", "12347")
    ffmpeg("wav-stereo.wav", "-ac", "2")
    ffmpeg("wav-5.1.wav", "-af", "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0")
    ffmpeg("wav-8khz-mulaw.wav", "-ar", "8000", "-c:a", "pcm_mulaw")
    ffmpeg("wav-rf64.wav", "-rf64", "always")
    ffmpeg("wave64.w64")
    ffmpeg("wav-mp3-inside.wav", "-c:a", "libmp3lame")
    ffmpeg("sun.au")
    ffmpeg("sun-mulaw.au", "-c:a", "pcm_mulaw", "-ar", "8000")
    run("sox", "voice.wav", "-t", "wav", "-B", "wav-rifx.wav")
    # Written to a pipe: the sizes stay unknown.
    write("wav-streamed.wav", run("ffmpeg", "-v", "error", "-i", "voice.wav", "-f", "wav", "-"))
    reference = read("reference.wav")[44:]
    for name, size in [("zero", 0), ("7fffffff", 0x7FFFFFFF), ("ffffffff", 0xFFFFFFFF), ("too-long", len(reference) * 3)]:
        write(f"wav-data-size-{name}.wav", riff([(b"fmt ", fmt(), None), (b"data", reference, size)], size=0))
    write("wav-data-first.wav", riff([(b"data", reference, None), (b"fmt ", fmt(), None)]))
    write("wav-riff-size-zero.wav", riff([(b"fmt ", fmt(), None), (b"data", reference, None)], size=0))
    write("wav-list-chunks.wav", riff([(b"LIST", b"INFOodd", None), (b"fmt ", fmt(), None), (b"LIST", b"x" * 301, None), (b"data", reference, None)]))
    write("wav-odd-length.wav", riff([(b"fmt ", fmt(), None), (b"data", reference[:-1], None)]))
    write("wav-id3-first.wav", b"ID3\x04\0\0\0\0\x00\x7f" + b"\0" * 127 + read("reference.wav"))
    guid = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    extensible = fmt(0xFFFE) + struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + guid
    write("wav-extensible.wav", riff([(b"fmt ", extensible, None), (b"data", reference, None)]))
    wide = b"".join(struct.pack("<i", s << 16) for s in array.array("h", reference))
    packed = fmt(0xFFFE, bits=32) + struct.pack("<HHI", 22, 24, 4) + struct.pack("<H", 1) + guid
    write("wav-24-in-32.wav", riff([(b"fmt ", packed, None), (b"data", wide, None)]))
    floats = array.array("f", [s / 32768 for s in array.array("h", reference)])
    for place, value in [(100, math.nan), (200, math.inf), (300, -math.inf), (400, 1e30)]:
        floats[place] = value
    write("wav-float-nan-inf.wav", riff([(b"fmt ", fmt(3, bits=32), None), (b"data", floats.tobytes(), None)]))
    write("bad-rate-zero.wav", riff([(b"fmt ", fmt(rate=0), None), (b"data", reference, None)]))
    write("bad-rate-1.wav", riff([(b"fmt ", fmt(rate=1), None), (b"data", reference, None)]))
    write("bad-rate-4g.wav", riff([(b"fmt ", fmt(rate=4_000_000_000), None), (b"data", reference, None)]))
    write("bad-channels-65535.wav", riff([(b"fmt ", fmt(channels=65_535), None), (b"data", reference, None)]))
    write("bad-codec-gsm.wav", riff([(b"fmt ", fmt(tag=0x31, bits=0), None), (b"data", reference, None)]))
    write("bad-wav-header-only.wav", riff([(b"fmt ", fmt(), None), (b"data", b"", None)]))
    write("bad-wav-cut-in-header.wav", reference_header()[:30])


def reference_header():
    return read("reference.wav")[:44]


def compressed():
    ffmpeg("mp3-cbr.mp3", "-c:a", "libmp3lame", "-b:a", "128k")
    ffmpeg("mp3-stereo-44100.mp3", "-c:a", "libmp3lame", "-ar", "44100", "-ac", "2")
    ffmpeg("mp3-mpeg2-16000.mp3", "-c:a", "libmp3lame", "-ar", "16000", "-b:a", "32k")
    run("lame", "--quiet", "-V", "4", "-t", "voice.wav", "mp3-vbr-no-xing.mp3")
    ffmpeg("bad-mp2.mp2", "-c:a", "mp2")
    mp3 = read("mp3-cbr.mp3")
    art = b"ID3\x04\0\0\0" + bytes([(307200 >> 14) & 127, (307200 >> 7) & 127, 307200 & 127]) + b"APIC" + b"\xff\xd8" * 153_598
    write("mp3-id3-art-300k.mp3", art + mp3)
    write("mp3-junk-before.mp3", b"\x11\x22\x33" * 700 + mp3)
    ffmpeg("flac.flac", "-c:a", "flac")
    ffmpeg("flac-24bit-96000.flac", "-c:a", "flac", "-sample_fmt", "s32", "-ar", "96000")
    write("flac-no-total.flac", run("ffmpeg", "-v", "error", "-i", "voice.wav", "-f", "flac", "-"))
    ffmpeg("flac-in-ogg.oga", "-c:a", "flac")
    ffmpeg("vorbis.ogg", "-c:a", "libvorbis", "-q:a", "4")
    ffmpeg("vorbis-stereo-44100.ogg", "-c:a", "libvorbis", "-ac", "2", "-ar", "44100")
    ffmpeg("aac.m4a", "-c:a", "aac", "-b:a", "96k")
    ffmpeg("aac-faststart.m4a", "-c:a", "aac", "-b:a", "96k", "-movflags", "+faststart")
    ffmpeg("aac-fragmented.mp4", "-c:a", "aac", "-b:a", "96k", "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-frag_duration", "1000000")
    ffmpeg("aac.mov", "-c:a", "aac")
    ffmpeg("aac.aac", "-c:a", "aac", "-b:a", "96k")
    ffmpeg("alac.m4a", "-c:a", "alac")
    ffmpeg("aiff.aiff")
    ffmpeg("caf.caf")
    video = ["-f", "lavfi", "-i", f"color=black:s=32x32:r=5:d={SECONDS}"]
    run("ffmpeg", "-v", "error", "-y", *video, "-i", "voice.wav", "-c:v", "libvpx", "-c:a", "libopus", "webm-video-first.webm")
    run("ffmpeg", "-v", "error", "-y", *video, "-i", "voice.wav", "-c:v", "mpeg4", "-c:a", "aac", "mp4-video-first.mp4")
    run("ffmpeg", "-v", "error", "-y", *video, "-c:v", "libvpx", "bad-video-only.webm")


def opus():
    run("opusenc", "--quiet", "voice.wav", "opus.ogg")
    run("opusenc", "--quiet", "--bitrate", "16", "voice.wav", "opus-16k-silk.ogg")
    run("opusenc", "--quiet", "--framesize", "60", "--bitrate", "24", "voice.wav", "opus-60ms.ogg")
    run("opusenc", "--quiet", "--framesize", "2.5", "voice.wav", "opus-2.5ms.ogg")
    ffmpeg("opus-stereo.ogg", "-c:a", "libopus", "-ac", "2")
    run("opusenc", "--quiet", "wav-5.1.wav", "opus-5.1.ogg")
    ffmpeg("opus.webm", "-c:a", "libopus")
    ffmpeg("opus.mka", "-c:a", "libopus")
    ffmpeg("opus.mp4", "-c:a", "libopus", "-strict", "-2")
    ffmpeg("vorbis.webm", "-c:a", "libvorbis")
    # What a browser's recorder sends: live, without duration and cues.
    live = run("ffmpeg", "-v", "error", "-i", "voice.wav", "-c:a", "libopus", "-live", "1", "-f", "webm", "-")
    write("webm-browser.webm", live)
    write("webm-browser-no-codec-private.webm", without_codec_private(live))
    write("webm-two-joined.webm", live + live)
    write("webm-hole.webm", live[: len(live) // 3] + b"\0" * 600 + live[len(live) // 3 + 3_000 :])
    ogg = read("opus.ogg")
    write("ogg-chained.ogg", ogg + ogg)
    for name, of in [("opus.webm", "webm"), ("aac-faststart.m4a", "m4a"), ("opus.ogg", "ogg"), ("mp3-cbr.mp3", "mp3"), ("flac.flac", "flac"), ("aac-fragmented.mp4", "mp4"), ("aac.aac", "aac"), ("reference.wav", "wav")]:
        data = read(name)
        write(f"cut-in-half.{of}", data[: len(data) // 2])
    moov_last = read("aac.m4a")
    write("bad-moov-missing.m4a", moov_last[: len(moov_last) // 2])


def without_codec_private(data):
    """Turns the CodecPrivate element of the Opus track into a Void of the same size."""
    at = data.index(b"\x63\xa2")
    size = data[at + 2] & 0x7F
    return data[:at] + b"\xec" + bytes([0x80 | (size + 1)]) + b"\0" * (size + 1) + data[at + 3 + size :]


def damaged():
    def holes(data, first, count, length):
        data = bytearray(data)
        step = (len(data) - first) // (count + 1)
        for i in range(1, count + 1):
            at = first + i * step
            data[at : at + length] = bytes((b * 197 + 13) & 255 for b in range(length))
        return bytes(data)

    write("hurt.mp3", holes(read("mp3-cbr.mp3"), 2_000, 5, 40))
    write("hurt.aac", holes(read("aac.aac"), 2_000, 5, 60))
    write("hurt.m4a", holes(read("aac-faststart.m4a"), 6_000, 5, 60))
    write("hurt.ogg", holes(read("opus.ogg"), len(read("opus.ogg")) // 2, 2, 40))
    write("hurt.flac", holes(read("flac.flac"), len(read("flac.flac")) // 2, 3, 60))
    write("bad-empty.wav", b"")
    write("bad-text.mp3", b"<html><body>502 Bad Gateway</body></html>\n" * 20)
    write("bad-noise.bin", bytes((i * i * 31 + i * 7) & 0x7F for i in range(50_000)))
    write("bad-picture.wav", b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000)
    silent = array.array("h", [0]) * RATE
    write_wav("bad-silent.wav", silent)
    ffmpeg("bad-silent.mp3", source="bad-silent.wav")
    ffmpeg("bad-silent.webm", "-c:a", "libopus", source="bad-silent.wav")
    write_wav("bad-whisper-of-dither.wav", array.array("h", [i * 7 % 5 - 2 for i in range(RATE)]))
    run("sox", "-n", "-r", "8000", "-c", "1", "-b", "16", "bomb.wav", "trim", "0", "7200")
    run("flac", "-s", "-f", "-8", "-o", "bad-two-hours.flac", "bomb.wav")
    run("opusenc", "--quiet", "--bitrate", "6", "bomb.wav", "bad-two-hours.ogg")
    run("ffmpeg", "-v", "error", "-y", "-i", "bomb.wav", "-c:a", "aac", "-b:a", "8k", "bad-two-hours.m4a")
    os.remove("bomb.wav")
    # A name that lies.
    write("really-webm.mp3", read("opus.webm"))
    write("really-wav.ogg", read("reference.wav"))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    write_wav("voice.wav", voice())
    run("sox", "-D", "voice.wav", "-r", "16000", "reference.wav")
    write("reference.wav", riff([(b"fmt ", fmt(), None), (b"data", wave.open("reference.wav").readframes(1 << 30), None)]))
    wavs()
    compressed()
    opus()
    damaged()


main()
