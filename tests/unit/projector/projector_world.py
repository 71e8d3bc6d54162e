"""A journal that tests write as workers do, and a projector of it, with records in a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from actors.connection.events import Event, EventKind, to_entry
from actors.connection.sealing import Sealer, new_key
from actors.events.contract import LiveEvent
from actors.journal.contract import Appended, NewEntry, StreamAppend
from actors.journal.memory import MemoryJournal
from actors.projector.projector import Projector
from actors.records import Kind, Query, RecordStore, kinds
from actors.records.kinds import KINDS
from actors.records.models import Record

TENANT: Final = "acme"
NOON: Final = 1_772_366_400_000
"""2026-03-01, 12:00 UTC, in epoch milliseconds."""
KEY: Final = new_key()
Json = dict[str, object]


class Script:
    """Writes one stream. Its clock is a tenth of a second on with every entry."""

    def __init__(self, journal: MemoryJournal, stream: str, workspace: str, *, at: int = NOON) -> None:
        self.stream = stream
        self.seq = 0
        self.at = at
        self._journal = journal
        self._workspace = workspace
        self._waiting: list[NewEntry] = []

    def later(self, ms: int) -> Script:
        self.at += ms
        return self

    def entry(self, kind: str, payload: bytes) -> Script:
        self.at += 100
        self._waiting.append(NewEntry(kind, payload, self.at))
        return self

    def event(self, kind: str, message: Json | bytes, concerns: str = "") -> Script:
        text = message if isinstance(message, bytes) else json.dumps(message).encode()
        if kind in {one.value for one in EventKind}:
            made = to_entry(Event(0, EventKind(kind), text, concerns), 0)
            return self.entry(made.kind, made.payload)
        return self.entry(kind, b"\n" + text)

    async def commit(self, meta: bytes | None = None) -> Script:
        placement = await self._journal.acquire(self._workspace, "worker", 60.0)
        waiting, self._waiting = self._waiting, []
        append = StreamAppend(self.stream, self._workspace, placement.fence, self.seq + 1, waiting, meta)
        [result] = await self._journal.append([append])
        assert isinstance(result, Appended)
        self.seq = result.last_seq
        return self


class SessionScript(Script):
    """Writes a session's stream as its connection actor does."""

    def __init__(
        self,
        journal: MemoryJournal,
        session_id: str = "sess-1",
        installation: str = TENANT,
        workspace_id: str = "repo",
        *,
        at: int = NOON,
    ) -> None:
        super().__init__(journal, f"{installation}/{session_id}", f"{installation}/{workspace_id}", at=at)
        self.session_id = session_id
        self.record: Json = {
            "installation": installation,
            "workspace_id": workspace_id,
            "session_id": session_id,
            "agent_id": "a1",
            "cwd": "/w",
            "title": "Fix it",
            "updated_at": "2026-03-01T12:00:00.000Z",
            "carriage": {"connection_id": f"conn_{session_id}", "container_id": "box-1"},
        }

    async def save(self, surroundings: bytes = b"", **changed: object) -> SessionScript:
        """Commit what waits, with the session's record."""
        if surroundings:
            self.record["sealed"] = Sealer(KEY).seal(surroundings)
        self.record |= changed
        await self.commit(msgspec.msgpack.encode(self.record))
        return self

    def activated(self) -> SessionScript:
        self.event("activated", {"worker": "w", "fence": 1})
        return self

    def connection(self, to: str, before: str | None = None, **more: object) -> SessionScript:
        told: Json = {
            "connectionId": f"conn_{self.session_id}",
            "containerId": "box-1",
            "from": before,
            "to": to,
            "protocol": "acp",
            "protocolVersion": "1.0.0" if to in ("connected", "degraded") else None,
        }
        self.event("connection", told | more)
        return self

    def connected(self) -> SessionScript:
        return self.activated().connection("connecting").connection("connected", "connecting")

    def turn(self, number: int = 1) -> SessionScript:
        self.event("turn-started", {"turn": number, "promptId": None, "client": "c1"}, "c1")
        return self

    def prompt(self, text: str) -> SessionScript:
        self.event("prompt", self._update("user_message_chunk", text), "c1")
        return self

    def chunk(self, text: str, kind: str = "agent_message_chunk") -> SessionScript:
        self.event("update", self._update(kind, text))
        return self

    def update(self, **update: object) -> SessionScript:
        params = {"sessionId": self.session_id, "update": update}
        self.event("update", {"jsonrpc": "2.0", "method": "session/update", "params": params})
        return self

    def ended(self, number: int = 1, outcome: str = "completed", answer: Json | None = None) -> SessionScript:
        told = {
            "turn": number,
            "outcome": outcome,
            "answer": answer or {"result": {"stopReason": "end_turn"}},
        }
        self.event("turn-ended", told, "c1")
        return self

    def notice(self, toast: str, kind: str = "agent-closed", **more: object) -> SessionScript:
        params = {"sessionId": self.session_id, "kind": kind, "severity": "warning", "toast": toast, **more}
        self.event("notice", {"jsonrpc": "2.0", "method": "_lumilink/notice", "params": params})
        return self

    def _update(self, kind: str, text: str) -> Json:
        update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
        params = {"sessionId": self.session_id, "update": update}
        return {"jsonrpc": "2.0", "method": "session/update", "params": params}


class World:
    """A journal, a store, and projectors of the one into the other."""

    def __init__(self, store: RecordStore) -> None:
        self.journal = MemoryJournal()
        self.store = store
        self.now = NOON
        self.told: list[LiveEvent] = []
        self.outgoing: Callable[[], None] | None = None

    async def post(self, events: Sequence[LiveEvent]) -> None:
        self.told += events

    def projector(self) -> Projector:
        return Projector(
            self.journal, self.store, self.post, Sealer(KEY), lambda: self.now, outgoing=self.outgoing
        )

    async def project(self) -> None:
        """As a projector that was just started, until nothing is left."""
        await self.projector().catch_up()

    def session(self, session_id: str = "sess-1", **more: object) -> SessionScript:
        return SessionScript(self.journal, session_id, **more)  # type: ignore[arg-type] # as it takes them

    async def all(self, kind: Kind[Record], installation: str = TENANT) -> list[Json]:
        """The records of a kind, oldest first, as JSON."""
        query = Query(sort=_camel(kind.moment), limit=200)
        found = (await self.store.page(installation, kind, query)).items
        return [json.loads(one.model_dump_json()) for one in found]

    async def everything(self, installation: str = TENANT) -> dict[str, list[Json]]:
        return {kind.table.name: await self.all(kind, installation) for kind in KINDS}

    async def texts(self) -> list[str]:
        """What agents and clients said, as the messages have it."""
        return [text_of(one) for one in await self.all(kinds.MESSAGES) if one["messageType"] == "message"]


def text_of(message: Json) -> str:
    payload = message["payload"]
    assert isinstance(payload, dict)
    return str(payload["params"]["update"]["content"]["text"])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def copy_of(database: Path, folder: Path) -> str:
    return f"sqlite+aiosqlite:///{shutil.copy(database, folder / 'records.db')}"
