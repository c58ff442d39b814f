"""The exceptions."""

import pickle

import pytest

import voice_core
from voice_core import VoiceError, _errors, _native

needs_testing = pytest.mark.usefixtures("testing")


@pytest.fixture
def testing():
    assert hasattr(_native, "_fail_with"), "build the wheel with the feature `testing`"


def test_there_is_one_class_for_each_code():
    codes = dict(_native.error_codes())
    assert {code: cls.http_status for code, cls in _errors.CLASSES.items()} == codes
    for cls in _errors.CLASSES.values():
        assert getattr(voice_core, cls.__name__) is cls and issubclass(cls, VoiceError)


@needs_testing
@pytest.mark.parametrize("code", [code for code, _ in _native.error_codes()])
def test_each_code_comes_as_its_class_with_all_fields(code):
    with pytest.raises(_errors.CLASSES[code], match="failed on purpose") as caught:
        _native._fail_with(code)
    error = caught.value
    assert type(error) is _errors.CLASSES[code] and error.code == code
    assert (error.stage, error.provider, error.retryable, error.retry_after) == ("llm", "test/test", True, 1.5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and copy.__dict__ == error.__dict__ and copy.retryable


@needs_testing
def test_a_panic_in_the_librarys_work_is_an_internal_error():
    with pytest.raises(voice_core.InternalError, match="defect"):
        _native._panic_in_work().wait()


@needs_testing
def test_a_panic_at_every_entry_point_is_an_internal_error(agent):
    native = agent._native()
    pending = native.warm_up()
    pending.wait()
    stream = native.stream(_native.Input.text("Hello")).wait()
    reply = native.turn(_native.Input.text("Hello")).wait()
    live = native.live("{}", []).wait()
    wire = live.wire()
    entries = [
        (_native.error_codes,),
        (_native.config_schema,),
        (_native.configured_log_level, "{}"),
        (_native.set_log_sink, "error", None),
        (_native.list_models,),
        (_native.verify_models,),
        (_native.fetch_models, "{}"),
        (_native.shutdown,),
        (_native.Input.text, "x"),
        (_native.Input.path, "x"),
        (_native.Input.file, b"x"),
        (_native.Input.pcm16, b"xx", 8000, 1),
        (_native.Agent.build, "{}", [], [], [], None, [], None, None),
        (native.turn, _native.Input.text("x")),
        (native.stream, _native.Input.text("x")),
        (native.call, "sessions", "list", "{}"),
        (native.acting, "{}"),
        (native.warm_up,),
        (native.close,),
        (stream.next_batch, 1),
        (native.live, "{}", []),
        (live.push_pcm16, b""),
        (live.push_pcm16_at, 0.0, b""),
        (live.push_text, "x"),
        (live.push_dtmf, "1"),
        (live.commit,),
        (live.say, "x", True),
        (live.interrupt,),
        (live.pause,),
        (live.resume,),
        (live.set_playback_position, 0.0),
        (live.set_language, None),
        (live.next_batch, 1),
        (live.wire,),
        (wire.receive_text, "{}"),
        (wire.receive_bytes, b""),
        (wire.next_batch, 1),
        (live.end,),
        (reply.json,),
        (reply.pcm,),
        (reply.encoded, "wav"),
        (reply.save, "x.wav"),
        (pending.wait,),
        (pending.on_done, print),
    ]
    for entry, *arguments in entries:
        _native._panic_next()
        with pytest.raises(voice_core.InternalError):
            entry(*arguments)
        assert not _native._armed(), entry


def test_an_input_serves_one_turn(agent):
    used = _native.Input.text("Hello")
    agent._native().turn(used).wait()
    with pytest.raises(voice_core.ValidationError, match="used already"):
        agent._native().turn(used)


def test_no_error_holds_what_was_said():
    with pytest.raises(VoiceError) as caught, voice_core.VoiceAgent(stt="openai", llm="openai", tts="openai", storage="memory"):
        pass
    assert caught.value.code == "INVALID_PROVIDER_KEY"
    assert "OPENAI_API_KEY" in str(caught.value)
