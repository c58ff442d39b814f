"""A telephone line, served with aiohttp: Twilio calls, an agent answers, every call is recorded and logged. The models are local ones.

    pip install voice-core aiohttp
    python -m voice_core models fetch
    TWILIO_AUTH_TOKEN=… python server.py --public https://phone.example.com

Point the number's webhook at https://phone.example.com/answer; README.md says more.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
from datetime import datetime, timezone
from xml.sax.saxutils import quoteattr

from aiohttp import web
from voice_core import AsyncVoiceAgent, VoiceError

AGENT = web.AppKey("agent", AsyncVoiceAgent)
CONFIG = web.AppKey("config", dict)
PUBLIC = web.AppKey("public", str)
FOLDER = web.AppKey("folder", pathlib.Path)
GREETING = "Hello! What can I do for you?"
# A carrier that connects and then says nothing is no call.
PATIENCE = 10


async def check(request: web.Request, url: str, form: dict) -> None:
    """Whether it is Twilio that calls. Without a token everybody may: for trying it out."""
    token = os.environ.get("TWILIO_AUTH_TOKEN")
    signature = request.headers.get("X-Twilio-Signature", "")
    if token and not await request.app[AGENT].telephony.verify_twilio(token, url, signature, form):
        raise web.HTTPForbidden(text="the signature does not fit")


async def answer(request: web.Request) -> web.Response:
    """What Twilio asks when somebody calls: talk with the media stream. Who calls whom goes along with it."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    await check(request, request.app[PUBLIC] + request.path_qs, form)
    stream = request.app[PUBLIC].replace("http", "ws", 1) + "/media"
    given = "".join(f"<Parameter name={quoteattr(n)} value={quoteattr(form.get(n, ''))}/>" for n in ("From", "To", "Direction"))
    twiml = f"<Response><Connect><Stream url={quoteattr(stream)}>{given}</Stream></Connect></Response>"
    return web.Response(text=twiml, content_type="text/xml")


async def media(request: web.Request) -> web.WebSocketResponse:
    """One call: what the carrier says goes into the session, what the session says to the carrier."""
    await check(request, request.app[PUBLIC].replace("http", "ws", 1) + request.path_qs, {})
    socket = web.WebSocketResponse(max_msg_size=1 << 20)
    await socket.prepare(request)
    agent, first = request.app[AGENT], []
    try:
        while (call := await agent.telephony.read(await opening(socket, first), "twilio")) is None:
            pass
    except (VoiceError, ConnectionError, asyncio.TimeoutError):
        await socket.close()
        return socket

    began = datetime.now(timezone.utc)
    caller = call.parameters.get("From") or None
    live = agent.live(user=caller, input_rate=8000, output_rate=8000, first_message=GREETING)
    async with live:
        wire = live.wire("twilio")
        for message in first:
            wire.receive(message)
        sending = asyncio.create_task(send(wire, socket))
        async for message in socket:
            if isinstance(message.data, str):
                wire.receive(message.data)
        # The caller has hung up, or the agent: what was heard is stored.
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        summary = await live.end()
    await log(request.app, call, began, live.session_id, summary)
    return socket


async def opening(socket: web.WebSocketResponse, seen: list) -> str:
    """The next of the first messages."""
    message = await asyncio.wait_for(socket.receive(), PATIENCE)
    if not isinstance(message.data, str):
        raise ConnectionError("it ended before it began")
    seen.append(message.data)
    return message.data


async def send(wire, socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        async for frame in wire:
            await socket.send_str(frame)
        # The conversation is over: Twilio goes on behind the stream, where there is nothing, and hangs up.
        await socket.close()


async def log(app: web.Application, call, began: datetime, session: str, summary) -> None:
    """One line for each call: who, when, how it ended, what was said, where its sound lies."""
    history = await app[AGENT].sessions.history(session, limit=100)
    line = {
        "call": call.call_id,
        "direction": call.parameters.get("Direction"),
        "from": call.parameters.get("From"),
        "to": call.parameters.get("To"),
        "session": session,
        "began_at": began.isoformat(),
        "seconds": round(summary.duration, 1),
        "ended": summary.reason,
        "transcript": [{"role": message.role, "text": message.content} for message in history.items],
        "recordings": sorted(str(path) for path in app[FOLDER].rglob(f"*{session}*/*-live.*")),
    }
    with (app[FOLDER] / "calls.jsonl").open("a") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


async def agent(app: web.Application):
    recordings = {"store": f"file:{app[FOLDER]}", "live": True}
    async with AsyncVoiceAgent({"recordings": recordings}, **app[CONFIG]) as its:
        app[AGENT] = its
        await its.warm_up()
        yield


def line(config: dict, folder: pathlib.Path, public: str) -> web.Application:
    """The server of one line."""
    folder.mkdir(parents=True, exist_ok=True)
    app = web.Application()
    app[CONFIG], app[FOLDER], app[PUBLIC] = config, folder, public
    app.cleanup_ctx.append(agent)
    app.add_routes([web.post("/answer", answer), web.get("/media", media)])
    return app


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--public", required=True, help="the address under which Twilio reaches this server")
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("calls"), help="for recordings and the log")
    chosen = options.parse_args()
    config = {"stt": "local", "llm": "local", "tts": "local", "storage": f"sqlite:{chosen.folder / 'calls.db'}"}
    web.run_app(line(config, chosen.folder, chosen.public.rstrip("/")), port=chosen.port)


if __name__ == "__main__":
    main()
