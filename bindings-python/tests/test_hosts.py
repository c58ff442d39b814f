"""Providers and stores written in Python."""

import array
import asyncio
import logging
import threading
import time

import pytest
from conftest import Ears, Mouth, hum, parts

from voice_core import (
    AsyncVoiceAgent,
    Audio,
    AudioChunk,
    Finished,
    InvalidProviderKeyError,
    InvalidRequestError,
    ProviderError,
    RateLimitError,
    SpokenAudio,
    SpokenWord,
    StorageError,
    TokenUsage,
    Transcript,
    ValidationError,
    VoiceAgent,
    VoiceError,
    VoiceTimeoutError,
)


def model(function):
    """A model made of a function."""

    class Model:
        name = "test/model"

    Model.generate = lambda self, request: function(request)
    return Model()


class AsyncValue:
    async def generate(self, request):
        await asyncio.sleep(0)
        return "One. Two."


class AsyncPieces:
    async def generate(self, request):
        for piece in ("One. ", "Two."):
            await asyncio.sleep(0)
            yield piece


class PlainValue:
    def generate(self, request):
        return "One. Two."


class PlainPieces:
    def generate(self, request):
        yield "One. "
        yield "Two."


class PlainList:
    def generate(self, request):
        return ["One. ", "Two."]


@pytest.mark.parametrize("kind", [AsyncValue, AsyncPieces, PlainValue, PlainPieces, PlainList])
def test_a_model_may_be_async_or_plain_and_return_or_yield(kind):
    with VoiceAgent(**parts(llm=kind())) as agent:
        assert agent.converse(text="Hello").text == "One. Two."

    async def run():
        async with AsyncVoiceAgent(**parts(llm=kind())) as agent:
            return (await agent.converse(text="Hello")).text

    assert asyncio.run(run()) == "One. Two."


def test_an_async_method_runs_on_the_loop_of_its_agent():
    loops = []

    class Model:
        async def generate(self, request):
            loops.append(asyncio.get_running_loop())
            yield "Yes."

    async def run():
        async with AsyncVoiceAgent(**parts(llm=Model())) as agent:
            await agent.converse(text="Hello")
        assert loops == [asyncio.get_running_loop()]

    asyncio.run(run())


def test_a_recogniser_hears_16_khz_and_may_yield_interim_words():
    class Recogniser:
        def transcribe(self, request):
            assert request.audio.sample_rate == 16_000 and request.language == "de"
            yield Transcript("Wie", final=False)
            yield Transcript(f"Wie geht's? {len(request.audio.pcm) // 2}", language="de")

    with VoiceAgent(**parts(stt=Recogniser())) as agent:
        heard = [e for e in agent.turn(hum(rate=48_000), language="de") if isinstance(e, Transcript)]
    assert [t.final for t in heard] == [False, True]
    assert heard[1].text == "Wie geht's? 16000" and heard[1].language == "de"


@pytest.mark.parametrize("kind", ["bytes", "array", "floats", "Audio", "AudioChunk"])
def test_a_voice_may_give_sound_in_any_form(kind):
    numpy = pytest.importorskip("numpy")

    class Voice:
        sample_rate = 16_000

        def synthesize(self, request):
            samples = numpy.full(1600, 1000, dtype=numpy.int16)
            yield {
                "bytes": samples.tobytes(),
                "array": samples,
                "floats": samples / 32768,
                "Audio": Audio(samples.tobytes(), 16_000),
                "AudioChunk": AudioChunk(samples.tobytes(), 16_000),
            }[kind]

    with VoiceAgent(**parts(tts=Voice())) as agent:
        audio = agent.converse(text="Hello").audio
    assert audio.sample_rate == 16_000 and audio.duration >= 0.1
    assert 1000 in audio.numpy()


@pytest.mark.parametrize("whole", [True, False])
def test_a_voice_may_return_an_array_or_a_list_of_them(whole):
    numpy = pytest.importorskip("numpy")
    samples = numpy.full(1600, 1000, dtype=numpy.int16)

    class Voice:
        sample_rate = 16_000

        def synthesize(self, request):
            return samples if whole else [samples[:800], samples[800:]]

    with VoiceAgent(**parts(tts=Voice())) as agent:
        reply = agent.converse(text="Hello")
    assert reply.audio_error is None and (reply.audio.numpy() == 1000).sum() == 1600


@pytest.mark.parametrize("size", [1, 3, 1001])
def test_the_bytes_of_sound_may_be_cut_anywhere(size):
    sound = array.array("h", range(1, 1601)).tobytes()

    class Voice:
        sample_rate = 16_000

        def synthesize(self, request):
            for at in range(0, len(sound), size):
                yield sound[at : at + size]

    with VoiceAgent(**parts(tts=Voice())) as agent:
        reply = agent.converse(text="Hello")
    assert reply.audio_error is None and sound in reply.audio.pcm


@pytest.mark.parametrize("sound", [bytes(3201), Audio(bytes(3201), 24_000)], ids=["bytes", "Audio"])
def test_sound_that_ends_within_a_sample_is_the_failure_of_its_voice(sound):
    class Voice:
        def synthesize(self, request):
            return sound

    with VoiceAgent(**parts(tts=Voice())) as agent:
        failed = agent.converse(text="Hello").audio_error
    assert failed is not None and "16-bit sample" in failed.message


@pytest.mark.parametrize("times", [(1.0, 0.5), (-1.0, 0.5), (0.0, float("nan"))])
def test_words_whose_times_make_no_sense_are_refused(times):
    class Voice:
        def synthesize(self, request):
            return SpokenAudio(bytes(3200), [SpokenWord(request.text, *times)])

    with VoiceAgent(**parts(tts=Voice())) as agent:
        failed = agent.converse(text="Hello").audio_error
    assert failed is not None and "a word's times" in failed.message


def test_an_exception_becomes_a_providers_failure_and_is_logged(caplog):
    def broken(request):
        raise KeyError("no such thing")

    with VoiceAgent(**parts(llm=model(broken))) as agent, caplog.at_level(logging.WARNING, "voice_core.host"):
        with pytest.raises(ProviderError, match="KeyError: 'no such thing'") as caught:
            agent.converse(text="Hello")
    assert (caught.value.stage, caught.value.provider) == ("llm", "test/model")
    # What the library itself logs of it may come before.
    [raised] = [record.exc_info for record in caplog.records if record.name == "voice_core.host"]
    assert raised[0] is KeyError


def test_a_typed_error_keeps_its_meaning():
    def limited(request):
        raise RateLimitError("slow down", retry_after=2.5)

    with VoiceAgent(**parts(llm=model(limited))) as agent, pytest.raises(RateLimitError) as caught:
        agent.converse(text="Hello")
    assert caught.value.retryable and caught.value.retry_after == 2.5 and caught.value.message == "slow down"

    def refused(request):
        raise InvalidProviderKeyError("wrong key")

    with VoiceAgent(**parts(llm=model(refused))) as agent, pytest.raises(InvalidProviderKeyError) as caught:
        agent.converse(text="Hello")
    assert not caught.value.retryable


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "message", "after"),
    [
        (RateLimitError("slow down", retry_after=-1.0), "slow down", 0.0),
        (RateLimitError("slow down", retry_after=float("inf")), "slow down", 1e9),
        (RateLimitError("slow down", retry_after=float("nan")), "slow down", None),
        (RateLimitError("slow \ud800"), "slow ?", None),
        (RuntimeError("odd \ud800"), "RuntimeError: odd ?", None),
        (Unspeakable(), "Unspeakable", None),
    ],
    ids=["negative", "infinite", "not a number", "typed surrogate", "surrogate", "unspeakable"],
)
def test_a_failure_is_told_whatever_it_says_of_itself(error, message, after):
    def fail(request):
        raise error

    with VoiceAgent(**parts(llm=model(fail))) as agent, pytest.raises(VoiceError) as caught:
        agent.converse(text="Hello")
    assert (caught.value.message, caught.value.retry_after) == (message, after)


def test_system_exit_in_a_provider_is_its_own_failure():
    def leave(request):
        raise SystemExit(3)

    with VoiceAgent(**parts(llm=model(leave))) as agent, pytest.raises(ProviderError, match="SystemExit"):
        agent.converse(text="Hello")


def test_what_is_no_answer_is_refused():
    with VoiceAgent(**parts(llm=model(lambda request: 42))) as agent, pytest.raises(ProviderError, match="gave int"):
        agent.converse(text="Hello")


def test_a_plain_method_that_never_returns_is_cut_off():
    release = threading.Event()

    def stuck(request):
        release.wait(30)
        return "late"

    started = time.monotonic()
    with VoiceAgent(**parts(llm=model(stuck)), timeouts={"first_byte_ms": 50}) as agent:
        with pytest.raises(VoiceTimeoutError) as caught:
            agent.converse(text="Hello")
    assert caught.value.stage == "llm" and time.monotonic() - started < 10
    release.set()


def test_a_generator_is_stopped_when_nobody_listens():
    pieces = []
    closed = threading.Event()

    def endless(request):
        try:
            while True:
                pieces.append(1)
                yield "word "
                time.sleep(0.001)
        finally:
            closed.set()

    with VoiceAgent(**parts(llm=model(endless))) as agent:
        with pytest.raises(VoiceTimeoutError):
            agent.converse(text="Hello", deadline=0.05)
        assert closed.wait(5)


def test_a_blocking_provider_holds_up_nobody_else():
    gate = threading.Event()

    def first_waits(request):
        if request.messages[-1].content == "wait":
            gate.wait(30)
        return "Yes."

    with VoiceAgent(**parts(llm=model(first_waits))) as agent:
        waiting = threading.Thread(target=lambda: agent.converse(text="wait"))
        waiting.start()
        assert [agent.converse(text="go").text for _ in range(20)] == ["Yes."] * 20
        gate.set()
        waiting.join()


def test_a_provider_may_ask_another_agent():
    with VoiceAgent(**parts()) as inner:
        ask = model(lambda request: inner.converse(text="inside").text)
        with VoiceAgent(**parts(llm=ask)) as outer:
            assert outer.converse(text="outside").text == "This is a test."


def test_a_blocking_call_in_an_async_provider_is_refused():
    with VoiceAgent(**parts()) as inner:

        class Model:
            async def generate(self, request):
                yield inner.converse(text="inside").text

        with VoiceAgent(**parts(llm=Model())) as outer, pytest.raises(InvalidRequestError, match="event loop"):
            outer.converse(text="outside")


class Dictionary:
    """A store that is as small as it can be."""

    name = "test/dictionary"

    def __init__(self):
        self.sessions_, self.messages_, self.turns, self.closed = {}, [], set(), False

    def create_session(self, *, session):
        self.sessions_.setdefault(session["id"], session)

    async def session(self, *, id):
        return self.sessions_.get(id)

    def list_sessions(self, *, user, status, limit, before):
        found = sorted(self.sessions_.values(), key=lambda s: s["id"], reverse=True)
        found = [s for s in found if (user is None or s["user"] == user) and (before is None or s["id"] < before)]
        return {"items": found[:limit], "has_more": len(found) > limit}

    async def save_turn(self, *, turn_id, session, messages, continues):
        if turn_id in self.turns:
            return False
        self.turns.add(turn_id)
        self.sessions_.setdefault(session["id"], session)
        self.messages_ += messages
        return True

    async def messages(self, *, session_id, limit, before):
        found = [m for m in self.messages_ if m["session_id"] == session_id]
        return {"items": found[-limit:], "has_more": len(found) > limit}

    def close(self):
        self.closed = True


def test_a_store_of_ones_own_is_used():
    store = Dictionary()
    with VoiceAgent(**parts(storage=store)) as agent:
        first = agent.converse(text="eins", user="ann")
        agent.converse(text="zwei", user="ann", session=first.session_id)
        assert [m["content"] for m in store.messages_] == ["eins", "This is a test.", "zwei", "This is a test."]
        assert [s.user for s in agent.sessions.list().items] == ["ann"]
    assert store.closed


class SlowToClose(Dictionary):
    def __init__(self):
        super().__init__()
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def close(self):
        self.begun.set()
        await self.go_on.wait()
        self.closed = True


def closing(scenario):
    """Plays a scenario with an agent that is being closed by a task."""

    async def run():
        store = SlowToClose()
        agent = AsyncVoiceAgent(**parts(storage=store))
        await agent.converse(text="Hello")
        first = asyncio.ensure_future(agent.close())
        await asyncio.wait_for(store.begun.wait(), 30)
        await scenario(agent, store, first)
        assert store.closed
        await agent.close()

    asyncio.run(run())


def test_whoever_closes_while_somebody_does_waits_for_the_end():
    async def scenario(agent, store, first):
        second = asyncio.ensure_future(agent.close())
        done, _ = await asyncio.wait([second], timeout=0.1)
        assert not done
        store.go_on.set()
        await asyncio.wait_for(asyncio.gather(first, second), 30)

    closing(scenario)


def test_closing_that_was_cancelled_is_completed_by_the_next():
    async def scenario(agent, store, first):
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not store.closed
        store.go_on.set()
        await asyncio.wait_for(agent.close(), 30)

    closing(scenario)


def test_a_store_that_fails_is_a_storage_error():
    class Broken(Dictionary):
        async def save_turn(self, **turn):
            raise OSError("disk full")

    with VoiceAgent(**parts(storage=Broken())) as agent, pytest.raises(StorageError, match="disk full") as caught:
        agent.converse(text="Hello")
    assert caught.value.stage == "store"


def test_a_voice_that_fails_leaves_the_text():
    class Hoarse:
        def synthesize(self, request):
            raise RuntimeError("hoarse")

    with VoiceAgent(**parts(tts=Hoarse(), stt=Ears())) as agent:
        reply = agent.converse(hum())
    assert reply.text == "This is a test." and not reply.audio
    assert isinstance(reply.audio_error, ProviderError)


def test_warming_up_needs_nothing_of_a_host(agent):
    agent.warm_up()
    assert Mouth().name == "test/mouth"


def test_what_a_model_used_is_in_the_reply():
    def write(request):
        yield "One."
        yield TokenUsage(input_tokens=12, output_tokens=3, cached_tokens=5)
        yield Finished("stop")

    with VoiceAgent(**parts(llm=model(write))) as agent:
        usage = agent.converse(text="Hello").usage
    assert (usage["input_tokens"], usage["cached_tokens"], usage["output_tokens"]) == (12, 5, 3)


@pytest.mark.parametrize("said", [Finished("bored"), TokenUsage(input_tokens=-1), TokenUsage(output_tokens="many")])
def test_a_report_that_cannot_be_is_the_model_s_failure(said):
    with VoiceAgent(**parts(llm=model(lambda request: ["One.", said]))) as agent:
        with pytest.raises((ProviderError, ValidationError)) as caught:
            agent.converse(text="Hello")
    assert caught.value.stage == "llm"


class Cold:
    """A model that has to get ready, whichever way."""

    def __init__(self, fails=None):
        self.told = []
        self._fails = fails

    def generate(self, request):
        return "One."

    def warm_up(self, system_prompt):
        self.told.append(system_prompt)
        if self._fails:
            raise self._fails


class AsyncCold(Cold):
    async def warm_up(self, system_prompt):
        await asyncio.sleep(0)
        super().warm_up(system_prompt)


@pytest.mark.parametrize("kind", [Cold, AsyncCold])
def test_a_model_gets_ready_when_its_agent_is_warmed_up(kind):
    cold = kind()
    with VoiceAgent(**parts(llm=cold, assistant={"system_prompt": "Be brief."})) as agent:
        assert cold.told == []
        agent.warm_up()
        assert cold.told == ["Be brief."]

    async def run():
        async with AsyncVoiceAgent(**parts(llm=kind())) as agent:
            await agent.warm_up()
            return (await agent.converse(text="Hello")).text

    assert asyncio.run(run()) == "One."


def test_what_is_raised_while_getting_ready_is_raised_by_warm_up():
    with VoiceAgent(**parts(llm=Cold(RateLimitError("come back", retry_after=2)))) as agent:
        with pytest.raises(RateLimitError, match="come back") as caught:
            agent.warm_up()
    assert (caught.value.stage, caught.value.provider, caught.value.retry_after) == ("llm", "Cold", 2)


def test_giving_up_warming_up_cancels_what_gets_ready():
    async def run():
        begun, cancelled = asyncio.Event(), asyncio.Event()

        class Endless(Ears):
            async def warm_up(self):
                begun.set()
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.set()
                    raise

        async with AsyncVoiceAgent(**parts(stt=Endless())) as agent:
            warming = asyncio.ensure_future(agent.warm_up())
            await begun.wait()
            warming.cancel()
            await asyncio.wait_for(cancelled.wait(), 30)

    asyncio.run(run())
