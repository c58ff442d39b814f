"""Hosts that play the scripts of scenarios."""

from __future__ import annotations

import array
import asyncio
import json
from typing import Any, AsyncIterator, Callable, Dict, List, Optional, Set

import voice_core
from voice_core import Audio, Transcript, VoiceError, _errors


class Host:
    """A provider or a store that plays scripts."""

    def __init__(self, role: str, script: Dict[str, Any]) -> None:
        self.name = f"host/{role}"
        self._script = script
        self.calls_tools = bool(script.get("tools"))
        self.calls = self.listens = self.warm_ups = self.cancelled = 0
        if "warm_up" in script:
            self.warm_up = self._get_ready
        if "voices" in script:
            self.voices = self._list
        self.asked: Set[Callable[[], object]] = set()

    def _next(self, scripts: List[Any], index: int) -> List[Dict[str, Any]]:
        self.calls += 1
        for tell in list(self.asked):
            tell()
        return scripts[min(index, len(scripts) - 1)] if scripts else []

    async def _play(
        self, script: List[Dict[str, Any]], words: Dict[str, Any], sound: Optional[voice_core.SpokenSound] = None
    ) -> AsyncIterator[Any]:
        try:
            for action in script:
                if "hear" in action and sound is not None:
                    wanted = float("inf") if action["hear"] == "all" else action["hear"] * 16_000
                    while words["samples"] < wanted and (piece := await next_piece(sound)) is not None:
                        words["samples"] += len(piece.pcm) // 2
                elif "speaks_as" in action:
                    if words["speaks_as"] != action["speaks_as"]:
                        raise RuntimeError("asked for another voice")
                elif "told" in action:
                    if words["told"] != action["told"]:
                        raise RuntimeError("told another system prompt")
                elif "usage" in action:
                    yield voice_core.TokenUsage(**action["usage"])
                elif "finish_reason" in action:
                    yield voice_core.Finished(action["finish_reason"])
                elif "completeness" in action:
                    yield action["completeness"]
                elif "wait_ms" in action:
                    await asyncio.sleep(action["wait_ms"] / 1000)
                elif "hang" in action:
                    await asyncio.Event().wait()
                elif "throw" in action:
                    raise RuntimeError(action["throw"])
                elif "fail" in action:
                    raise failure(**action["fail"])
                elif "no_answer" in action:
                    raise VoiceError("no answer", retryable=False)
                elif "transcript" in action:
                    text = filled(action["transcript"], words)
                    yield Transcript(text, action["final"], action.get("language"))
                elif "text" in action:
                    yield filled(action["text"], words)
                elif "tool_call" in action:
                    yield voice_core.ToolCall(**action["tool_call"])
                elif "result" in action:
                    yield filled(action["result"], words)
                elif "audio_ms" in action:
                    rate = action["sample_rate"]
                    tone = Audio(array.array("h", [1000] * (rate * action["audio_ms"] // 1000)).tobytes(), rate)
                    timed = [voice_core.SpokenWord(*word) for word in action.get("words", ())]
                    yield voice_core.SpokenAudio(tone, timed) if timed else tone
                else:
                    yield action["json"]
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def _get_ready(self, told: str = "") -> None:
        scripts = self._script["warm_up"]
        script = scripts[min(self.warm_ups, len(scripts) - 1)]
        self.warm_ups += 1
        async for _ in self._play(script, {"told": told}):
            pass

    async def _list(self, language: Optional[str]) -> List[Any]:
        return [voice async for voices in self._play(self._script["voices"], {}) for voice in voices]

    async def transcribe(self, request: voice_core.TranscribeRequest) -> AsyncIterator[Any]:
        words = {"samples": len(request.audio.pcm) // 2, "language": request.language or "none"}
        async for item in self._play(self._next(self._script["calls"], self.calls), words):
            yield item

    async def generate(self, request: voice_core.GenerateRequest) -> AsyncIterator[Any]:
        messages = request.messages
        tools = ",".join(tool.name for tool in request.tools)
        words = {"last": messages[-1].content, "count": len(messages), "system": messages[0].content, "tools": tools}
        async for item in self._play(self._next(self._script["calls"], self.calls), words):
            yield item

    async def synthesize(self, request: voice_core.SynthesisRequest) -> AsyncIterator[Any]:
        asked = request.voice is not None or bool(request.settings)
        voice = {"id": request.voice, "settings": dict(request.settings)} if asked else None
        async for item in self._play(self._next(self._script["calls"], self.calls), {"speaks_as": voice}):
            yield item

    async def completeness(self, audio: Audio) -> float:
        said: List[float] = [item async for item in self._play(self._next(self._script["calls"], self.calls), {})]
        return said[-1]


class Sink(Host):
    """A sink of metrics that plays scripts."""

    def __init__(self, script: Dict[str, Any]) -> None:
        super().__init__("metrics", script)
        self.told: List[voice_core.Report] = []
        self.flushes = 0

    async def record(self, reports: List[voice_core.Report]) -> None:
        self.told += reports
        async for _ in self._play(self._next(self._script["calls"], self.calls), {}):
            pass

    async def flush(self) -> None:
        self.flushes += 1


class Listener(Host):
    """A recogniser that plays scripts while it listens, too."""

    async def listen(self, request: voice_core.ListenRequest) -> AsyncIterator[Any]:
        scripts = self._script["listens"]
        script = scripts[min(self.listens, len(scripts) - 1)]
        self.listens += 1
        words = {"samples": 0, "language": request.language or "none"}
        async for item in self._play(script, words, request.sound):
            yield item


async def next_piece(sound: voice_core.SpokenSound) -> Optional[Audio]:
    """The next piece of a sound; None: it is over."""
    async for piece in sound:
        return piece
    return None


def host(role: str, script: Dict[str, Any]) -> Host:
    """A host for a role."""
    if role == "store":
        return Store(script)
    if role == "metrics":
        return Sink(script)
    return Listener(role, script) if "listens" in script else Host(role, script)


class Store(Host):
    """A conversation store that plays a script for each method."""

    def __init__(self, script: Dict[str, Any]) -> None:
        super().__init__("store", script)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)

        async def run(**_: object) -> Any:
            answer = None
            async for item in self._play(self._next([self._script["methods"].get(method, [])], 0), {}):
                answer = item
            return answer

        return run


class Function(Host):
    """A tool that plays scripts."""

    def __init__(self, name: str, script: Dict[str, Any]) -> None:
        super().__init__(name, script)

        async def call(context: voice_core.ToolContext, **arguments: Any) -> Any:
            words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
            answer = None
            script = self._next(self._script["calls"], self.calls)
            async for item in self._play(script, {**words, "user": context.user or "none"}):
                answer = item
            return answer

        # A function of keywords has no schema of its own; the context is asked for all the same.
        self.tool = voice_core.Tool(
            call,
            name=name,
            description=script.get("description"),
            parameters=script.get("parameters", NOTHING),
            timeout=script.get("timeout_ms", 20_000) / 1000,
            on_interruption=script.get("on_interruption", "cancel"),
            parallel=script.get("parallel", True),
            background=script.get("background", False),
        )


NOTHING: Dict[str, Any] = {"type": "object", "properties": {}}


def failure(
    message: str, code: Optional[str] = None, retryable: Optional[bool] = None, retry_after_ms: Optional[int] = None
) -> VoiceError:
    """What a provider of the host raises for a failure record."""
    kind = VoiceError if code is None else _errors.CLASSES[code]
    return kind(message, retryable=retryable, retry_after=None if retry_after_ms is None else retry_after_ms / 1000)


def filled(value: Any, words: Dict[str, object]) -> Any:
    """Puts words in place of their names in every string."""
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace("{" + name + "}", str(word))
        return value
    if isinstance(value, list):
        return [filled(item, words) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, words) for key, item in value.items()}
    return value
