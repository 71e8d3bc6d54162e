"""What a connection actor has to do with, in memory: an agent, clients, the worker's directory."""

import asyncio
import contextlib
import itertools
import json
from dataclasses import replace
from typing import cast

from fake_agent import NOTHING_YET, FakeAgent, Json, text

from actors import errors
from actors.agents.memory import Memory
from actors.agents.room import AgentRoom
from actors.agents.target import AgentTarget
from actors.connection.actor import ConnectionActor
from actors.connection.attachment import Attachment
from actors.connection.automating import AutomationDesk, NoAutomation
from actors.connection.messages import (
    AttachMode,
    AttachSession,
    ClientFrame,
    ConnectionSettings,
    Credit,
    Detach,
    ForkSession,
    OpenSession,
)
from actors.connection.reconnecting import ReconnectPolicy
from actors.connection.roles import Role
from actors.connection.scope import Scope
from actors.connection.sealing import Sealer, new_key
from actors.connection.store import SessionStore, StoredSession
from actors.journal import Entry, GroupWriter, Placement
from actors.journal.memory import MemoryJournal
from actors.kernel import ActorId, ActorOptions, ActorRef, ActorSystem, Directive
from actors.link.channel import Channel
from actors.migration.contract import Chosen, SampleKind
from actors.placement.leases import Lease
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.envelope import parse
from actors.protocol.surroundings import surroundings_of

__all__ = [
    "BEGUN",
    "NOTHING_YET",
    "SESSION",
    "SETTINGS",
    "WORKSPACE",
    "Client",
    "FakeAgent",
    "Json",
    "Standing",
    "World",
    "settle",
]

SESSION = "ses_1"
BEGUN = ["activated", "connection", "connection"]
"""The kinds of a session's first entries: a worker has it, its agent was dialled and has shaken hands."""
WORKSPACE = "inst/ws_1"
MB = 1024 * 1024
KEY = new_key()
SETTINGS = ConnectionSettings(target=AgentTarget.parse("ws://127.0.0.1:1/acp"))
_WIRE = {"container_id": "containerId", "fallback_enabled": "fallbackEnabled"}
_numbers = itertools.count(1)


async def settle() -> None:
    """Let everything that can happen without time passing happen, commits included."""
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]  # it has no public name
            return
    raise AssertionError("something happens over and over again")


class FakeChannel:
    """The replica's end: ``frames`` are (kind, stream, request id, message or error).

    ``cursor`` is the newest event of the session that was sent.
    """

    def __init__(self) -> None:
        self.frames: list[tuple[str, int, bytes, object]] = []
        self.cursor = 0
        self.congested = False

    def send_data(self, stream: int, message: bytes, seq: int = 0) -> None:
        assert seq == 0 or seq > self.cursor, "events come in order, each once"
        self.cursor = max(self.cursor, seq)
        self.frames.append(("data", stream, b"", message))

    def send_answer(self, stream: int, request_id: bytes, message: bytes) -> None:
        self.frames.append(("answer", stream, request_id, message))

    def send_close(self, stream: int, error: errors.LumiLinkError) -> None:
        self.frames.append(("close", stream, b"", error))


class Client:
    """One client's view of one session. A view that comes ``again`` bears the name of the one before."""

    def __init__(
        self,
        world: "World",
        session_id: str = SESSION,
        again: "Client | None" = None,
        role: Role = Role.DRIVER,
    ) -> None:
        self.world = world
        self.session_id = session_id
        self.channel = FakeChannel()
        self.name: str = f"client-{next(_numbers)}" if again is None else again.name
        self.attachment = Attachment(cast("Channel", self.channel), 1, self.name, self._end, role)
        self._credited = 0

    def _end(self, attachment: Attachment) -> None:
        with contextlib.suppress(errors.ActorStoppedError):
            self.world.connection.tell(Detach(self.session_id, attachment))

    # ------------------------------------------------------------------ what it says

    async def open(
        self, id_text: str = "1", cwd: str = "/w", servers: tuple[Json, ...] = (), **wishes: object
    ) -> "Client":
        """``wishes`` are what ``_meta.lumilink`` says: ``container_id`` and ``fallback_enabled``."""
        params: Json = {"cwd": cwd, "mcpServers": servers}
        if wishes:
            params["_meta"] = {"lumilink": {_WIRE.get(name, name): one for name, one in wishes.items()}}
        request = parse(self._request(id_text, "session/new", params))
        initialize = b'{"protocolVersion":1,"clientCapabilities":{"fs":{"readTextFile":true}}}'
        self.world.connection.tell(
            OpenSession(self.session_id, self.attachment, request, initialize, cwd, surroundings_of(request))
        )
        await settle()
        return self

    async def attach(
        self, mode: AttachMode = AttachMode.LOAD, id_text: str = "1", after: int = 0, **said: object
    ) -> "Client":
        self.begin_attach(mode, id_text, after, **said)
        await settle()
        return self

    def begin_attach(
        self, mode: AttachMode = AttachMode.LOAD, id_text: str = "1", after: int = 0, **said: object
    ) -> None:
        """Attach, without waiting for what comes of it."""
        self.world.connection.tell(self._attaching(mode, id_text, after, said))

    async def come_again(self, lost: "Client", *pending: bytes) -> "Client":
        """Bring back the view that ``lost`` had, from where it was; ``pending`` are its open prompts."""
        after = lost.channel.cursor
        asking = self._attaching(AttachMode.CURSOR, "0", after, {})
        self.world.connection.tell(replace(asking, again=True, pending=pending))
        await settle()
        return self

    def _attaching(self, mode: AttachMode, id_text: str, after: int, said: Json) -> AttachSession:
        request = parse(self._request(id_text, mode.value, {"sessionId": self.session_id, **said}))
        return AttachSession(self.session_id, self.attachment, request, mode, after)

    async def fork(self, source: str, id_text: str = "1") -> "Client":
        request = parse(self._request(id_text, "session/fork", {"sessionId": source, "cwd": "/w"}))
        self.world.connection.tell(ForkSession(source, self.session_id, self.attachment, request))
        await settle()
        return self

    async def send(self, frame: object) -> None:
        self.world.connection.tell(ClientFrame(self.session_id, self.attachment, text(frame)))
        await settle()

    async def request(self, id_text: str, method: str, **params: object) -> None:
        await self.send(self._request(id_text, method, {"sessionId": self.session_id, **params}))

    async def prompt(self, id_text: str, words: str = "hello", prompt_id: str | None = None) -> None:
        params: Json = {"prompt": [{"type": "text", "text": words}]}
        if prompt_id is not None:
            params["_meta"] = {"lumilink": {"promptId": prompt_id}}
        await self.request(id_text, "session/prompt", **params)

    async def notify(self, method: str, **params: object) -> None:
        await self.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def cancel(self) -> None:
        await self.notify("session/cancel", sessionId=self.session_id)

    async def answer(self, question_id: object, result: object) -> None:
        await self.send({"jsonrpc": "2.0", "id": question_id, "result": result})

    async def leave(self) -> None:
        """Its socket is gone: what the worker does at a CLOSE frame."""
        self.attachment.leave()
        self.world.connection.tell(Detach(self.session_id, self.attachment))
        await settle()

    async def credit(self) -> int:
        """Take all that was sent since the last time; returns how many frames that were."""
        new = [frame for frame in self.channel.frames[self._credited :] if frame[0] != "close"]
        self._credited = len(self.channel.frames)
        size = sum(len(cast("bytes", frame[3])) for frame in new)
        self.world.connection.tell(Credit(self.session_id, self.attachment, len(new), size))
        await settle()
        return len(new)

    @staticmethod
    def _request(id_text: str, method: str, params: Json) -> bytes:
        return (
            f'{{"jsonrpc":"2.0","id":{id_text},"method":"{method}","params":{json.dumps(params)}}}'.encode()
        )

    # ------------------------------------------------------------------ what it was told

    def forget(self) -> None:
        """Begin anew to note what it is told."""
        self.channel.frames.clear()
        self._credited = 0

    def messages(self) -> list[Json]:
        return [json.loads(cast("bytes", frame[3])) for frame in self.channel.frames if frame[0] != "close"]

    def told(self, method: str) -> list[Json]:
        """The params of its notifications and requests of this method."""
        return [cast("Json", m["params"]) for m in self.messages() if m.get("method") == method]

    def story(self) -> list[str]:
        """In order: the texts of updates, ``?method`` of questions, ``=id`` of answers, other methods."""
        return [_brief(message) for message in self.messages()]

    def reply(self, id_text: str) -> Json:
        """The one answer to a request."""
        found = [
            json.loads(cast("bytes", frame[3]))
            for frame in self.channel.frames
            if frame[0] == "answer" and frame[2] == id_text.encode()
        ]
        assert len(found) == 1, f"{len(found)} answers to {id_text}: {self.channel.frames}"
        return found[0]

    def code(self, id_text: str) -> object:
        """Our own code of the error that a request was answered with."""
        error = cast("dict[str, dict[str, object]]", self.reply(id_text)["error"])
        return error["data"]["code"]

    def notices(self) -> list[object]:
        """What kinds of disruptions and recoveries it was told of."""
        return [notice["kind"] for notice in self.told("_lumilink/notice")]

    def closed_by(self) -> object:
        """The error that its view ended with; None while it is there."""
        closes = [frame[3] for frame in self.channel.frames if frame[0] == "close"]
        assert len(closes) <= 1, "a view ends once"
        return closes[0] if closes else None

    def questions(self) -> list[Json]:
        return [m for m in self.messages() if "method" in m and "id" in m]


def _brief(message: Json) -> str:
    if "method" not in message:
        return f"={message['id']}"
    if "id" in message:
        return f"?{message['method']}"
    if message["method"] == "session/update":
        update = cast("dict[str, dict[str, str]]", cast("Json", message["params"])["update"])
        return update["content"]["text"]
    return str(message["method"])


class Standing:
    """A workspace's standing as a test sets it; notes all samples."""

    def __init__(self, protocol: AgentProtocol = AgentProtocol.ACP, *, is_probe: bool = False) -> None:
        self.chosen = Chosen(protocol, is_probe)
        self.fallback_enabled = True
        self.samples: list[tuple[SampleKind, bool, bool]] = []
        self.latencies: list[float | None] = []

    def choose(self, session_id: str) -> Chosen:
        return self.chosen

    def note(
        self, kind: SampleKind, *, ok: bool, is_probe: bool = False, latency_p95_ms: float | None = None
    ) -> None:
        self.samples.append((kind, ok, is_probe))
        self.latencies.append(latency_p95_ms)


class World:
    """A system with one connection actor, and the directory of its worker.

    ``before`` is the world of a worker that is gone, whose journal this one goes on with.
    """

    def __init__(
        self, agent: FakeAgent, journal: MemoryJournal | None = None, before: "World | None" = None
    ) -> None:
        self.agent = agent
        self.escalated: list[BaseException] = []
        self.system = ActorSystem(on_escalation=self.escalated.append, chance=lambda: 0.0)
        self.opened: dict[str, ActorRef] = {}
        self.given_back: list[str] = []
        self._connection: ActorRef | None = None
        self.settings = SETTINGS
        self.memory = Memory(100_000 * MB, 100_000 * MB)
        self.room = AgentRoom(memory=lambda: self.memory)
        self.history_bytes = 1024 * 1024
        self.before = before
        self.journal: MemoryJournal = journal or (before.journal if before is not None else MemoryJournal())
        self.writer = GroupWriter(self.journal)
        fence = 1 if before is None else before.lease.fence + 1
        self.standing = Standing()
        self.told_workspace: list[object] = []
        self.automation: AutomationDesk = NoAutomation()
        self.lease: Lease = Lease(Placement(WORKSPACE, f"life-{fence}", fence, 0), lambda: None)

    def set(self, **settings: float | ReconnectPolicy | AgentTarget | None) -> None:
        """Other settings for the connection; before its first use."""
        assert self._connection is None
        self.settings = replace(self.settings, **settings)  # type: ignore[arg-type] # what they are

    @property
    def scope(self) -> Scope:
        """Whose sessions they are, and where they are kept."""
        store = SessionStore(self.journal, self.writer, Sealer(KEY), self.history_bytes)
        return Scope(
            "inst",
            "ws_1",
            self.settings,
            self,
            store,
            self.lease,
            self.room,
            self.standing,
            self.told_workspace.append,
            self.automation,
        )

    @property
    def connection(self) -> ActorRef:
        if self._connection is None:
            self._connection = self._spawn(None)
        return self._connection

    def _spawn(self, stored: StoredSession | None) -> ActorRef:
        return self.system.spawn(
            ActorId("connection", SESSION),
            lambda: ConnectionActor(self.scope, stored),
            ActorOptions(on_failure=lambda _error: Directive.STOP),
        )

    async def take_up(self) -> "World":
        """Go on with the session that the journal has, as its workspace's new owner."""
        fence = 0
        while fence < self.lease.fence:
            fence = (await self.journal.acquire(WORKSPACE, self.lease.placement.worker, 0.0)).fence
        self._connection = self._spawn(await self.scope.store.find("inst", SESSION))
        return self

    def client(self, session_id: str = SESSION, again: Client | None = None) -> Client:
        return Client(self, session_id, again)

    def observer(self) -> Client:
        return Client(self, role=Role.OBSERVER)

    async def opened_client(self) -> Client:
        """A client with a session, which has taken the answer; that is left out of what it was told."""
        client = await self.client().open()
        assert "result" in client.reply("1")
        await client.credit()
        client.forget()
        return client

    def session_opened(self, session_id: str, holder: ActorRef) -> None:
        assert session_id not in self.opened
        self.opened[session_id] = holder

    def session_closed(self, session_id: str) -> None:
        self.given_back.append(session_id)

    def is_stopped(self) -> bool:
        return self.system.find(ActorId("connection", SESSION)) is None

    async def end(self) -> None:
        await self.system.stop(10.0)
        assert self.escalated == []
        assert self.system.statistics().tasks == 0
        assert await self.writer.close(1.0) == 0
        if self.before is None:
            await self.journal.close()

    # ------------------------------------------------------------------ what the journal has

    async def entries(self, session_id: str = SESSION) -> list[Entry]:
        """The session's events."""
        return list((await self.journal.read(f"inst/{session_id}", 0, 10_000, 1 << 30)).entries)

    async def noted(self, kind: str, session_id: str = SESSION) -> list[Json]:
        """What the entries of a kind that is shown to nobody say."""
        entries = [entry for entry in await self.entries(session_id) if entry.kind == kind]
        return [json.loads(entry.payload.partition(b"\n")[2]) for entry in entries]

    async def kinds(self, session_id: str = SESSION) -> list[str]:
        """What kinds they are of, in order."""
        return [entry.kind for entry in await self.entries(session_id)]
