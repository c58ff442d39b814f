"""Turns, blocking and on event loops."""

import asyncio
import contextlib
import gc
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Mind, Mouth, Stuck, hum, parts

import voice_core
from voice_core import (
    AsyncVoiceAgent,
    Audio,
    AudioChunk,
    Done,
    InvalidRequestError,
    Started,
    TextDelta,
    Transcript,
    TurnCancelledError,
    ValidationError,
    VoiceAgent,
    VoiceError,
    VoiceTimeoutError,
)


def test_a_recording_is_answered(agent):
    reply = agent.converse(hum())
    assert (reply.transcript, reply.text) == ("What is this?", "This is a test.")
    assert reply.audio.sample_rate == 24_000
    assert reply.audio.duration >= 0.1
    assert reply.audio_error is None
    assert len(reply.session_id) == 36
    assert reply.timings["total"] > 0


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "path", "str", "file", "raw", "Audio"])
def test_every_kind_of_sound_is_accepted(agent, tmp_path, kind):
    sound = hum()
    file = sound.encode("wav")
    path = tmp_path / "question.wav"
    path.write_bytes(file)
    if kind == "raw":
        reply = agent.converse(sound.pcm, sample_rate=16_000)
    else:
        given = {
            "bytes": file,
            "bytearray": bytearray(file),
            "memoryview": memoryview(file),
            "path": path,
            "str": str(path),
            "file": io.BytesIO(file),
            "Audio": sound,
        }[kind]
        reply = agent.converse(given)
    assert reply.text == "This is a test."


@pytest.mark.parametrize("kind", ["int16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_array_with_a_rate_is_accepted(agent, kind, channels):
    numpy = pytest.importorskip("numpy")
    samples = hum().numpy()
    samples = samples if kind == "int16" else (samples / 32768).astype(kind)
    if channels == 2:
        samples = numpy.stack([samples, samples], axis=1)
    assert agent.converse(samples, sample_rate=16_000).text == "This is a test."


def test_an_array_without_a_rate_is_refused(agent):
    with pytest.raises(ValidationError, match="sample_rate: missing"):
        agent.converse(hum().numpy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"audio": 3}, "int is no sound"),
        ({"audio": b""}, "no bytes|empty"),
        ({"audio": io.StringIO("text")}, "open it in binary mode"),
        ({"audio": b"123", "sample_rate": 16_000}, "16-bit samples"),
        ({}, "give audio or text"),
        ({"audio": b"x", "text": "y"}, "give audio or text"),
        ({"text": 3}, "text: int is not accepted"),
        ({"text": "x", "session": 3}, "session: int"),
        ({"text": "x", "deadline": -1}, "deadline: -1"),
        ({"text": "x", "deadline": "soon"}, "deadline: 'soon'"),
        ({"audio": b"12", "sample_rate": -5}, "sample_rate: -5"),
        ({"audio": b"12", "sample_rate": 8000, "channels": 0}, "channels: 0"),
    ],
)
def test_what_is_no_turn_is_refused(agent, given, message):
    with pytest.raises(ValidationError, match=message):
        agent.converse(**given)


def test_a_turn_tells_what_happens_in_order(agent):
    events = list(agent.turn(hum()))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Done)
    assert [e.text for e in events if isinstance(e, Transcript)] == ["What is this?"]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "This is a test."
    assert b"".join(e.pcm for e in events if isinstance(e, AudioChunk)) == events[-1].reply.audio.pcm


def test_a_turn_gives_its_reply_after_some_events(agent):
    turn = agent.turn(text="Hello")
    assert isinstance(next(turn), Started)
    assert turn.reply().text == "This is a test."


def test_a_session_goes_on(agent):
    first = agent.converse(text="one", user="ann")
    second = agent.converse(text="two", user="ann", session=first.session_id)
    assert second.session_id == first.session_id
    history = agent.sessions.for_user("ann").history(first.session_id)
    assert [m.content for m in history.items] == ["one", "This is a test.", "two", "This is a test."]
    assert history.items[0].created_at.tzinfo is not None


def test_sessions_are_kept_listed_and_deleted(agent):
    session = agent.sessions.create(metadata={"color": "grün"})
    assert agent.sessions.get(session.id).metadata == {"color": "grün"}
    agent.sessions.set_metadata(session.id, {"n": 1})
    assert [s.metadata for s in agent.sessions.list().items] == [{"n": 1}]
    agent.sessions.end(session.id)
    assert agent.sessions.get(session.id).status == "ended"
    agent.sessions.delete(session.id)
    with pytest.raises(LookupError):
        agent.sessions.get(session.id)
    assert agent.sessions.expire_idle() == 0
    assert agent.sessions.delete_over(3600) == 0


def test_a_closed_agent_says_so():
    agent = VoiceAgent(**parts())
    agent.close()
    agent.close()
    with pytest.raises(InvalidRequestError, match="closed") as caught:
        agent.converse(text="Hello")
    assert caught.value.kind == "closed"


def test_a_wrong_config_names_its_fault():
    with pytest.raises(InvalidRequestError, match="limits.max_audio_secs.*max_audio_seconds"):
        VoiceAgent(**parts(), limits={"max_audio_secs": 3})
    with pytest.raises(ValidationError, match="llm: object has no method generate"):
        VoiceAgent(**parts(llm=object()))


def test_a_config_is_read_from_a_file(tmp_path):
    path = tmp_path / "agent.json"
    path.write_text('{"storage": "memory", "assistant": {"system_prompt": "Be brief."}}')
    seen = []

    class Model:
        def generate(self, request):
            seen.append(request.messages[0].content)
            return "Yes."

    with VoiceAgent(path, llm=Model(), stt="none", tts="none") as agent:
        assert agent.converse(text="Hello", speak=False).text == "Yes."
    assert seen == ["Be brief."]


def test_a_deadline_ends_a_turn():
    with VoiceAgent(**parts(llm=Stuck())) as agent, pytest.raises(TimeoutError) as caught:
        agent.converse(text="Hello", deadline=0.05)
    assert isinstance(caught.value, VoiceTimeoutError)
    assert caught.value.kind == "deadline_exceeded"


def test_a_turn_that_is_left_is_cancelled():
    stuck = Stuck()
    with VoiceAgent(**parts(llm=stuck)) as agent:
        for event in agent.turn(text="Hello"):
            assert isinstance(event, Started)
            assert stuck.asked.wait(5)
            break
        gc.collect()
        assert stuck.freed.wait(5)
        assert agent.sessions.list().items == []


def test_a_turn_is_cancelled_from_another_thread():
    stuck = Stuck()
    with VoiceAgent(**parts(llm=stuck)) as agent:
        turn = agent.turn(text="Hello")
        threading.Thread(target=lambda: stuck.asked.wait(5) and turn.cancel()).start()
        with pytest.raises(TurnCancelledError):
            turn.reply()


def test_other_threads_run_while_a_turn_waits():
    stuck = Stuck()
    ran = []

    def other():
        stuck.asked.wait(5)
        ran.append(True)

    with VoiceAgent(**parts(llm=stuck)) as agent:
        thread = threading.Thread(target=other)
        thread.start()
        with pytest.raises(TimeoutError):
            agent.converse(text="Hello", deadline=0.3)
        assert ran
        thread.join()


def test_threads_share_an_agent(agent):
    texts = []
    threads = [threading.Thread(target=lambda: texts.append(agent.converse(text="Hello").text)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["This is a test."] * 16


def test_an_async_turn_is_awaited_and_iterated():
    async def run():
        async with AsyncVoiceAgent(**parts()) as agent:
            reply = await agent.turn(hum())
            assert reply.text == "This is a test."
            events = [event async for event in agent.turn(hum(), session=reply.session_id)]
            assert events[-1].reply.session_id == reply.session_id
            turn = agent.turn(io.BytesIO(hum().encode()))
            async for _ in turn:
                break
            assert (await turn).text == "This is a test."

    asyncio.run(run())


def test_cancelling_a_task_stops_the_turn():
    async def run():
        stuck = Stuck()
        async with AsyncVoiceAgent(**parts(llm=stuck)) as agent:
            task = asyncio.ensure_future(agent.converse(text="Hello"))
            while not stuck.asked.is_set():
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not stuck.freed.is_set():
                await asyncio.sleep(0.001)
            assert (await agent.sessions.list()).items == []

    asyncio.run(asyncio.wait_for(run(), 10))


def test_a_timeout_of_asyncio_stops_the_stream():
    async def run():
        stuck = Stuck()
        async with AsyncVoiceAgent(**parts(llm=stuck)) as agent:

            async def listen():
                async for _ in agent.turn(text="Hello"):
                    pass

            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(listen(), 0.1)
            while not stuck.freed.is_set():
                await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(run(), 10))


def test_the_event_loop_runs_on_while_a_turn_waits():
    async def run():
        stuck = Stuck()
        async with AsyncVoiceAgent(**parts(llm=stuck)) as agent:
            task = asyncio.ensure_future(agent.converse(text="Hello", deadline=0.2))
            turns = 0
            while not task.done():
                await asyncio.sleep(0.005)
                turns += 1
            assert turns > 5
            with pytest.raises(TimeoutError):
                await task

    asyncio.run(run())


def test_an_agent_is_used_on_several_event_loops():
    class Slow(Mind):
        async def generate(self, request):
            await asyncio.sleep(0)
            yield "This is a test."

    agent = AsyncVoiceAgent(**parts(llm=Slow()))

    async def one():
        return (await agent.converse(text="Hello")).text

    texts = [asyncio.run(one()), asyncio.run(one())]
    threads = [threading.Thread(target=lambda: texts.append(asyncio.run(one()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(agent.close())
    assert texts == ["This is a test."] * 6


def test_many_turns_run_at_once():
    async def run():
        async with AsyncVoiceAgent(**parts()) as agent:
            replies = await asyncio.gather(*(agent.converse(text=f"number {n}") for n in range(100)))
            assert [r.transcript for r in replies] == [f"number {n}" for n in range(100)]

    asyncio.run(run())


def test_a_reply_plays_itself_and_escapes_what_was_said():
    class Model:
        def generate(self, request):
            return "<b>bold</b>"

    with VoiceAgent(**parts(llm=Model(), tts=Mouth())) as agent:
        page = agent.converse(text="a < b")._repr_html_()
    assert "<audio controls" in page and "data:audio/wav;base64," in page
    assert "&lt;b&gt;bold" in page and "a &lt; b" in page


def test_sound_is_written_to_files(agent, tmp_path):
    audio = agent.converse(text="Hello").audio
    audio.save(tmp_path / "answer.wav")
    audio.save(tmp_path / "answer.ogg")
    assert (tmp_path / "answer.wav").read_bytes()[:4] == b"RIFF"
    assert (tmp_path / "answer.ogg").read_bytes()[:4] == b"OggS"
    with pytest.raises(VoiceError):
        audio.save(tmp_path / "answer.xyz")
    assert Audio(audio.pcm, audio.sample_rate).encode("wav") == audio.encode("wav")


def test_a_missing_file_is_a_clear_error(agent):
    with pytest.raises(InvalidRequestError, match="no/such/file.wav") as caught:
        agent.converse("no/such/file.wav")
    assert caught.value.kind == "file"


def test_threads_that_use_a_fresh_agent_at_once_have_one(monkeypatch):
    native, made, both = voice_core._core.Agent, [], threading.Barrier(2)

    class Counted:
        @staticmethod
        def build(*arguments):
            made.append(1)
            # Whoever makes another meanwhile comes here, too.
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(0.5)
            return native.build(*arguments)

    monkeypatch.setattr(voice_core._core, "Agent", Counted)
    agent = AsyncVoiceAgent(**parts())

    async def ask():
        return (await agent.converse(text="Hello")).text

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: asyncio.run(ask()), range(2))) == ["This is a test."] * 2
    assert made == [1]
    asyncio.run(agent.close())


def test_the_failure_of_another_agent_leaves_the_one_that_is_at_hand(agent):
    native = agent._native()
    agent._core.failed(voice_core._native.list_models(), RuntimeError("of another"))
    assert agent._native() is native
