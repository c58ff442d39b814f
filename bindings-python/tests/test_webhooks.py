"""Webhooks: told over a real connection, checked by the library and by hand, as the documents say."""

import asyncio
import base64
import hashlib
import hmac
import http.server
import queue
import threading

import pytest
from conftest import parts

from voice_core import AsyncVoiceAgent, InvalidRequestError, UnauthorizedError, ValidationError, VoiceAgent

CONFIG = {
    "accounts": {"credentials_key": "07" * 32},
    "webhooks": {"allow_http": True, "allow_private": True, "first_delay_seconds": 0.05},
}


@pytest.fixture
def receiver():
    """A server that keeps what it gets, and takes a message at the second attempt."""
    got = queue.Queue()
    seen = set()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            known = self.headers["webhook-id"] in seen
            seen.add(self.headers["webhook-id"])
            self.send_response(204 if known else 503)
            self.end_headers()
            got.put((dict(self.headers), body))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", got
    server.shutdown()
    server.server_close()


def by_hand(secret, headers, body):
    key = base64.b64decode(secret[len("whsec_") :])
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_a_webhook_is_told_until_it_takes_the_message(receiver):
    url, got = receiver
    with VoiceAgent(**parts(config=CONFIG)) as agent:
        made = agent.webhooks.create(url, events=["session.*"], description="Orders")
        assert made.secret not in repr(made) and url not in repr(made)
        session = agent.sessions.create(metadata={"call": "c1"})
        messages = [got.get(timeout=20), got.get(timeout=20)]
        assert messages[0][1] == messages[1][1] and b'"call":"c1"' in messages[0][1]
        for headers, body in messages:
            assert headers["webhook-signature"] == by_hand(made.secret, headers, body)
            given = {name: headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")}
            agent.webhooks.verify([made.secret], body=body, **given)
            with pytest.raises(UnauthorizedError):
                agent.webhooks.verify([made.secret], body=body + b" ", **given)
        while agent.webhooks.deliveries(status="pending").items:
            pass
        delivery = agent.webhooks.deliveries(webhook=made.webhook.id, name="session.started").items[0]
        assert (delivery.status, delivery.session) == ("delivered", session.id)
        assert [attempt.status for attempt in delivery.attempts] == [503, 204]
        assert agent.webhooks.send("order.placed", {"cakes": 2}) is True
        changed = agent.webhooks.update(made.webhook.id, enabled=False)
        assert not changed.enabled and changed.events == ["session.*"]
        agent.webhooks.delete(made.webhook.id)
        assert agent.webhooks.list().items == []


def test_what_is_wrong_is_named():
    with VoiceAgent(**parts(config={"accounts": {"credentials_key": "07" * 32}})) as agent:
        with pytest.raises(ValidationError, match="url: "):
            agent.webhooks.create("https://localhost/hook")
        with pytest.raises(InvalidRequestError, match="no such webhook"):
            agent.webhooks.get("01900000-0000-7000-8000-000000000000")


def test_webhooks_of_an_organization_are_awaited():
    async def run():
        config = {"accounts": {"credentials_key": "07" * 32}, "webhooks": {"deliver": False}}
        async with AsyncVoiceAgent(**parts(config=config)) as agent:
            house = await agent.accounts.create_organization("House")
            made = await agent.webhooks.of(house.id).create("https://example.org/hook")
            assert made.webhook.organization == house.id
            assert (await agent.webhooks.list()).items == []
            assert (await agent.webhooks.of(house.id).test(made.webhook.id)).status == "pending"

    asyncio.run(run())
