"""``kill -9`` of the projector while turns run: nothing is missing in the records, nothing is double."""

from __future__ import annotations

from functools import partial

import pytest
from support.gateway_process import GatewayProcess
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

from actors.records import Query, RecordStore, kinds

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(240, func_only=True),
]

TURNS = 12
WITHIN_S = 60.0


async def turns_recorded(store: RecordStore, session_id: str) -> list[int]:
    """The numbers of the turns whose end is recorded."""
    query = Query(where={"sessionId": session_id}, sort="timestamp", limit=200)
    found = (await store.page("default", kinds.MESSAGES, query)).items
    payloads = [one.payload for one in found if isinstance(one.payload, dict)]
    return [int(str(one["turn"])) for one in payloads if "outcome" in one]


async def all_recorded(store: RecordStore, session_id: str) -> bool:
    return len(await turns_recorded(store, session_id)) >= TURNS


async def test_a_killed_projector_goes_on_where_its_records_end(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    store = await RecordStore.open(f"sqlite+aiosqlite:///{gateway.folder / 'data' / 'records.db'}")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        for turn in range(TURNS):
            assert await peer.prompt(session_id, "say 10") == "end_turn"
            if turn in (3, 7):
                assert await becomes_true(lambda: len(gateway.projectors()) == 1, WITHIN_S)
                [projector] = gateway.projectors()
                projector.kill()
        assert await becomes_true(partial(all_recorded, store, session_id), WITHIN_S)
        assert await turns_recorded(store, session_id) == [*range(1, TURNS + 1)]
        position = await store.position("default", f"default/{session_id}")
        assert position is not None
    await store.close()
