"""A page to talk to, served with aiohttp. Offline: the models are local ones, fetched with `python -m voice_core models fetch`.
Another agent is a document: `--config interpreter.json` serves an interpreter between two languages.

    pip install voice-core aiohttp
    python server.py            # then open http://127.0.0.1:8080
"""

import argparse
import asyncio
import contextlib
import json
import pathlib
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web
from voice_core import AsyncVoiceAgent, VoiceError

PAGE = pathlib.Path(__file__).parent / "page"
AGENT = web.AppKey("agent", AsyncVoiceAgent)
CONFIG = web.AppKey("config", dict)
SETTINGS = web.AppKey("settings", dict)
OFFLINE = {
    "stt": "local",
    "llm": "local",
    "tts": "local",
    "assistant": {"first_message": "Hello! What would you like to talk about?", "max_tokens": 60},
}


async def index(_request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def live(request: web.Request) -> web.StreamResponse:
    """One conversation: every message of the socket goes into the session, every frame of the session out of it."""
    # Only this server's own page may open a conversation: browsers let any page connect anywhere, but say which one it is.
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="a page of another server may not talk here")
    try:
        rate = int(request.query.get("rate", "16000"))
        session = request.app[AGENT].live(input_rate=rate, output_rate=rate)
        await session.start()
    except (ValueError, VoiceError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None

    socket = web.WebSocketResponse(max_msg_size=1 << 20)
    async with session:
        await socket.prepare(request)
        wire = session.wire()
        sending = asyncio.create_task(send(wire, socket))
        async for message in socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                wire.receive(message.data)
        # The client has gone. What was heard is stored by leaving the block.
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
    return socket


async def send(wire, socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        async for frame in wire:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        await socket.close()


async def settings(request: web.Request) -> web.Response:
    """What the page offers: which languages to choose from, and whether a conversation is summed up at its end."""
    return web.json_response(request.app[SETTINGS])


@web.middleware
async def refusing(request: web.Request, handler) -> web.StreamResponse:
    """What the library refuses is answered with the status of its error."""
    try:
        return await handler(request)
    except VoiceError as error:
        return web.json_response({"code": error.code, "message": str(error)}, status=error.http_status)


async def messages(request: web.Request) -> web.Response:
    """What is stored of a conversation."""
    history = await request.app[AGENT].sessions.history(request.match_info["session"])
    return web.json_response([{"role": message.role, "content": message.content} for message in history.items])


async def summary(request: web.Request) -> web.Response:
    """What a conversation came to."""
    its = await request.app[AGENT].sessions.summary(request.match_info["session"])
    return web.json_response(its and {"text": its.text, "points": its.points})


async def agent(app: web.Application):
    async with AsyncVoiceAgent(app[CONFIG]) as its:
        app[AGENT] = its
        await its.warm_up()
        yield


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--storage", default="memory", help="for example sqlite:conversations.db")
    options.add_argument("--config", type=pathlib.Path, help="the agent's config as JSON; default: offline")
    options.add_argument("--languages", help="what the page lets people choose from, for example en,es")
    chosen = options.parse_args()
    config = json.loads(chosen.config.read_text()) if chosen.config else OFFLINE
    interpreter = config.get("assistant", {}).get("interpreter")
    offered = [] if interpreter is None else interpreter.get("languages", ["en", "es"])
    app = web.Application(middlewares=[refusing])
    app[CONFIG] = {"storage": chosen.storage, **config}
    app[SETTINGS] = {
        "languages": chosen.languages.split(",") if chosen.languages else offered,
        "summary": config.get("actions") is not None,
    }
    app.cleanup_ctx.append(agent)
    app.add_routes(
        [
            web.get("/", index),
            web.get("/live", live),
            web.get("/settings", settings),
            web.get("/api/v1/sessions/{session}/messages", messages),
            web.get("/api/v1/sessions/{session}/summary", summary),
            web.static("/", PAGE),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=chosen.port)


if __name__ == "__main__":
    main()
