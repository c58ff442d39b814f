"""The example of a REST interface, over real HTTP."""

import contextlib
import http.client
import importlib.util
import threading
from urllib.parse import unquote

import httpx
import pytest
import uvicorn
from conftest import ROOT, Ears, Stuck, hum, parts

from voice_core import AsyncVoiceAgent

API = "/api/v1"


@contextlib.contextmanager
def serving(monkeypatch, config):
    """The example's own server, its agent made of `config`; gives a client of it."""
    spec = importlib.util.spec_from_file_location("rest_example", ROOT / "examples" / "fastapi" / "app.py")
    module = importlib.util.module_from_spec(spec)
    # Postponed annotations are looked up there.
    monkeypatch.setitem(__import__("sys").modules, "rest_example", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "AsyncVoiceAgent", lambda _: AsyncVoiceAgent(config))
    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets=None):
            await super().startup(sockets)
            ready.set()

    server = Server(uvicorn.Config(module.app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(60)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}{API}", timeout=600) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def client(monkeypatch):
    with serving(monkeypatch, parts()) as client:
        yield client


def registered(client, email):
    """A new user's id, and the header that opens what is theirs."""
    answer = client.post("/users/register", json={"email": email})
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"userId", "apiKey", "message"} and len(body["apiKey"]) == 67
    return body["userId"], {"Authorization": f"Bearer {body['apiKey']}"}


def said(client, who, sound=None, **fields):
    file = hum().encode("wav") if sound is None else sound
    return client.post("/voice/conversation", headers=who, files={"audio": ("question.wav", file, "audio/wav")}, data=fields)


def in_chunks():
    """30 MB of a form's file."""
    yield b'--b\r\nContent-Disposition: form-data; name="audio"; filename="question.wav"\r\n\r\n'
    for _ in range(30):
        yield b"\0" * (1024 * 1024)
    yield b"\r\n--b--\r\n"


def test_somebody_registers_logs_in_talks_and_reads_it_again(client):
    health = client.get("/health").json()
    assert (health["status"], health["service"]) == ("ok", "voice-agent-api")
    user, who = registered(client, "ann@example.com")
    key = who["Authorization"].removeprefix("Bearer ")
    login = client.post("/auth/login", json={"apiKey": key})
    assert login.status_code == 200 and login.json() == {"token": key, "userId": user, "email": "ann@example.com"}
    created = client.post("/sessions", headers=who)
    assert created.status_code == 201 and set(created.json()) == {"sessionId", "createdAt"}
    session = created.json()["sessionId"]
    answer = said(client, who, sessionId=session)
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/mpeg"
    assert (answer.headers["X-Session-Id"], answer.headers["X-Transcript"]) == (session, "What is this?")
    # The sync word of a frame of MPEG audio.
    assert answer.content[0] == 0xFF and answer.content[1] & 0xE0 == 0xE0
    got = client.get(f"/sessions/{session}", headers=who).json()["session"]
    assert set(got) == {"id", "userId", "createdAt", "lastActivityAt"} and (got["id"], got["userId"]) == (session, user)
    messages = client.get(f"/sessions/{session}/messages", headers=who, params={"limit": 20}).json()["messages"]
    assert [(m["role"], m["content"]) for m in messages] == [("user", "What is this?"), ("assistant", "This is a test.")]
    assert len(client.get(f"/sessions/{session}/messages", headers=who, params={"limit": 1}).json()["messages"]) == 1


def test_without_a_key_or_with_a_wrong_one_nothing_opens(client):
    for headers, code in [({}, "UNAUTHORIZED"), ({"Authorization": "Bearer sk_" + "0" * 64}, "INVALID_API_KEY")]:
        for answer in (
            client.post("/sessions", headers=headers),
            client.get("/sessions/x", headers=headers),
            client.get("/sessions/x/messages", headers=headers),
            said(client, headers),
        ):
            assert answer.status_code == 401
            assert set(answer.json()) == {"error", "message"} and answer.json()["error"] == code
    wrong = client.post("/auth/login", json={"apiKey": "sk_nothing"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "INVALID_API_KEY")


def test_two_users_do_not_see_each_other(client):
    _, ann = registered(client, "ann@example.com")
    _, bob = registered(client, "bob@example.com")
    session = said(client, ann).headers["X-Session-Id"]
    unknown = "01890000-0000-7000-8000-000000000000"
    foreign = client.get(f"/sessions/{session}", headers=bob)
    assert (foreign.status_code, foreign.json()) == (404, client.get(f"/sessions/{unknown}", headers=bob).json())
    assert client.get(f"/sessions/{session}/messages", headers=bob).json()["error"] == "SESSION_NOT_FOUND"
    # A turn that names another's session, one that never was, or no id at all, starts a fresh one.
    for named in (session, unknown, "no id at all"):
        fresh = said(client, bob, sessionId=named)
        assert fresh.status_code == 200 and fresh.headers["X-Session-Id"] not in (session, named)
    assert len(client.get(f"/sessions/{session}/messages", headers=ann).json()["messages"]) == 2


def test_a_bad_request_is_named(client):
    _, who = registered(client, "ann@example.com")
    taken = client.post("/users/register", json={"email": "Ann@Example.com"})
    missing = client.post("/voice/conversation", headers=who, data={"sessionId": ""})
    for answer in (
        taken,
        missing,
        client.post("/users/register", json={}),
        client.post("/users/register", json={"email": "nobody"}),
        client.post("/auth/login", json={}),
        said(client, who, b"no sound at all"),
        said(client, who, b""),
        said(client, who, b"\0" * (26 * 1024 * 1024)),
        # In chunks, without a length.
        client.post("/voice/conversation", headers={**who, "Content-Type": "multipart/form-data; boundary=b"}, content=in_chunks()),
    ):
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"error", "message"} and answer.json()["error"] == "VALIDATION_ERROR"
    assert "registered already" in taken.json()["message"] and "required" in missing.json()["message"]
    assert client.get("/nowhere").status_code == 404


def test_a_key_that_is_used_too_often_is_told_when_to_come_again(monkeypatch):
    with serving(monkeypatch, parts(accounts={"rate_limit": {"per_minute": 6, "burst": 2}})) as client:
        _, who = registered(client, "ann@example.com")
        assert [client.post("/sessions", headers=who).status_code for _ in range(2)] == [201, 201]
        limited = client.post("/sessions", headers=who)
        assert (limited.status_code, limited.json()["error"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert 1 <= int(limited.headers["Retry-After"]) <= 10


def test_a_caller_who_hangs_up_cancels_the_turn(monkeypatch):
    model = Stuck()
    with serving(monkeypatch, parts(llm=model)) as client:
        _, who = registered(client, "ann@example.com")
        session = client.post("/sessions", headers=who).json()["sessionId"]
        form = {"files": {"audio": ("question.wav", hum().encode("wav"), "audio/wav")}, "data": {"sessionId": session}}
        request = client.build_request("POST", "/voice/conversation", headers=who, **form)
        caller = http.client.HTTPConnection(request.url.host, request.url.port)
        caller.request("POST", request.url.path, request.read(), dict(request.headers))
        assert model.asked.wait(60) and not model.freed.is_set()
        caller.close()
        assert model.freed.wait(60)
        # Nothing of it was stored, and the server goes on.
        assert client.get(f"/sessions/{session}/messages", headers=who).json()["messages"] == []


def test_what_was_said_is_there_after_a_restart_also_in_other_scripts(monkeypatch, tmp_path):
    class Listener(Ears):
        def transcribe(self, request):
            return "Wie spät? 100% नमस्ते\n"

    config = parts(stt=Listener(), storage=f"sqlite:{tmp_path / 'voice.db'}")
    with serving(monkeypatch, config) as client:
        _, who = registered(client, "ann@example.com")
        answer = said(client, who)
        assert unquote(answer.headers["X-Transcript"]) == "Wie spät? 100% नमस्ते"
        session = answer.headers["X-Session-Id"]
    with serving(monkeypatch, config) as client:
        messages = client.get(f"/sessions/{session}/messages", headers=who).json()["messages"]
        assert [m["content"] for m in messages] == ["Wie spät? 100% नमस्ते", "This is a test."]
        assert client.post("/users/register", json={"email": "ann@example.com"}).status_code == 400


def test_a_real_recording_is_answered_by_the_local_models(monkeypatch, recording):
    # The machine may be busy with other tests.
    patient = {"limits": {"turn_seconds": 600}, "timeouts": {"first_byte_ms": 300_000, "idle_ms": 300_000}}
    with serving(monkeypatch, {"storage": "memory", **patient}) as client:
        _, who = registered(client, "ann@example.com")
        answer = said(client, who, recording.read_bytes())
        assert answer.status_code == 200, answer.text
        assert answer.headers["X-Transcript"] and answer.headers["content-type"] == "audio/mpeg"
        quiet = said(client, who, type(hum())(bytes(32_000), 16_000).encode("wav"))
        assert (quiet.status_code, quiet.json()["error"]) == (400, "VALIDATION_ERROR")
