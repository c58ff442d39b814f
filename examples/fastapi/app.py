"""A voice agent behind a REST interface: users with keys, their sessions, and spoken turns by upload.

`VOICE_CONFIG` names the config document (JSON or TOML), `VOICE_ADDRESS` where to listen. Without them the models are local,
conversations are kept in an SQLite file in the user's data folder, and the server is at http://127.0.0.1:8000.
"""

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Annotated, Any, AsyncIterator, Coroutine, Dict, Optional, TypeVar
from urllib.parse import quote

from fastapi import Depends, FastAPI, File, Form, Header, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_core import AsyncVoiceAgent, Principal, UnauthorizedError, ValidationError, VoiceError

ORGANIZATION = "voice-agent-api"
LARGEST_UPLOAD = 25 * 1024 * 1024
T = TypeVar("T")
# A header holds ASCII: anything else, and the sign of escapes itself, is written as in an address.
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


class Server:
    """The agent, and the organization to which everybody who registers belongs."""

    agent: AsyncVoiceAgent
    organization: str


server = Server()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with AsyncVoiceAgent(os.environ.get("VOICE_CONFIG")) as agent:
        known = (await agent.accounts.organizations(limit=100)).items
        mine = next((one for one in known if one.name == ORGANIZATION), None)
        server.agent = agent
        server.organization = (mine or await agent.accounts.create_organization(ORGANIZATION)).id
        yield


app = FastAPI(title="Voice agent", lifespan=lifespan)


def failure(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": code, "message": message}, status)


@app.exception_handler(VoiceError)
async def voice_error(_: Request, error: VoiceError) -> JSONResponse:
    answer = failure(error.http_status, error.code, error.message)
    if error.retry_after is not None:
        # Whole seconds, and never too few of them.
        answer.headers["Retry-After"] = str(max(1, int(-(-error.retry_after // 1))))
    return answer


@app.exception_handler(RequestValidationError)
async def bad_request(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    return failure(400, "VALIDATION_ERROR", f"{'.'.join(str(part) for part in first['loc'][1:])}: {first['msg']}")


@app.exception_handler(HTTPException)
async def http_error(_: Request, error: HTTPException) -> JSONResponse:
    return failure(error.status_code, "INVALID_REQUEST", str(error.detail))


class TooLarge(HTTPException):
    """More came than a request may hold."""

    def __init__(self) -> None:
        super().__init__(400, "Audio file too large (max 25MB)")


@app.exception_handler(TooLarge)
async def too_large(_: Request, error: TooLarge) -> JSONResponse:
    return failure(error.status_code, "VALIDATION_ERROR", error.detail)


class RefuseLarge:
    """Counts what comes of a request, whether or not it said how much that would be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            # What is around the file is small.
            if taken > LARGEST_UPLOAD + 64 * 1024:
                # The rest is let go as it comes, for a caller who still sends does not hear an answer.
                while message.get("more_body", False):
                    message = await receive()
                raise TooLarge
            return message

        await self.app(scope, counted, send)


app.add_middleware(RefuseLarge)


async def caller(authorization: Annotated[Optional[str], Header()] = None) -> Principal:
    if not authorization or not authorization.startswith("Bearer "):
        raise UnauthorizedError("Missing or invalid authorization header")
    return await server.agent.accounts.authenticate(authorization[len("Bearer ") :])


Caller = Annotated[Principal, Depends(caller)]


async def while_heard(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of some work; a caller who hangs up cancels it."""

    async def hung_up() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(hung_up())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            # Nobody hears this; it ends the request.
            raise HTTPException(499, "The caller hung up")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


class Registration(BaseModel):
    email: str


class Credentials(BaseModel):
    apiKey: str


@app.get("/api/v1/health")
async def health() -> Dict[str, str]:
    return {"status": "ok", "timestamp": datetime.now(timezone.utc).isoformat(), "service": ORGANIZATION}


@app.post("/api/v1/users/register", status_code=201)
async def register(body: Registration) -> Dict[str, str]:
    new = await server.agent.accounts.of(server.organization).register(body.email)
    message = "API key created. Save this key securely - it will not be shown again."
    return {"userId": new.user.id, "apiKey": new.secret, "message": message}


@app.post("/api/v1/auth/login")
async def login(body: Credentials) -> Dict[str, Optional[str]]:
    user = (await server.agent.accounts.log_in(body.apiKey)).user
    return {"token": body.apiKey, "userId": user.id if user else None, "email": user.email if user else None}


@app.post("/api/v1/sessions", status_code=201)
async def create_session(caller: Caller) -> Dict[str, str]:
    session = await server.agent.with_principal(caller).sessions.create()
    return {"sessionId": session.id, "createdAt": session.created_at.isoformat()}


@app.get("/api/v1/sessions/{session_id}")
async def get_session(session_id: str, caller: Caller) -> Dict[str, Any]:
    session = await server.agent.with_principal(caller).sessions.get(session_id)
    times = {"createdAt": session.created_at.isoformat(), "lastActivityAt": session.last_activity_at.isoformat()}
    return {"session": {"id": session.id, "userId": session.user, **times}}


@app.get("/api/v1/sessions/{session_id}/messages")
async def get_messages(session_id: str, caller: Caller, limit: int = 20) -> Dict[str, Any]:
    page = await server.agent.with_principal(caller).sessions.history(session_id, limit=max(1, min(limit, 100)))
    said = [{"role": m.role, "content": m.content, "createdAt": m.created_at.isoformat()} for m in page.items]
    return {"messages": said}


@app.post("/api/v1/voice/conversation")
async def converse(
    request: Request,
    caller: Caller,
    audio: Annotated[Optional[UploadFile], File()] = None,
    sessionId: Annotated[Optional[str], Form()] = None,
) -> Response:
    if audio is None:
        raise ValidationError("Audio file is required")
    mine = server.agent.with_principal(caller)
    # A caller who hangs up cancels the turn: nothing is stored then.
    reply = await while_heard(request, mine.converse(await audio.read(), session=sessionId or None))
    if reply.audio_error is not None:
        raise reply.audio_error
    headers = {"X-Session-Id": reply.session_id, "X-Transcript": quote(reply.transcript, safe=PLAIN)}
    sound = await asyncio.to_thread(reply.audio.encode, "mp3")
    return Response(sound, media_type="audio/mpeg", headers=headers)


if __name__ == "__main__":
    import uvicorn

    host, _, port = os.environ.get("VOICE_ADDRESS", "127.0.0.1:8000").rpartition(":")
    uvicorn.run(app, host=host, port=int(port))
