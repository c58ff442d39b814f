"""Live sessions, blocking and on event loops: push to talk with providers in Python."""

import asyncio
import json
import threading

import pytest
from conftest import Ears, Mind, Mouth, Stuck, hum, parts

from voice_core import (
    AgentStateChanged,
    AsyncVoiceAgent,
    Audio,
    AudioChunk,
    InvalidRequestError,
    LiveEnded,
    LiveFailure,
    LiveStarted,
    TextDelta,
    Transcript,
    TurnDone,
    ValidationError,
    VoiceAgent,
)

MANUAL = {"turn_detection": "manual"}


def frames(sound, ms=20):
    """Sound cut into frames."""
    size = sound.sample_rate * ms // 1000 * 2
    return [sound.pcm[at : at + size] for at in range(0, len(sound.pcm), size)]


def until(live, kind):
    """Events up to the first of a kind."""
    seen = []
    for event in live:
        seen.append(event)
        if isinstance(event, kind):
            return seen
    raise AssertionError(f"it ended before {kind.__name__}")


def test_a_question_that_is_pushed_and_committed_is_answered_aloud(agent):
    with agent.live(config=MANUAL) as live:
        for frame in frames(hum()):
            live.push_audio(frame)
        live.commit()
        seen = until(live, TurnDone)
        summary = live.end()
    assert isinstance(seen[0], LiveStarted) and seen[0].session_id == live.session_id
    done = seen[-1]
    assert (done.transcript, done.text, done.interrupted) == ("What is this?", "This is a test.", False)
    assert done.audio_error is None and done.timings["first_audio"] > 0
    assert [e.text for e in seen if isinstance(e, Transcript) and e.final] == ["What is this?"]
    assert [e.state for e in seen if isinstance(e, AgentStateChanged)][:2] == ["thinking", "speaking"]
    assert sum(e.duration for e in seen if isinstance(e, AudioChunk)) >= 0.1
    assert (summary.reason, summary.turns, summary.session_id) == ("host", 1, live.session_id)
    assert live.end() == summary
    history = agent.sessions.history(live.session_id)
    assert [m.content for m in history.items] == ["What is this?", "This is a test."]
    with pytest.raises(InvalidRequestError) as caught:
        live.push_audio(b"\0\0")
    assert caught.value.kind == "closed"


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "Audio", "int16", "float32"])
def test_every_kind_of_frame_is_heard(kind):
    heard = []

    class Counting(Ears):
        def transcribe(self, request):
            heard.append(len(request.audio.pcm) // 2)
            return "One."

    sound = hum(0.02)
    given = {
        "bytes": lambda: sound.pcm,
        "bytearray": lambda: bytearray(sound.pcm),
        "memoryview": lambda: memoryview(sound.pcm),
        "Audio": lambda: sound,
        "int16": sound.numpy,
        "float32": lambda: (sound.numpy() / 32768).astype("float32"),
    }[kind]()
    with VoiceAgent(**parts(stt=Counting())) as agent, agent.live(config=MANUAL, speak=False) as live:
        live.push_audio(given)
        live.commit()
        until(live, TurnDone)
    assert heard == [320]


def test_typed_text_the_greeting_and_what_the_host_says_are_told_apart(agent):
    with agent.live(first_message="Welcome.") as live:
        until(live, TurnDone)
        live.push_text("Hello")
        until(live, TurnDone)
        live.say("One moment.", interruptible=False)
        done = until(live, TurnDone)[-1]
    assert (done.kind, done.text, done.user_message_id) == ("said", "One moment.", None)


def test_interrupting_frees_the_model_and_the_session_goes_on():
    stuck = Stuck()
    with VoiceAgent(**parts(llm=stuck)) as agent, agent.live() as live:
        live.push_text("Hello")
        assert stuck.asked.wait(10)
        live.interrupt()
        assert stuck.freed.wait(10)
        live.say("Never mind.")
        while until(live, TurnDone)[-1].kind != "said":
            pass


def test_a_failing_provider_is_an_event_and_the_session_goes_on():
    class Broken(Mind):
        fails = True

        def generate(self, request):
            if self.fails:
                raise RuntimeError("no")
            yield from super().generate(request)

    mind = Broken()
    with VoiceAgent(**parts(llm=mind)) as agent, agent.live() as live:
        live.push_text("Hello")
        failed = until(live, LiveFailure)[-1]
        assert failed.error.stage == "llm"
        mind.fails = False
        live.push_text("Hello")
        while until(live, TurnDone)[-1].text != "This is a test.":
            pass


def test_what_is_wrong_is_refused_by_name(agent):
    with pytest.raises(ValidationError, match="1 samples a second"):
        agent.live(input_rate=1).start()
    with pytest.raises(InvalidRequestError, match=r"live\.vad\.treshold.*threshold"):
        agent.live(config={"vad": {"treshold": 1}}).start()
    with pytest.raises(InvalidRequestError, match="has not begun"):
        agent.live().push_text("Hello")
    with agent.live(input_channels=2) as live:
        for wrong in (b"\0", b"\0\0", 7):
            with pytest.raises(ValidationError):
                live.push_audio(wrong)
        for key in "xe":
            with pytest.raises(ValidationError):
                live.push_dtmf(key)


def test_one_thread_pushes_while_another_iterates(agent):
    with agent.live(config=MANUAL) as live:

        def push():
            for frame in frames(hum()):
                live.push_audio(frame)
            live.commit()

        pusher = threading.Thread(target=push)
        pusher.start()
        until(live, TurnDone)
        pusher.join()


def test_closing_the_agent_ends_the_session():
    agent = VoiceAgent(**parts())
    live = agent.live().start()
    agent.close()
    ended = list(live)[-1]
    assert isinstance(ended, LiveEnded) and ended.summary.reason == "agent_closed"
    assert live.end() == ended.summary


def test_a_session_is_held_on_an_event_loop():
    async def run():
        async with AsyncVoiceAgent(**parts()) as agent, agent.live(config=MANUAL, language="en") as live:

            async def push():
                for frame in frames(hum()):
                    live.push_audio(frame)
                    await asyncio.sleep(0)
                live.commit()

            pusher = asyncio.create_task(push())
            text, sound = "", b""
            async for event in live:
                if isinstance(event, TextDelta):
                    text += event.text
                elif isinstance(event, AudioChunk):
                    sound += event.pcm
                elif isinstance(event, TurnDone):
                    break
            await pusher
            return text, sound, await live.end()

    text, sound, summary = asyncio.run(run())
    assert text == "This is a test." and len(sound) >= 4800 and summary.turns == 1


def test_giving_up_waiting_for_an_event_loses_none():
    async def run():
        async with AsyncVoiceAgent(**parts()) as agent, agent.live() as live:
            kinds = []
            for attempt in range(200):
                if attempt == 20:
                    live.push_text("Hello")
                try:
                    event = await asyncio.wait_for(live.__anext__(), 0.002)
                except asyncio.TimeoutError:
                    continue
                kinds.append(type(event).__name__)
                if kinds[-1] == "TurnDone":
                    break
            else:
                async for event in live:
                    kinds.append(type(event).__name__)
                    if kinds[-1] == "TurnDone":
                        break
            return kinds

    kinds = asyncio.run(run())
    assert kinds[0] == "LiveStarted" and kinds.count("TurnStarted") == 1 and "AudioChunk" in kinds


def test_an_event_that_one_loop_waited_for_comes_to_another():
    agent = AsyncVoiceAgent(**parts())
    live = agent.live(first_message="")
    here = asyncio.new_event_loop()

    async def give_up():
        await live.start()
        while True:
            try:
                await asyncio.wait_for(live.__anext__(), 0.2)
            except asyncio.TimeoutError:
                return

    async def go_on():
        live.push_text("Hello")
        async for event in live:
            if isinstance(event, TurnDone):
                await live.end()
                await agent.close()
                return event.text

    # The loop that waits first stands still from then on.
    here.run_until_complete(give_up())
    assert asyncio.run(asyncio.wait_for(go_on(), 20)) == "This is a test."
    here.close()


def test_a_recording_is_heard_by_its_voice(models, recording):
    """The library's own detector says when somebody spoke, and a local model hears what was said."""
    import wave

    with wave.open(str(recording)) as file:
        sound = Audio(file.readframes(file.getnframes()), file.getframerate(), file.getnchannels())
    agent = VoiceAgent(**parts(stt="local"))
    live = agent.live(input_rate=sound.sample_rate, input_channels=sound.channels, config={"output": {"pacing": "immediate"}})
    with agent, live:
        size = sound.sample_rate // 10 * sound.channels * 2
        data = sound.pcm + bytes(2 * sound.sample_rate * sound.channels * 2)
        for at in range(0, len(data), size):
            live.push_audio(data[at : at + size])
        done = until(live, TurnDone)[-1]
    assert done.transcript and done.end_of_utterance_delay_ms is not None


def served(frames, receive):
    """Answers what a session sends, and gives it."""
    for frame in frames:
        message = json.loads(frame) if isinstance(frame, str) else frame
        if isinstance(message, dict) and message["type"] == "connected":
            receive("{")
            receive(b"odd")
            receive(json.dumps({"type": "user-message", "text": "Hello?"}))
        if isinstance(message, dict) and message["type"] == "assistant-message":
            receive(json.dumps({"type": "end-session"}))
        yield message


def test_a_connection_is_served_by_passing_its_messages_through(agent):
    with agent.live(config=MANUAL, output_rate=8_000) as live:
        wire = live.wire()
        sent = list(served(wire, wire.receive))
        texts = [message for message in sent if isinstance(message, dict)]
        assert texts[0]["session_id"] == live.session_id and texts[0]["output"]["sample_rate"] == 8_000
        assert [m["error"]["code"] for m in texts if m["type"] == "error"] == ["VALIDATION_ERROR"] * 2
        done = [m for m in texts if m["type"] == "assistant-message"]
        assert [(m["transcript"], m["text"]) for m in done] == [("Hello?", "This is a test.")]
        end = 0
        for frame in (message for message in sent if isinstance(message, bytes)):
            assert int.from_bytes(frame[:8], "little") == end
            end += (len(frame) - 8) // 2
        assert end > 0 and texts[-1]["type"] == "session-ended" and live.end().reason == "host"
        wire.receive("after the end")
        with pytest.raises(ValidationError):
            wire.receive(7)


def test_a_connection_is_served_on_an_event_loop():
    async def scenario():
        async with AsyncVoiceAgent(stt=Ears(), llm=Mind(), tts=Mouth(), storage="memory") as agent:
            async with agent.live(config=MANUAL) as live:
                wire = live.wire()
                wire.receive(json.dumps({"type": "user-message", "text": "Hello?"}))
                with pytest.raises(asyncio.TimeoutError):
                    while True:
                        await asyncio.wait_for(wire.__anext__(), 0.5)
                wire.receive(json.dumps({"type": "end-session"}))
                return [frame async for frame in wire]

    assert json.loads(asyncio.run(scenario())[-1])["type"] == "session-ended"
