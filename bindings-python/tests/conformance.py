"""Plays the scenarios of `tests/conformance` through the asyncio agent. `python conformance.py [NAME…]` prints the verdicts."""

from __future__ import annotations

import array
import asyncio
import dataclasses
import decimal
import itertools
import json
import pathlib
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

import voice_core
from scripted import Function, Host, Sink, filled, host
from voice_core import AsyncLiveSession, Audio, AsyncVoiceAgent, Done, Dtmf, LiveSummary, Reply, Transcript, VoiceError, _native

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "conformance"
ROLES = ("stt", "llm", "tts", "turn_detector", "store", "metrics")
ROOMS = ("sessions", "accounts", "assistants", "audit", "knowledge", "telephony", "webhooks", "realtime", "voices")


class Mismatch(Exception):
    """What was found is not what is expected."""


def scenarios() -> Iterator[Dict[str, Any]]:
    """Every scenario, the defaults filled in."""
    defaults = json.loads((FOLDER / "defaults.json").read_text())
    for path in sorted(FOLDER.glob("*.json")):
        for scenario in json.loads(path.read_text()).get("scenarios", ()):
            scenario["config"] = {**defaults["config"], **scenario.get("config", {})}
            scenario["hosts"] = {**defaults["hosts"], **scenario.get("hosts", {})}
            yield scenario


def impossible(scenario: Dict[str, Any]) -> Optional[str]:
    """Why a scenario cannot be played in this language."""
    needs = set(scenario.get("needs", ()))
    if "panic" in needs:
        return "Python has exceptions, which other scenarios throw, and no panics"
    if "testing" in needs and not hasattr(_native, "_fail_with"):
        return "built without the functions that fail on purpose"
    return None


def match(path: str, expected: Any, found: Any) -> None:
    """Raises when something is not as expected."""
    if isinstance(expected, dict) and any(key.startswith("$") for key in expected):
        good: Dict[str, Callable[[Any], bool]] = {
            "$contains": lambda value: value in found,
            "$length": lambda value: len(found) == value,
            "$min": lambda value: found >= value,
            "$max": lambda value: found <= value,
        }
        for key, value in expected.items():
            if found is None or not good[key](value):
                raise Mismatch(f"{path}: expected {expected}, found {found!r}")
    elif isinstance(expected, dict):
        if not isinstance(found, dict):
            raise Mismatch(f"{path}: expected an object, found {found!r}")
        for key, value in expected.items():
            if key not in found:
                raise Mismatch(f"{path}.{key}: missing")
            match(f"{path}.{key}", value, found[key])
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            raise Mismatch(f"{path}: expected {len(expected)} items, found {found!r}")
        for index, value in enumerate(expected):
            match(f"{path}[{index}]", value, found[index])
    elif expected != found or isinstance(expected, bool) != isinstance(found, bool):
        raise Mismatch(f"{path}: expected {expected!r}, found {found!r}")


def error_fields(error: Optional[BaseException]) -> Optional[Dict[str, Any]]:
    """An exception as the scenarios write it."""
    if error is None:
        return None
    if isinstance(error, asyncio.CancelledError):
        return {"code": "CANCELLED"}
    if not isinstance(error, VoiceError):
        raise error
    after = error.retry_after
    return {
        "code": error.code,
        "kind": error.kind,
        "stage": error.stage,
        "message": error.message,
        "retryable": error.retryable,
        "retry_after_ms": None if after is None else round(after * 1000),
        "provider": error.provider,
        "http_status": error.http_status,
        "reply": reply_fields(error.reply) if error.reply else None,
    }


def reply_fields(reply: Reply) -> Dict[str, Any]:
    """A reply as the scenarios write it."""
    fields = {field.name: getattr(reply, field.name) for field in dataclasses.fields(reply)}
    fields["sample_rate"], fields["audio_seconds"] = reply.audio.sample_rate, reply.audio.duration
    fields["audio_error"] = error_fields(reply.audio_error)
    fields["knowledge_error"] = error_fields(reply.knowledge_error)
    fields["tool_calls"] = [dataclasses.asdict(call) for call in reply.tool_calls]
    fields["sources"] = [dataclasses.asdict(source) for source in reply.sources]
    fields["cost"] = None if reply.cost is None else {**dataclasses.asdict(reply.cost), "amount": str(reply.cost.amount)}
    return fields


def report_fields(report: voice_core.Report) -> Dict[str, Any]:
    """What a sink was told as the scenarios write it."""
    fields = dataclasses.asdict(report)
    kind, cost = type(report).__name__[: -len("Report")].lower(), fields.get("cost")
    return {
        **fields,
        "type": kind,
        "started_at": report.started_at.isoformat(),
        "cost": None if cost is None else {**cost, "amount": str(cost["amount"])},
    }


TOOL_EVENTS: Dict[type, str] = {
    voice_core.Speaking: "speaking",
    voice_core.Filler: "filler",
    voice_core.ToolCall: "tool_call",
    voice_core.ToolResult: "tool_result",
}


def tool_fields(events: Sequence[object]) -> Dict[str, Any]:
    """What was told of tools."""
    return {
        "calls": [event.name for event in events if isinstance(event, voice_core.ToolCall)],
        "results": [dataclasses.asdict(event) for event in events if isinstance(event, voice_core.ToolResult)],
        "fillers": [event.text for event in events if isinstance(event, voice_core.Filler)],
    }


TOKENS = ("input_tokens", "cached_tokens", "output_tokens")


def event_fields(events: List[voice_core.TurnEvent]) -> Dict[str, Any]:
    """The events of a stream as the scenarios write them."""
    names = {
        voice_core.Started: "started",
        Transcript: "transcript",
        voice_core.TextDelta: "text",
        voice_core.AudioChunk: "audio",
        voice_core.AudioFailed: "audio_failed",
        voice_core.SourcesFound: "sources",
        voice_core.KnowledgeFailed: "knowledge_failed",
        Done: "done",
        **TOOL_EVENTS,
    }
    order = [names[type(event)] for event in events if not isinstance(event, voice_core.Metrics)]
    failed = next((event.error for event in events if isinstance(event, voice_core.AudioFailed)), None)
    return {
        "order": list(dict.fromkeys(order)),
        "transcripts": [dataclasses.asdict(event) for event in events if isinstance(event, Transcript)],
        "text": "".join(event.text for event in events if isinstance(event, voice_core.TextDelta)),
        "audio_seconds": sum(event.duration for event in events if isinstance(event, voice_core.AudioChunk)),
        "metrics": sorted({event.stage for event in events if isinstance(event, voice_core.Metrics)}),
        "used": {key: sum(event.usage[key] for event in events if isinstance(event, voice_core.Metrics)) for key in TOKENS},
        "audio_failed": error_fields(failed),
        **tool_fields(events),
    }


LIVE_EVENTS = {
    voice_core.LiveStarted: "started",
    voice_core.TurnStarted: "turn_started",
    voice_core.SourcesFound: "sources",
    Transcript: "transcript",
    voice_core.TextDelta: "text",
    voice_core.AudioChunk: "audio",
    voice_core.Clear: "clear",
    voice_core.Interrupted: "interrupted",
    voice_core.FalseInterruption: "false_interruption",
    voice_core.Backchannel: "backchannel",
    voice_core.Dtmf: "dtmf",
    voice_core.TurnDone: "turn_done",
    voice_core.LiveFailure: "error",
    voice_core.Recorded: "recorded",
    voice_core.LiveEnded: "ended",
    **TOOL_EVENTS,
}


def live_fields(events: List[voice_core.LiveEvent]) -> Dict[str, Any]:
    """The events of a live session as the scenarios write them."""
    order = [LIVE_EVENTS[type(event)] for event in events if type(event) in LIVE_EVENTS]
    return {
        "order": list(dict.fromkeys(order)),
        "shown": [text for text, _ in itertools.groupby(event.text for event in events if isinstance(event, Transcript))],
        "states": [event.state for event in events if isinstance(event, voice_core.AgentStateChanged)],
        "finals": [event.text for event in events if isinstance(event, Transcript) and event.final],
        "text": "".join(event.text for event in events if isinstance(event, voice_core.TextDelta)),
        "spoken": "".join(event.text for event in events if isinstance(event, voice_core.Speaking)),
        "audio_seconds": sum(event.duration for event in events if isinstance(event, voice_core.AudioChunk)),
        "keys": [event.keys for event in events if isinstance(event, Dtmf)],
        "turns": [listed(event) for event in events if isinstance(event, voice_core.TurnDone)],
        **tool_fields(events),
        "errors": [error_fields(event.error) for event in events if isinstance(event, voice_core.LiveFailure)],
        "recordings": [event.recording for event in events if isinstance(event, voice_core.Recorded)],
    }


class Frames:
    """What a live session told its client."""

    def __init__(self) -> None:
        self._order: List[str] = []
        self._messages: Dict[str, List[Any]] = {}
        self._samples = self._next = 0
        self._gapless = True

    def take(self, frame: Union[str, bytes]) -> str:
        """Takes note of a frame; gives its type."""
        if isinstance(frame, str):
            message = json.loads(frame)
            kind: str = message.get("type") or message["event"]
            self._messages.setdefault(kind, []).append(message)
        else:
            position, samples = int.from_bytes(frame[:8], "little"), (len(frame) - 8) // 2
            self._gapless &= position == self._next
            self._next = position + samples
            self._samples += samples
            kind = "audio"
        if kind not in (*self._order, "user-state", "agent-state"):
            self._order.append(kind)
        return kind

    def fields(self) -> Dict[str, Any]:
        """The frames as the scenarios write them."""
        return {"order": self._order, "messages": self._messages, "samples": self._samples, "gapless": self._gapless}


class Talk:
    """A live session of a scenario, and what it told in events or in frames."""

    def __init__(self, live: AsyncLiveSession, wire: bool, phone: Optional[str]) -> None:
        self.live = live
        self.events: List[voice_core.LiveEvent] = []
        self._frames = Frames()
        self._wire = live.wire(phone) if wire or phone else None

    async def next(self) -> Optional[str]:
        """Takes the next event or frame; gives its kind, None at the end."""
        try:
            if self._wire is not None:
                return self._frames.take(await self._wire.__anext__())
            event = await self.live.__anext__()
        except StopAsyncIteration:
            return None
        self.events.append(event)
        return LIVE_EVENTS.get(type(event), "")

    def fields(self) -> Dict[str, Any]:
        """What was told as the scenarios write it."""
        if self._wire is None:
            return live_fields(self.events)
        call = self._wire.call
        return {**self._frames.fields(), "call": call and dataclasses.asdict(call)}

    async def act(self, action: Dict[str, Any]) -> None:
        """One action of the script."""
        live = self.live
        if "until" in action:
            while await self.next() not in (action["until"], None):
                pass
        elif "push" in action:
            self._push(action)
        elif "send" in action and self._wire is not None:
            message = action["send"]
            self._wire.receive(message if isinstance(message, str) else json.dumps(message))
        elif "press" in action and self._wire is not None:
            self._wire.press(action["press"])
        elif "text" in action:
            live.push_text(action["text"])
        elif "dtmf" in action:
            live.push_dtmf(action["dtmf"])
        elif "say" in action:
            live.say(action["say"], interruptible=action.get("interruptible", True))
        elif "language" in action:
            live.set_language(action["language"])
        elif "played" in action:
            live.set_playback_position(action["played"])
        elif action["do"] == "end":
            await live.end()
        else:
            getattr(live, action["do"])()

    def _push(self, action: Dict[str, Any]) -> None:
        audio = tone(**action["push"]["tone"])
        samples: Any = audio.pcm
        length = audio.sample_rate // 50 * audio.channels * 2
        if action["push"]["as"] == "f32":
            samples = (audio.numpy().reshape(-1) / 32768).astype("float32")
            length //= 2
        frames = [samples[start : start + length] for start in range(0, len(samples), length)]
        if "at" not in action:
            for frame in frames:
                self.live.push_audio(frame) if self._wire is None else self._wire.receive(frame)
            return
        timed = [(action["at"] + number / 50, frame) for number, frame in enumerate(frames)]
        if action.get("shuffled"):
            for place in range(1, len(timed) - 1, 2):
                timed[place], timed[place + 1] = timed[place + 1], timed[place]
            timed = [frame for frame in timed for _ in range(2)]
        for seconds, frame in timed:
            self.live.push_audio_at(seconds, frame)


def listed(turn: voice_core.TurnDone) -> Dict[str, Any]:
    """An exchange, its calls of tools and its sources as lists."""
    fields = dataclasses.asdict(turn)
    return {**fields, "tool_calls": list(fields["tool_calls"]), "sources": list(fields["sources"])}


EVENTS = {"text": voice_core.TextDelta, "audio": voice_core.AudioChunk, "transcript": Transcript, "started": voice_core.Started}


def tone(seconds: float, sample_rate: int, channels: int, amplitude: int) -> Audio:
    """The sound of a scenario."""
    frames = int(seconds * sample_rate)
    period = array.array("h", [amplitude] * (40 * channels) + [-amplitude] * (40 * channels))
    samples = (period * (frames // 80 + 1))[: frames * channels]
    return Audio(samples.tobytes(), sample_rate, channels)


def parameters(step: Dict[str, Any]) -> Dict[str, Any]:
    """What a turn is called with."""
    given, options = step["input"], dict(step.get("options", {}))
    if "deadline_ms" in options:
        options["deadline"] = options.pop("deadline_ms") / 1000
    if "text" in given:
        return {"text": given["text"], **options}
    if "hex" in given:
        return {"audio": bytes.fromhex(given["hex"]), **options}
    if "path" in given:
        return {"audio": given["path"], **options}
    audio = tone(**given["tone"])
    if given["as"] == "wav":
        return {"audio": audio.encode("wav"), **options}
    if given["as"] == "f32":
        return {"audio": (audio.numpy() / 32768).astype("float32"), "sample_rate": audio.sample_rate, **options}
    return {"audio": audio, **options}


class Player:
    """One scenario under way."""

    def __init__(self, scenario: Dict[str, Any]) -> None:
        self._scenario = scenario
        self._saved: Dict[str, object] = {}
        self.hosts: Dict[str, Host] = {}
        for role in ROLES:
            script = scenario["hosts"].get(role)
            if script is not None:
                self.hosts[role] = host(role, script)

    async def play(self) -> None:
        """Plays it; raises what is not as expected."""
        config: Any = dict(self._scenario["config"])
        for role, host in list(self.hosts.items()):
            if role in ("turn_detector", "metrics"):
                continue
            listed = config.get(role)
            placed = [host if one == "host/0" else one for one in listed] if isinstance(listed, list) else host
            config["storage" if role == "store" else role] = placed
        tools = self._functions(self._scenario["hosts"])
        agent = AsyncVoiceAgent(config, tools=tools, turn_detector=self.hosts.get("turn_detector"), metrics=self._sink())
        if "build" in self._scenario:
            found = await outcome(agent.__aenter__())
            return match("build", self._scenario["build"], {"error": error_fields(found) if isinstance(found, BaseException) else None})
        async with agent:
            for number, step in enumerate(self._scenario["steps"]):
                copies = [self._step(agent, filled(step, {**self._saved, "n": n})) for n in range(step.get("copies", 1))]
                for result in await asyncio.gather(*copies, return_exceptions=True):
                    if isinstance(result, Mismatch):
                        raise Mismatch(f"step {number + 1}: {result}")
                    if isinstance(result, BaseException):
                        raise result
            await self._after(self._scenario.get("after", {}))

    def _sink(self) -> Optional[Sink]:
        sink = self.hosts.get("metrics")
        return sink if isinstance(sink, Sink) else None

    def _functions(self, step: Dict[str, Any]) -> List[voice_core.Tool[Any]]:
        made: List[voice_core.Tool[Any]] = []
        for name, script in step.get("tools", {}).items():
            function = Function(name, script)
            self.hosts[f"tool:{name}"] = function
            made.append(function.tool)
        return made

    async def _after(self, expected: Dict[str, Any]) -> None:
        for patience in range(500, -1, -1):
            found = {
                role: {
                    "calls": host.calls,
                    "listens": host.listens,
                    "warm_ups": host.warm_ups,
                    "cancelled": host.cancelled,
                }
                for role, host in self.hosts.items()
            }
            try:
                return match("after", expected, found)
            except Mismatch:
                if not patience:
                    raise
                await asyncio.sleep(0.01)

    async def _step(self, agent: AsyncVoiceAgent, step: Dict[str, Any]) -> None:
        events: List[voice_core.TurnEvent] = []
        told: Dict[str, Any] = {}
        work = self._live(agent, step, told) if step["do"] == "live" else self._done(agent, step, events)
        found = await outcome(work)
        if "abandon" in step:
            return
        fields: Dict[str, Any] = {}
        if isinstance(found, BaseException):
            fields["error"] = error_fields(found)
        elif isinstance(found, Reply):
            fields["reply"] = reply_fields(found)
        elif isinstance(found, LiveSummary):
            fields["summary"] = dict(dataclasses.asdict(found), duration_seconds=found.duration)
        else:
            fields["value"] = value_fields(found)
        if step["do"] == "live":
            fields["events"] = told
        if step["do"] == "stream":
            fields["events"] = event_fields(events)
        if "expect" in step:
            match("found", step["expect"], fields)
        elif "error" in fields:
            raise Mismatch(f"it failed: {fields['error']}")
        for name, field in step.get("save", {}).items():
            self._saved[name] = inner(next(iter(fields.values())), field)

    async def _done(self, agent: AsyncVoiceAgent, step: Dict[str, Any], events: List[voice_core.TurnEvent]) -> Any:
        kind = step["do"]
        if kind == "close":
            return await agent.close()
        if kind == "warm_up":
            return await agent.warm_up()
        if kind == "reports":
            sink = self._sink()
            assert sink is not None
            told = [report_fields(report) for report in sink.told]
            return {"told": told, "flushes": sink.flushes, "dropped": agent.dropped_reports}
        if kind == "fail_with":
            return getattr(_native, "_fail_with")(step["code"])
        if kind in ROOMS:
            acting = agent.with_principal(voice_core.Principal(**step["as"])) if "as" in step else agent
            return await called(getattr(acting, kind), step["method"], **step.get("arguments", {}))
        turn = {**parameters(step), "tools": self._functions(step)}
        run = self._streamed(agent, turn, step, events) if kind == "stream" else agent.converse(**turn)
        work = asyncio.ensure_future(run)
        when = step.get("cancel", "")
        if when == "start":
            asyncio.get_running_loop().call_soon(work.cancel)
        elif when in self.hosts:
            loop, host = asyncio.get_running_loop(), self.hosts[when]
            host.asked.add(lambda: loop.call_soon_threadsafe(work.cancel))
        return await work

    async def _live(self, agent: AsyncVoiceAgent, step: Dict[str, Any], told: Dict[str, Any]) -> LiveSummary:
        live = agent.live(**step.get("options", {}), tools=self._functions(step))
        talk = Talk(await live.start(), step.get("wire", False), step.get("phone"))
        for number, action in enumerate(step.get("script", ())):
            if "after" in action:
                await self._after(action["after"])
                continue
            found = await outcome(talk.act(action))
            if not isinstance(found, BaseException) and "error" not in action:
                continue
            failed = error_fields(found) if isinstance(found, BaseException) else None
            match(f"action {number}", action.get("error"), failed)
        summary = await talk.live.end()
        while await talk.next() is not None:
            pass
        told.update(talk.fields())
        return summary

    async def _streamed(
        self, agent: AsyncVoiceAgent, turn: Dict[str, Any], step: Dict[str, Any], events: List[voice_core.TurnEvent]
    ) -> Any:
        def reached(when: Optional[str], event: voice_core.TurnEvent) -> bool:
            return when is not None and when.startswith("event:") and isinstance(event, EVENTS[when[6:]])

        async for event in agent.turn(**turn):
            events.append(event)
            if reached(step.get("abandon"), event):
                return None
            if reached(step.get("cancel"), event):
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            if isinstance(event, Done):
                return event.reply
        raise Mismatch("the stream ended without a reply")


async def outcome(work: Any) -> Any:
    """What comes of some work: its result, or its exception."""
    try:
        return await work
    except (VoiceError, asyncio.CancelledError) as error:
        return error


def called(room: Any, method: str, user: Optional[str] = None, organization: Optional[str] = None, **arguments: Any) -> Any:
    """The call of a room's method: what the bridge takes as arguments is a view of the room here, or a record."""
    if organization is not None and hasattr(room, "of"):
        room = room.of(organization)
    elif organization is not None:
        arguments["organization"] = organization
    if user is not None and hasattr(room, "for_user"):
        room = room.for_user(user)
    elif user is not None:
        arguments["user"] = user
    if "principal" in arguments:
        arguments["principal"] = voice_core.Principal(**arguments["principal"])
    if "rate_limit" in arguments:
        arguments["rate_limit"] = voice_core.KeyLimit(**arguments["rate_limit"])
    return getattr(room, method)(**arguments)


def inner(value: Any, path: str) -> Any:
    """The field at a path, `items.0.id`; of an empty path the value itself."""
    for name in filter(None, path.split(".")):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def value_fields(value: Any) -> Any:
    """A record, a page of them or a number as the scenarios write it."""
    if isinstance(value, (list, tuple)):
        return [value_fields(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return str(value)
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    fields = {field.name: value_fields(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, voice_core.StoredAssistant):
        fields.update(fields.pop("assistant"))
    return fields


def main(wanted: List[str]) -> int:
    """Plays the scenarios whose names contain one of the words; gives the exit status."""
    passed = failed = 0
    for scenario in scenarios():
        name = scenario["name"]
        if wanted and not any(word in name for word in wanted):
            continue
        why = impossible(scenario)
        if why is not None:
            print(f"n/a - {name}: {why}")
            continue
        try:
            asyncio.run(asyncio.wait_for(Player(scenario).play(), 60))
        except Exception as error:
            failed += 1
            print(f"FAIL - {name}: {type(error).__name__}: {error}")
        else:
            passed += 1
            print(f"ok - {name}")
    print(f"Python: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
