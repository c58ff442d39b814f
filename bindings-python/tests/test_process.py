"""Processes: forks, exits, signals, logs, memory."""

import functools
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from conftest import ROOT, Stuck, parts

import voice_core
from voice_core import InvalidRequestError, ValidationError, VoiceAgent, log_level

HERE = ROOT / "bindings-python" / "tests"


def python(program, **options):
    """Runs a program in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        cwd=HERE,
        capture_output=True,
        text=True,
        **{"timeout": 60, **options},
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_an_agent_works_in_a_forked_child_and_in_its_parent():
    done = python(
        """
        import os, sys
        from conftest import parts
        from voice_core import VoiceAgent
        agent = VoiceAgent(**parts())
        assert agent.converse(text="before").text == "This is a test."
        children = []
        for _ in range(4):
            child = os.fork()
            if child == 0:
                assert agent.converse(text="child").text == "This is a test."
                assert VoiceAgent(**parts()).converse(text="child").text == "This is a test."
                agent.close()
                os._exit(0)
            children.append(child)
        assert agent.converse(text="parent").text == "This is a test."
        for child in children:
            assert os.waitpid(child, 0)[1] == 0
        print(agent.converse(text="after").text)
        """
    )
    assert done.stdout == "This is a test.\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_local_models_work_in_a_forked_child_and_in_its_parent(recording):
    done = python(
        f"""
        import os, sys
        from voice_core import VoiceAgent
        agent = VoiceAgent.local(storage="memory")
        def answered(agent):
            reply = agent.converse({str(recording)!r}, deadline=60)
            assert reply.transcript and reply.text and reply.audio.duration > 0.5
        answered(agent)
        child = os.fork()
        if child == 0:
            try:
                answered(agent)
                with VoiceAgent.local(storage="memory") as another:
                    answered(another)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        answered(agent)
        print("answered")
        """,
        timeout=240,
    )
    assert done.stdout == "answered\n", done.stderr


def test_a_pool_of_forked_workers_holds_conversations():
    done = python(
        """
        import asyncio, multiprocessing, sys
        from conftest import parts
        from voice_core import AsyncVoiceAgent, VoiceAgent
        agent = VoiceAgent(**parts())
        agent.converse(text="warm")
        def work(n):
            async def run():
                async with AsyncVoiceAgent(**parts()) as own:
                    return (await own.converse(text=f"own {n}")).transcript
            return agent.converse(text=f"shared {n}").transcript, asyncio.run(run())
        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(work, range(4))[3])
        """
    )
    assert done.stdout == "('shared 3', 'own 3')\n", done.stderr


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "agent.close()", "del agent"])
@pytest.mark.parametrize("kind", ["async def", "def"])
def test_the_interpreter_exits_cleanly_with_work_under_way(kind, ending):
    wait = "await asyncio.Event().wait()" if kind == "async def" else "time.sleep(1000)"
    done = python(
        f"""
        import asyncio, sys, threading, time
        from conftest import parts
        from voice_core import VoiceAgent
        asked = threading.Event()
        class Model:
            {kind} generate(self, request):
                asked.set()
                {wait}
                yield "never"
        agent = VoiceAgent(**parts(llm=Model()))
        turn = agent.turn(text="Hello")
        next(turn)
        asked.wait()
        print("bye", flush=True)
        {ending}
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "bye\n", "")


@pytest.mark.parametrize("ending", ["", "sys.exit(0)"])
def test_the_interpreter_exits_cleanly_while_the_library_has_python_called(ending):
    done = python(
        f"""
        import sys, threading
        import voice_core
        called = threading.Event()
        def busy():
            called.set()
            while True:
                sum(range(100))
        listing = voice_core._native.list_models()
        listing.on_done(busy)
        called.wait()
        print("bye", flush=True)
        {ending}
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "bye\n", "")


def test_a_use_while_the_interpreter_goes_away_is_a_clear_error():
    done = python(
        """
        import asyncio, atexit
        async def late():
            try:
                async with AsyncVoiceAgent(**parts()):
                    pass
            except voice_core.VoiceError as error:
                print(error.code, error.kind)
        # Handlers run in the reverse of the order in which they were registered: this one after the library's.
        atexit.register(lambda: asyncio.run(late()))
        import voice_core
        from conftest import parts
        from voice_core import AsyncVoiceAgent
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "INVALID_REQUEST closed\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_cancels_a_turn(request):
    # A shell that starts the tests in the background has them ignore it.
    request.addfinalizer(functools.partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stuck = Stuck()
    with VoiceAgent(**parts(llm=stuck)) as agent:
        threading.Thread(target=lambda: stuck.asked.wait(5) and os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            agent.converse(text="Hello")
        assert stuck.freed.wait(5)


def test_log_records_reach_logging_without_what_was_said(caplog):
    with caplog.at_level(5, "voice_core"):
        log_level()
        with VoiceAgent(**parts()) as agent:
            agent.converse(text="my secret")
        threading.Event().wait(0.2)
    log_level("WARNING")
    assert all("my secret" not in record.getMessage() for record in caplog.records)
    for record in caplog.records:
        assert record.name.startswith("voice_") and record.levelno in (5, 10, 20, 30, 40)
    assert logging.getLogger("voice_core").handlers


def test_a_record_of_the_library_becomes_one_of_python(caplog):
    with caplog.at_level(logging.DEBUG, "voice_core"):
        voice_core._logging._sink("warn", "voice_core::turn::driver", "slow", '{"turn_id": "x"}')
        voice_core._logging._sink("trace", "voice_core::turn", "unseen", "{}")
    (record,) = caplog.records
    assert (record.name, record.levelname, record.message) == ("voice_core.turn.driver", "WARNING", "slow")
    assert record.voice == {"turn_id": "x"}


@pytest.mark.parametrize(("level", "wanted"), [("off", None), ("error", "error"), ("debug", "debug")])
def test_the_config_says_which_records_are_wanted(level, wanted):
    with VoiceAgent(**parts(log_level=level)):
        assert voice_core._logging._wanted == wanted
    log_level("WARNING")


def test_the_environment_says_which_records_are_wanted(monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    with VoiceAgent(**parts()):
        assert voice_core._logging._wanted == "debug"
    with VoiceAgent(**parts(log_level="error")):
        assert voice_core._logging._wanted == "error"
    log_level("WARNING")


def test_a_level_that_there_is_not_is_refused():
    with pytest.raises(InvalidRequestError, match="log_level"):
        VoiceAgent(**parts(log_level="loud"))
    with pytest.raises(ValidationError, match="level"):
        log_level("loud")


def test_any_number_of_threads_may_ask_for_one_result():
    done = python(
        """
        import sys, threading
        from voice_core import VoiceError, _native
        sys.setswitchinterval(1e-6)
        answers = []
        def ask(pending):
            for _ in range(200):
                try:
                    answers.append(pending.result())
                except VoiceError as error:
                    answers.append(error.code)
        threads = []
        for pending in (_native.list_models(), _native.Agent.build("{", [], [], [], None, [], None, None)):
            ended = threading.Event()
            pending.on_done(ended.set)
            ended.wait()
            threads += [threading.Thread(target=ask, args=(pending,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(len(answers), len(set(answers)))
        """
    )
    assert done.stdout == "1600 2\n", done.stderr


def test_memory_stays_flat(agent):
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("the system does not tell")

    def turns(count):
        with VoiceAgent(**parts()) as fresh:
            for _ in range(count):
                fresh.converse(text="Hello", speak=False)

    for _ in range(2):
        turns(300)
    before = resident()
    for _ in range(4):
        turns(300)
    assert resident() - before < 8 * 1024 * 1024


def test_importing_is_quick():
    program = "import time; t = time.perf_counter(); import voice_core; print(time.perf_counter() - t)"
    assert min(float(python(program).stdout) for _ in range(5)) < 0.25
