"""What becomes of the streams of automations."""

from __future__ import annotations

import asyncio
import json

from unit.projector.projector_world import Json, Script, World

from actors.automation.stream import stream_of
from actors.events.contract import LiveEvent
from actors.projector.streams import Address, StreamKind, address_of
from actors.records import kinds

SUMMARY: Json = {
    "installationId": "acme",
    "summaryId": "00000000-0000-0000-0000-000000000001",
    "sessionId": "sess-1",
    "workspaceId": "repo",
    "status": "success",
    "pullRequest": {"number": 7, "url": "https://github.com/a/b/pull/7", "branch": "lumilink/x"},
    "durationMs": 3,
    "logs": [{"at": 1, "step": "push", "said": "done"}],
    "createdAt": "2026-03-01T12:00:00.000Z",
}


def automations(world: World) -> Script:
    return Script(world.journal, stream_of("acme/repo"), "acme/repo")


def ended(**changed: object) -> bytes:
    return json.dumps(SUMMARY | changed).encode()


async def told(world: World, count: int) -> list[LiveEvent]:
    """What a projector tells that runs for a moment."""
    running = asyncio.create_task(world.projector().run())
    async with asyncio.timeout(5.0):
        while len(world.told) < count:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    return world.told


def test_the_stream_of_automations_is_its_installation_s() -> None:
    found = address_of(stream_of("ac%2Fme/re/po"))

    assert found == Address("!automation/ac%2Fme/re/po", StreamKind.AUTOMATION, "ac/me", "re/po")


async def test_a_summary_is_recorded_as_it_was_written_and_told(world: World) -> None:
    await automations(world).entry("requested", b"{}").entry("ended", ended()).commit()
    events = await told(world, 1)

    [found] = await world.all(kinds.AUTOMATIONS)
    assert (found["status"], found["pullRequest"]["state"]) == ("success", "open")
    assert [event.name for event in events] == ["automation:ended"]
    assert b"logs" not in events[0].data


async def test_a_pull_request_that_was_merged_is_merged_in_the_records(world: World) -> None:
    merged = SUMMARY | {"pullRequest": SUMMARY["pullRequest"] | {"state": "merged"}}  # type: ignore[operator]
    payload = {"number": 7, "state": "merged", "sessionIds": ["sess-1"], "summaries": [merged]}
    script = automations(world).entry("ended", ended())
    await script.entry("pull-request", json.dumps(payload).encode()).commit()
    events = await told(world, 2)

    [found] = await world.all(kinds.AUTOMATIONS)
    assert found["pullRequest"]["state"] == "merged"
    assert [event.name for event in events] == ["automation:ended", "automation:pull-request"]
    assert b"summaries" not in events[1].data


async def test_a_summary_of_another_installation_is_set_aside(world: World) -> None:
    await automations(world).entry("ended", ended(installationId="other")).commit()
    await world.projector().catch_up()

    assert await world.all(kinds.AUTOMATIONS) == []
    assert len(await world.store.set_aside("acme")) == 1
