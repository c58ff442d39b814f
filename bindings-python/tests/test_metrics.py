"""Sinks of metrics: what they are told, and what one that fails does to the rest: nothing."""

import asyncio
import threading
from datetime import timezone

import pytest
from conftest import parts

from voice_core import AsyncVoiceAgent, CallReport, MetricsSink, SessionReport, TurnReport, ValidationError, VoiceAgent


class Plain(MetricsSink):
    """Keeps what it is told, on a thread."""

    def __init__(self):
        self.told, self.flushes = [], 0

    def record(self, reports):
        assert threading.current_thread() is not threading.main_thread()
        self.told += reports

    def flush(self):
        self.flushes += 1


class OnLoop(Plain):
    """Keeps what it is told, on the event loop."""

    async def record(self, reports):
        await asyncio.sleep(0)
        self.told += reports

    async def flush(self):
        self.flushes += 1


def of(kind, told):
    return [report for report in told if isinstance(report, kind)]


@pytest.mark.parametrize("kind", [Plain, OnLoop])
def test_a_sink_is_told_what_a_turn_took_and_nothing_that_was_said(kind):
    sink = kind()
    with VoiceAgent(**parts(metrics=sink)) as agent:
        reply = agent.converse(text="planted question", user="ada")
        assert agent.dropped_reports == 0
    calls = {call.stage: call for call in of(CallReport, sink.told)}
    (turn,) = of(TurnReport, sink.told)
    assert (calls["llm"].provider, calls["llm"].turn_id) == ("test/mind", reply.turn_id)
    assert calls["tts"].parent_span_id == turn.span_id and calls["tts"].usage["tts_characters"] > 0
    assert (turn.user, turn.kind, turn.live, turn.error) == ("ada", "answer", False, None)
    assert turn.first_audio_ms <= turn.duration_ms and turn.timings["total"] > 0
    assert turn.started_at.tzinfo is timezone.utc and turn.cost is None
    assert "planted" not in str(sink.told) and reply.text not in str(sink.told)
    assert sink.flushes == 1


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_function_is_a_sink_also_of_a_live_session(kind):
    told = []

    async def later(reports):
        told.extend(reports)

    async def main():
        async with AsyncVoiceAgent(**parts(metrics=later if kind == "async" else told.extend)) as agent:
            async with agent.live(speak=False) as live:
                live.push_text("Hello")
                async for event in live:
                    if type(event).__name__ == "TurnDone":
                        break

    asyncio.run(main())
    (session,) = of(SessionReport, told)
    assert (session.turns, session.reason) == (1, "host")
    assert told[-1] is session and of(TurnReport, told)[0].parent_span_id == session.span_id


def test_what_a_sink_was_told_counts_as_dropped_when_it_raises():
    def broken(reports):
        raise RuntimeError("as planned")

    agent = VoiceAgent(**parts(metrics=broken))
    assert agent.converse(text="Hello", speak=False).text
    agent.close()
    assert agent.dropped_reports == 2


def test_what_is_no_sink_is_refused():
    with pytest.raises(ValidationError, match="metrics: str has no method record"):
        VoiceAgent(**parts(metrics="stdout"))
