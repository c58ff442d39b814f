"""The store of `examples/python/json_store.py` does what every store of conversations must do."""

import runpy

import pytest
from conftest import ROOT, parts

from voice_core import StorageError, VoiceAgent, _host, _native
from voice_core._waiting import wait

JsonStore = runpy.run_path(str(ROOT / "examples" / "python" / "json_store.py"))["JsonStore"]


@pytest.mark.parametrize("case", _native._store_cases())
def test_a_json_file_is_a_store(case, tmp_path):
    store = _host.StoreAdaptor(JsonStore(tmp_path / "conversations.json"), None)
    assert wait(_native._try_store(case, store)) is None


def test_the_suite_finds_a_store_that_forgets(tmp_path):
    class Forgetful(JsonStore):
        async def set_metadata(self, *, id, metadata):
            return True

    store = _host.StoreAdaptor(Forgetful(tmp_path / "conversations.json"), None)
    assert "the session" in wait(_native._try_store("metadata_is_replaced_as_a_whole", store))


def test_a_conversation_is_there_after_a_restart_and_after_a_failed_save(tmp_path):
    path = tmp_path / "conversations.json"
    with VoiceAgent(**parts(storage=JsonStore(path))) as agent:
        session = agent.converse(text="Hello").session_id
        path.with_suffix(".json.new").mkdir()
        with pytest.raises(StorageError):
            agent.converse(text="Lost", session=session)
        path.with_suffix(".json.new").rmdir()
        assert len(agent.sessions.history(session).items) == 2
    with VoiceAgent(**parts(storage=JsonStore(path))) as agent:
        assert [m.content for m in agent.sessions.history(session).items] == ["Hello", "This is a test."]
