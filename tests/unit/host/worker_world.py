"""A host, the links of its replicas, and agents that do as they are told."""

import asyncio
import json
from dataclasses import asdict
from typing import cast

from actors import errors
from actors.agents.link import AgentListener
from actors.agents.target import AgentTarget
from actors.connection.messages import ConnectionSettings
from actors.connection.sealing import new_key
from actors.host import Host, WorkerSettings
from actors.journal.contract import PAGE_BYTES, PAGE_ENTRIES, Page
from actors.journal.memory import MemoryJournal
from actors.link.channel import Channel
from actors.link.greeting import Greeting
from actors.storage import StorageSettings

Json = dict[str, object]

CAPACITY = 3


async def settle() -> None:
    """Let everything that can happen without time passing happen, commits included."""
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]  # it has no public name
            return
    raise AssertionError("something happens over and over again")


class EchoAgent:
    """An agent over a link in memory: each prompt leads to one update, ``echo``, and to its end.

    While ``slow``, it answers nothing but ``initialize``.
    """

    slow = False

    def __init__(self, listener: AgentListener) -> None:
        self._listener = listener
        self.closed = False
        self.heard: list[str] = []
        self._sessions = 0
        self._last: Json = {}

    def send(self, frame: bytes) -> None:
        message = self._last = json.loads(frame)
        method = message.get("method", "answer")
        self.heard.append(method)
        if method == "initialize":
            capabilities = {"sessionCapabilities": {"fork": {}}}
            self._answer(message, {"protocolVersion": 1, "agentCapabilities": capabilities})
        elif method in ("session/new", "session/fork") and not self.slow:
            self._sessions += 1
            self._answer(message, {"sessionId": f"a{self._sessions}"})
        elif method == "session/prompt" and not self.slow:
            self.update("echo", message["params"]["sessionId"])
            self._answer(message, {"stopReason": "end_turn"})

    def answer_last(self, result: object) -> None:
        """Answer what it was asked last, however slow it is."""
        self._answer(self._last, result)

    def update(self, text: str, session: str = "a1") -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        self._say({"method": "session/update", "params": {"sessionId": session, "update": update}})

    def _answer(self, request: Json, result: object) -> None:
        self._say({"id": request["id"], "result": result})

    def _say(self, message: Json) -> None:
        frame = json.dumps({"jsonrpc": "2.0", **message}).encode()
        asyncio.get_running_loop().call_soon(self._listener.agent_frame, frame)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True


class Replica:
    """The worker's end of a link to one replica. ``sent`` holds (kind, stream, message or error).

    Each of its streams is a client of its own, unless it is told whose it is.
    """

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name
        self.channel = cast("Channel", self)
        self.sent: list[tuple[str, int, object]] = []
        self.congested = False

    # ------------------------------------------------------------------ Channel, as the worker uses it

    def send_data(self, stream: int, message: bytes, seq: int = 0) -> None:
        self.sent.append(("data", stream, json.loads(message)))

    def send_answer(self, stream: int, request_id: bytes, message: bytes) -> None:
        self.sent.append(("answer", stream, json.loads(message)))

    def send_close(self, stream: int, error: errors.LumiLinkError) -> None:
        self.sent.append(("close", stream, error))

    def send_moved(self, stream: int, life: str) -> None:
        self.sent.append(("moved", stream, {"method": f"moved to {life}"}))

    # ------------------------------------------------------------------ what the replica does

    async def open(
        self, stream: int, session_id: str, method: str = "session/new", *, tenant: str = "a", **more: object
    ) -> None:
        self.begin_open(stream, session_id, method, tenant=tenant, **more)
        await settle()

    def begin_open(
        self, stream: int, session_id: str, method: str, *, tenant: str = "a", **more: object
    ) -> None:
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {"sessionId": session_id, "cwd": "/w"},
        }
        greeting = Greeting(
            method=method,
            request=json.dumps(request).encode(),
            client=str(more.pop("client", f"{self._name}-{stream}")),
            installation=tenant,
            initialize=b'{"protocolVersion":1}',
            workspace_id=str(more.pop("workspace", "ws")),
            cwd="/w",
            **more,  # type: ignore[arg-type] # what the method needs
        )
        self._host.link_open(self.channel, stream, session_id, asdict(greeting))

    async def say(
        self, stream: int, method: str, session_id: str, id_: int | None = 2, **params: object
    ) -> None:
        message: Json = {"jsonrpc": "2.0", "method": method, "params": {"sessionId": session_id, **params}}
        if id_ is not None:
            message["id"] = id_
        self._host.link_data(self.channel, stream, json.dumps(message).encode(), 0)
        await settle()

    async def close(self, stream: int) -> None:
        self._host.link_close(self.channel, stream, errors.RequestCancelledError("the client left"))
        await settle()

    async def lose(self) -> None:
        self._host.link_lost(self.channel, errors.LinkBrokenError("the link broke"))
        await settle()

    # ------------------------------------------------------------------ what it was told

    def on(self, stream: int) -> list[str]:
        """In order: ``answer``, ``error`` for an answer that is one, the text of updates, ``close code``."""
        return [_brief(kind, message) for kind, of, message in self.sent if of == stream]


def _brief(kind: str, message: object) -> str:
    if isinstance(message, errors.LumiLinkError):
        return f"close {message.code}"
    content = cast("dict[str, dict[str, dict[str, dict[str, str]]]]", message)
    if kind == "answer":
        return "error" if "error" in content else "answer"
    if content.get("method") == "session/update":  # type: ignore[comparison-overlap] # a message, not only params
        return content["params"]["update"]["content"]["text"]
    return str(content["method"])


class SharedJournal(MemoryJournal):
    """A journal that stays when one of its workers lets go of it. ``pages`` counts what was read."""

    pages = 0

    async def read(
        self,
        stream: str,
        after_seq: int,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        self.pages += 1
        return await super().read(stream, after_seq, limit_entries, limit_bytes)

    async def close(self) -> None:
        pass


KEY = new_key()


class Worker:
    """One host of ``CAPACITY`` sessions. ``fallback`` is where its agents are reached over HTTP."""

    def __init__(self, worker_id: str = "w1", gateway: str = "gateway", fallback: str = "") -> None:
        self.fatal: list[BaseException] = []
        over_http = AgentTarget.parse(fallback) if fallback else None
        connection = ConnectionSettings(AgentTarget.parse("ws://127.0.0.1:1/acp"), over_http)
        storage = StorageSettings(gateway=gateway, seal_key=KEY)
        self.settings = WorkerSettings(worker_id, "127.0.0.1", "s3cret", CAPACITY, connection, storage)
        self.host = Host(self.settings, self.fatal.append)
        self.one = Replica(self.host, f"{worker_id}-{gateway}-one")
        self.two = Replica(self.host, f"{worker_id}-{gateway}-two")

    @property
    def life(self) -> str:
        return self.host.storage.life

    async def start(self) -> "Worker":
        await self.host.start()
        return self

    async def list(self, tenant: str = "a") -> list[dict[str, object]]:
        found = await self.host.link_call(self.one.channel, "sessions", {"installation": tenant})
        return cast("list[dict[str, object]]", found)

    async def end(self) -> None:
        await self.host.stop()
        assert self.fatal == []
