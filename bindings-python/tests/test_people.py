"""Accounts, assistants, the audit log, and agents that act for somebody."""

import asyncio

import pytest
from conftest import hum, parts

from voice_core import (
    AsyncVoiceAgent,
    InvalidApiKeyError,
    InvalidRequestError,
    KeyLimit,
    Principal,
    RateLimitError,
    SessionNotFoundError,
    TurnDone,
    UnauthorizedError,
    ValidationError,
    VoiceAgent,
)


@pytest.fixture
def house(agent):
    """An organization with its accounts."""
    organization = agent.accounts.create_organization("House")
    return organization, agent.accounts.of(organization.id)


def test_somebody_reaches_their_own_and_nothing_else(agent, house):
    _, accounts = house
    ann, bob = (accounts.register(f"{name}@example.com") for name in ("ann", "bob"))
    anns = agent.with_principal(agent.accounts.authenticate(ann.secret))
    bobs = agent.with_principal(Principal(bob.user.organization, bob.user.id))
    reply = anns.converse(text="Hello")
    session = anns.sessions.get(reply.session_id)
    assert (session.user, session.organization) == (ann.user.id, ann.user.organization)
    assert [m.content for m in anns.sessions.history(session.id).items] == ["Hello", "This is a test."]
    assert anns.sessions.search("HELLO").items[0].session_id == session.id
    with pytest.raises(SessionNotFoundError):
        bobs.sessions.get(session.id)
    assert bobs.sessions.list().items == [] and bobs.sessions.search("hello").items == []
    assert bobs.converse(text="Hello", session=session.id).session_id != session.id
    with bobs.live(session=session.id) as live:
        assert live.session_id != session.id
    with pytest.raises(UnauthorizedError):
        bobs.accounts.organizations()
    with pytest.raises(UnauthorizedError):
        anns.close()
    assert anns.accounts.user(ann.user.id).email == "ann@example.com"
    assert anns.sessions.export(session.id, "text").endswith("assistant: This is a test.\n")
    assert anns.sessions.erase_user().messages == 2
    with pytest.raises(UnauthorizedError):
        anns.with_principal(Principal(ann.user.organization)).sessions.list()


def test_a_host_names_the_organization_of_a_turn_and_of_a_live_session(agent, house):
    organization, _ = house
    theirs = agent.with_principal(Principal(organization.id)).sessions
    reply = agent.converse(text="Hello", organization=organization.id, speak=False)
    with agent.live(organization=organization.id, speak=False) as live:
        live.push_text("Hello")
        assert any(isinstance(event, TurnDone) for event in live)
        assert theirs.get(live.session_id).organization == organization.id
    assert theirs.get(reply.session_id).organization == organization.id
    with pytest.raises(ValidationError, match="organization"):
        agent.converse(text="Hello", organization="nobody's")
    with pytest.raises(ValidationError, match="organization: int"):
        agent.converse(text="Hello", organization=1)


def test_a_key_is_limited_rotated_and_revoked_and_never_printed(agent, house):
    organization, accounts = house
    new = accounts.register("ann@example.com")
    assert new.secret not in repr(new) and "ann@" not in repr(new)
    key = accounts.create_key(user=new.user.id, name="phone", rate_limit=KeyLimit(per_minute=60, burst=1))
    assert agent.accounts.log_in(key.secret).user == new.user
    with pytest.raises(RateLimitError) as caught:
        agent.accounts.authenticate(key.secret)
    assert caught.value.retry_after > 0 and caught.value.http_status == 429
    rotated = accounts.rotate_key(key.key.id)
    assert (rotated.key.name, rotated.key.rate_limit) == ("phone", key.key.rate_limit)
    accounts.revoke_key(rotated.key.id)
    for secret in (key.secret, rotated.secret, "sk_nothing"):
        with pytest.raises(InvalidApiKeyError):
            agent.accounts.authenticate(secret)
    assert len(accounts.keys(user=new.user.id).items) == 3
    entry = agent.audit.entries(organization=organization.id, action="key.revoke").items[0]
    assert (entry.actor, entry.target, entry.organization) == ("host", rotated.key.id, organization.id)
    with pytest.raises(InvalidRequestError) as gone:
        accounts.user(organization.id)
    assert (gone.value.kind, gone.value.http_status) == ("not_found", 404)


def test_an_access_token_opens_what_it_was_issued_for(agent, house):
    _, accounts = house
    user = accounts.register("ann@example.com").user
    keys = {"keys": [{"id": "k1", "hs256": "a secret of at least thirty-two bytes"}], "issuer": "house"}
    token = agent.accounts.issue_token(keys, Principal(user.organization, user.id), 60)
    assert agent.accounts.authenticate_token(keys, token).user == user.id
    with pytest.raises(UnauthorizedError):
        agent.accounts.authenticate_token({**keys, "issuer": "another"}, token)


def test_a_session_keeps_the_version_of_its_assistant(agent, house):
    organization, accounts = house
    assistants = agent.assistants.of(organization.id)
    mira = assistants.create({"name": "Mira", "first_message": "Hello!", "end_call_phrases": ["bye"]})
    assert (mira.version, mira.assistant["end_call_phrases"]) == (1, ["bye"])
    anns = agent.with_principal(Principal(organization.id, accounts.register("ann@example.com").user.id))
    session = anns.sessions.create(assistant=mira.id)
    changed = assistants.patch(mira.id, {"first_message": "Good day!"})
    assert (changed.version, changed.assistant["name"]) == (2, "Mira")
    assert session.assistant.version == 1 and assistants.version(mira.id, 1).assistant["first_message"] == "Hello!"
    greeting = anns.sessions.greet(session.id)
    assert greeting.text == "Hello!" and greeting.audio.duration > 0 and greeting.audio_error is None
    assert anns.sessions.greet(anns.sessions.create().id) is None
    reply = anns.converse(text="Hi", assistant=mira.id)
    assert anns.sessions.get(reply.session_id).assistant.version == 2
    assert len(anns.sessions.list(assistant=mira.id).items) == 2
    with pytest.raises(ValidationError, match="temprature"):
        assistants.create({"name": "M", "temprature": 1})
    with pytest.raises(UnauthorizedError):
        anns.assistants.delete(mira.id)
    assistants.delete(mira.id)
    assert assistants.list().items == []


def test_sound_that_is_kept_is_given_back(tmp_path):
    with VoiceAgent({**parts(), "recordings": {"store": f"file:{tmp_path}"}}) as agent:
        reply = agent.converse(hum())
        asked, answered = agent.sessions.history(reply.session_id).items
        assert agent.sessions.recording(asked) and agent.sessions.recording(answered)
        assert agent.sessions.recording_url(answered, 60) is None
        assert agent.sessions.clean_up().messages == 0


def test_the_same_on_an_event_loop():
    async def run():
        async with AsyncVoiceAgent(parts()) as agent:
            organization = await agent.accounts.create_organization("House")
            new = await agent.accounts.of(organization.id).register("ann@example.com")
            mine = agent.with_principal(await agent.accounts.authenticate(new.secret))
            reply = await mine.converse(text="Hello")
            assert [s.id for s in (await mine.sessions.list()).items] == [reply.session_id]
            events = [event async for event in mine.turn(text="Again", session=reply.session_id)]
            assert events[-1].reply.session_id == reply.session_id
            with pytest.raises(UnauthorizedError):
                await mine.audit.entries()
            assert (await agent.audit.entries(action="user.register")).items[0].target == new.user.id

    asyncio.run(run())
