"""The example of a telephone line, over real HTTP and a real WebSocket: a carrier calls it."""

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError, web
from conftest import ROOT, Ears, Mind, parts

PUBLIC = "https://phone.example.com"
TOKEN = "twilio's token"


def signed(url, form=()):
    """Twilio's signature of a request."""
    text = url + "".join(name + value for name, value in sorted(dict(form).items()))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def served(monkeypatch, folder, work):
    """Runs `work` with a client of the example's own server and its address."""
    spec = importlib.util.spec_from_file_location("phone_example", ROOT / "examples" / "phone" / "server.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)

    async def run():
        config = parts(stt=Ears(), llm=Mind(), tts=Loud(), live={"turn_detection": "manual"})
        runner = web.AppRunner(module.line(config, folder, PUBLIC))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                await asyncio.wait_for(work(client), 60)
        finally:
            await runner.cleanup()

    asyncio.run(run())


class Loud:
    """Half a second of sound for everything."""

    name = "test/loud"

    def synthesize(self, request):
        yield (b"\x40\x1f" * 12 + b"\xc0\xe0" * 12) * 500


def start(form):
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "accountSid": "AC1",
            "streamSid": "MZ1",
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": form,
        },
    }


def test_a_caller_is_greeted_and_the_call_is_logged_with_its_recording(monkeypatch, tmp_path):
    form = {"From": "+15550001", "To": "+15550002", "Direction": "inbound", "CallSid": "CA1"}

    async def call(client):
        async with client.post("/answer", data=form, headers={"X-Twilio-Signature": signed(PUBLIC + "/answer", form)}) as twiml:
            text = await twiml.text()
        assert '<Stream url="wss://phone.example.com/media">' in text and '<Parameter name="From" value="+15550001"/>' in text
        header = {"X-Twilio-Signature": signed("wss://phone.example.com/media")}
        async with client.ws_connect("/media", headers=header) as socket:
            await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            await socket.send_json(start(form))
            heard, marks = 0, 0
            # The carrier plays what it is sent and says so, until most of the greeting was heard.
            while heard < 7_000:
                message = await socket.receive_json()
                if message["event"] == "media":
                    heard += len(base64.b64decode(message["media"]["payload"]))
                if message["event"] == "mark":
                    marks += 1
                    await socket.send_json({"event": "mark", "streamSid": "MZ1", "mark": message["mark"]})
            assert marks >= 8
            silence = base64.b64encode(b"\xff" * 160).decode()
            for chunk in range(1, 26):
                media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(chunk * 20), "payload": silence}
                await socket.send_json({"event": "media", "sequenceNumber": "2", "streamSid": "MZ1", "media": media})
                await asyncio.sleep(0.02)
            await socket.send_json({"event": "stop", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA1"}})
            async for _ in socket:
                pass

    served(monkeypatch, tmp_path, call)
    lines = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    assert len(lines) == 1
    line = lines[0]
    assert (line["call"], line["from"], line["to"], line["ended"]) == ("CA1", "+15550001", "+15550002", "host")
    assert line["transcript"] and line["transcript"][0]["role"] == "assistant"
    assert line["transcript"][0]["text"].startswith("Hello!")
    assert len(line["recordings"]) == 1 and line["recordings"][0].endswith(".wav")


def test_who_is_not_the_carrier_is_not_let_in(monkeypatch, tmp_path):
    async def call(client):
        async with client.post("/answer", data={"From": "+1"}) as answer:
            assert answer.status == 403
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/media", headers={"X-Twilio-Signature": signed("wss://elsewhere.example.com/media")})

    served(monkeypatch, tmp_path, call)


def test_what_is_no_call_is_let_go(monkeypatch, tmp_path):
    async def call(client):
        header = {"X-Twilio-Signature": signed("wss://phone.example.com/media")}
        async with client.ws_connect("/media", headers=header) as socket:
            await socket.send_str("nonsense")
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)

    served(monkeypatch, tmp_path, call)
    assert not (tmp_path / "calls.jsonl").exists()
