"""Conversations in a JSON file: a store of your own, which a host would write for whatever it keeps its data in."""

import json
import os
import sys

from voice_core import StorageError, VoiceAgent, VoiceError


def moment(time):
    """Times compare like text once the Z is gone: they are all in UTC, and a fraction of a second comes after none."""
    return time.rstrip("Z")


class JsonStore:
    """Keeps everything in memory and writes the file anew with every change: fine for some thousand messages.

    The methods are `async` and wait for nothing, so that one event loop runs them one after the other, each as a whole.
    """

    name = "json-file"

    def __init__(self, path):
        self._path = path
        self._closed = False
        self._read()

    def _read(self):
        self._kept = {"sessions": {}, "messages": {}, "turns": {}}
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                self._kept = json.load(file)

    def _write(self):
        """All or nothing: the new file takes the place of the old one in one step."""
        try:
            with open(f"{self._path}.new", "w", encoding="utf-8") as file:
                json.dump(self._kept, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(f"{self._path}.new", self._path)
        except OSError:
            self._read()
            raise

    @property
    def _sessions(self):
        if self._closed:
            raise StorageError("the store is closed")
        return self._kept["sessions"]

    async def create_session(self, *, session):
        self._sessions.setdefault(session["id"], session)
        self._write()

    async def session(self, *, id):
        return self._sessions.get(id)

    async def list_sessions(self, *, user, status, limit, before):
        found = [
            session
            for id, session in sorted(self._sessions.items(), reverse=True)
            if (user is None or session["user"] == user)
            and (status is None or session["status"] == status)
            and (before is None or id < before)
        ]
        return {"items": found[:limit], "has_more": len(found) > limit}

    async def set_metadata(self, *, id, metadata):
        if id not in self._sessions:
            return False
        self._sessions[id]["metadata"] = metadata
        self._write()
        return True

    async def end_session(self, *, id, at):
        session = self._sessions.get(id)
        if session is None or session["status"] != "active":
            return False
        session.update(status="ended", ended_at=at)
        self._write()
        return True

    async def delete_session(self, *, id):
        if self._sessions.pop(id, None) is None:
            return False
        self._kept["messages"].pop(id, None)
        self._kept["turns"] = {turn: session for turn, session in self._kept["turns"].items() if session != id}
        self._write()
        return True

    async def save_turn(self, *, turn_id, session, messages, continues):
        if turn_id in self._kept["turns"]:
            return False
        if continues and session["id"] not in self._sessions:
            return None
        kept = self._sessions.setdefault(session["id"], session)
        kept["last_activity_at"] = max(kept["last_activity_at"], session["last_activity_at"], key=moment)
        self._kept["turns"][turn_id] = session["id"]
        self._kept["messages"].setdefault(session["id"], []).extend(messages)
        self._write()
        return True

    async def messages(self, *, session_id, limit, before):
        found = self._kept["messages"].get(session_id, []) if session_id in self._sessions else []
        if before is not None:
            at = next((at for at, message in enumerate(found) if message["id"] == before), 0)
            found = found[:at]
        return {"items": found[-limit:], "has_more": len(found) > limit}

    async def expire_idle(self, *, idle_since, at):
        idle = [
            session
            for session in self._sessions.values()
            if session["status"] == "active" and moment(session["last_activity_at"]) < moment(idle_since)
        ]
        for session in idle:
            session.update(status="expired", ended_at=at)
        self._write()
        return len(idle)

    async def delete_over(self, *, ended_before):
        over = [
            id
            for id, session in self._sessions.items()
            if session["ended_at"] is not None and moment(session["ended_at"]) < moment(ended_before)
        ]
        for id in over:
            await self.delete_session(id=id)
        return len(over)

    async def close(self):
        self._closed = True


if __name__ == "__main__":
    try:
        with VoiceAgent.local(storage=JsonStore("conversations.json")) as agent:
            reply = agent.converse("question.wav")
            for message in agent.sessions.history(reply.session_id).items:
                print(f"{message.role}: {message.content}")
    except VoiceError as error:
        sys.exit(f"{error.code}: {error}")
