"""Replicas that come and go on purpose while clients stream: HAProxy is reloaded, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.http_peer import HttpPeer, UnexpectedStatusError, begun_http_peer
from support.journal_reading import check_promises, entries_of, outcomes_of
from support.messages import cursors, numbers
from support.peer import Peer
from support.returning import come_back
from support.scaling import scale_ingress
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(300, func_only=True),
]

SOCKETS = 4
STREAMS = 3
UPDATES = 400
SCRIPT = f"drip {UPDATES} 50\nawait go\nsay 100"
TAKES_S = 90.0
"""A replica that is not wanted any more is given half a minute by Serve."""


@pytest.fixture(scope="module")
def running_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway of its own: the number of its replicas changes."""
    settings = {"workers": 1, "ingress_replicas": 2, "dashboard": False}
    with GatewayProcess(tmp_path_factory.mktemp("reloads"), scripted_agent_target(), **settings) as running:
        yield running


class Crowd:
    """Clients over WebSockets and over HTTP, each with a turn that goes on until the workspace says so."""

    def __init__(self, stack: AsyncExitStack, gateway: GatewayProcess, workspace: Workspace) -> None:
        self.stack = stack
        self.gateway = gateway
        self.workspace = workspace
        self.sockets: dict[WebSocketPeer, str] = {}
        self.streams: dict[HttpPeer, str] = {}

    async def begin(self) -> None:
        for _ in range(SOCKETS):
            peer = await self.stack.enter_async_context(begun_peer(self.gateway.acp_over_websocket))
            self.sockets[peer] = await self._begin(peer)
        for _ in range(STREAMS):
            coming = begun_http_peer(self.gateway.acp_over_http, fresh_connections=True)
            http = await self.stack.enter_async_context(coming)
            self.streams[http] = await self._begin(http)

    async def _begin(self, peer: Peer) -> str:
        session_id = await peer.new_session(self.workspace)
        await peer.start_prompt(session_id, SCRIPT, "once")
        await peer.hears(session_id, "20 ")
        return session_id

    @property
    def cut(self) -> list[Peer]:
        """Those that have lost their socket, or a stream."""
        ended = [
            http for http, one in self.streams.items() if http.stream(one).done() or http.stream().done()
        ]
        return [*(peer for peer in self.sockets if peer.ended.is_set()), *ended]

    async def check(self) -> None:
        """Let the turns end; whoever was cut comes back, and each has seen all, once and in order."""
        self.workspace.signal("go")
        for socket, session_id in self.sockets.items():
            seeing = socket
            if socket.ended.is_set():
                coming = come_back(self.gateway, socket, session_id, TAKES_S)
                seeing = await self.stack.enter_async_context(coming)
            await self._check(seeing, session_id, await seeing.start_prompt(session_id, SCRIPT, "once"))
        for http, session_id in self.streams.items():
            await self._check(http, session_id, await self._prompt_over_http(http, session_id))

    async def _prompt_over_http(self, http: HttpPeer, session_id: str) -> int:
        """The same prompt again: streams that ended are opened anew, and if it is gone, the connection."""
        try:
            for name in (None, session_id):
                if http.stream(name).done():
                    await http.open_stream(name, http.last_ids.get(name))
            return await http.start_prompt(session_id, SCRIPT, "once")
        except (UnexpectedStatusError, httpx.HTTPError):
            seen = cursors(http.messages, session_id)[-1]
            http.connection_id = ""
            await http.begin()
            await http.open_stream(session_id)
            await http.attach(session_id, seen)
            return await http.start_prompt(session_id, SCRIPT, "once")

    async def _check(self, peer: Peer, session_id: str, turn: int) -> None:
        assert (await peer.result_of(turn))["stopReason"] == "end_turn"
        await peer.hears(session_id, "100 ")
        assert numbers(peer.messages, session_id) == [*range(1, UPDATES + 1), *range(1, 101)]
        seqs = cursors(peer.messages, session_id)
        assert seqs == sorted(set(seqs))
        assert outcomes_of(await entries_of(self.gateway.folder, session_id)) == ["completed"]


async def test_a_replica_that_is_added_cuts_nobody_and_one_that_is_removed_loses_nothing(
    running_gateway: GatewayProcess, tmp_path: Path
) -> None:
    gateway = running_gateway
    for number, (before, after) in enumerate([(2, 3), (3, 1), (1, 2)]):
        assert await becomes_true(lambda: len(gateway.replicas()) == before, TAKES_S)  # noqa: B023
        workspace = Workspace(tmp_path / f"ws-{number}")
        async with AsyncExitStack() as stack:
            crowd = Crowd(stack, gateway, workspace)
            await crowd.begin()
            carrying = gateway.haproxies()
            await scale_ingress(gateway, after)
            assert await becomes_true(lambda: len(gateway.replicas()) == after, TAKES_S)  # noqa: B023
            assert await becomes_true(lambda: gateway.haproxies() != carrying, TAKES_S)  # noqa: B023
            if after > before:
                assert crowd.cut == []
            await crowd.check()
        assert workspace.prompts() == [SCRIPT] * (SOCKETS + STREAMS)
    await check_promises(gateway.folder)
    await leave_tidy(gateway)
