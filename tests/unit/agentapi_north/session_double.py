"""A gateway without workers: the one session in it does what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from actors import errors
from actors.protocol.identifiers import new_session_id
from serve.agentapi import internal_client
from serve.agentapi.internal_client import InternalClient
from serve.agentapi.watcher import Watcher
from serve.ingress.gateway import Gateway, IngressSettings
from serve.rights import Identity, Role

Json = dict[str, Any]
SOMEBODY = Identity("default", "", frozenset({Role.USER}), "")
ATTACH = "_lumilink/session/attach"


class FakeView:
    """A view of the session; ``taken`` counts the bytes that were taken."""

    def __init__(self) -> None:
        self.is_away = False
        self.cursor = 0
        self.taken = 0

    def passed(self, size: int) -> None:
        self.taken += size


class FakeConnection:
    """In place of ``ClientConnection``: notes what is said, and answers what ``replies`` holds."""

    def __init__(
        self, connection_id: str, identity: Identity, gateway: object, outlet: InternalClient
    ) -> None:
        self.identity = identity
        self.outlet = outlet
        self.initialize = b""
        self.listener: Any = None
        self.views: dict[str, FakeView] = {}
        self.said: list[Json] = []
        self.replies: dict[str, Json] = {ATTACH: {"seq": 0}}
        self.closed = False
        made.append(self)

    def take(self, frame: bytes) -> None:
        message = json.loads(frame)
        self.said.append(message)
        reply = self.replies.get(message.get("method", ""))
        if reply is not None and "id" in message:
            asyncio.get_running_loop().call_soon(self.answers, message, reply)

    async def close(self) -> None:
        self.closed = True

    # ------------------------------------------------------------------ what a test makes the session do

    @property
    def view(self) -> FakeView:
        [view] = self.views.values()
        return view

    def asked(self, method: str) -> list[Json]:
        return [message for message in self.said if message.get("method") == method]

    def answers(self, request: Json, reply: Json) -> None:
        kind = "error" if "message" in reply else "result"
        frame = json.dumps({"jsonrpc": "2.0", "id": request["id"], kind: reply}).encode()
        if request["method"] in (ATTACH, "session/new"):
            session_id = request["params"].get("sessionId") or reply.get("sessionId")
            self.views.setdefault(session_id, FakeView())
            self.outlet.opened(cast("Any", self.view), frame)
        else:
            self.outlet.answered(cast("Any", self.view), frame)

    def notifies(self, method: str, seq: int = 0, **params: object) -> None:
        frame = json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()
        self.view.cursor = max(self.view.cursor, seq)
        self.outlet.to_session(cast("Any", self.view), frame, seq)

    def asks(self, question_id: str, method: str, **params: object) -> None:
        message = {"jsonrpc": "2.0", "id": question_id, "method": method, "params": params}
        self.outlet.to_session(cast("Any", self.view), json.dumps(message).encode(), 0)

    def begins(self, seq: int, prompt_id: str | None = None) -> None:
        self.notifies("_lumilink/turn", seq, state="running", turn=1, promptId=prompt_id)

    def ends(self, seq: int) -> None:
        self.notifies("_lumilink/turn", seq, state="ended", turn=1, outcome="completed", answer={})

    def is_lost(self, error: errors.LumiLinkError) -> None:
        self.views.clear()
        self.listener.ended(error)


made: list[FakeConnection] = []


class Session:
    """A session, and the watcher of it."""

    def __init__(self, watcher: Watcher, connection: FakeConnection) -> None:
        self.watcher = watcher
        self.connection = connection


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients of our own talk to a double."""
    made.clear()
    monkeypatch.setattr(internal_client, "_Connection", FakeConnection)


def gateway() -> Gateway:
    """One that is never asked."""
    return cast("Gateway", _Nothing())


class _Nothing:
    settings = IngressSettings("secret")


async def watched(before: Callable[[FakeConnection], None] = lambda _: None) -> Session:
    """A session that is observed, all of it here."""
    watcher = Watcher(gateway(), SOMEBODY)
    connection = made[-1]
    before(connection)
    watcher.watch(new_session_id())
    assert await watcher.ready(5.0)
    return Session(watcher, connection)


async def until(is_so: Callable[[], object]) -> None:
    """Let things happen until it is so."""
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never is so")
