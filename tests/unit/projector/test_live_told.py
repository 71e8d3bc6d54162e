"""What is told live, and that it is told again rather than not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from unit.projector.projector_world import NOON, SessionScript, World

from actors.errors import WorkerUnavailableError
from actors.events.contract import LiveEvent
from actors.projector.teller import Teller


def busy(world: World) -> SessionScript:
    script = world.session().connected().turn().prompt("Go")
    return script.chunk("x").notice("It is slow.", "agent-degraded", entry="info").ended()


async def told(world: World) -> list[LiveEvent]:
    """What a projector tells that runs for a moment."""
    running = asyncio.create_task(world.projector().run())
    async with asyncio.timeout(5.0):
        while not world.told:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    return world.told


async def test_turns_notices_and_connections_are_told_with_their_session(world: World) -> None:
    await busy(world).save()

    events = await told(world)

    assert [event.name for event in events] == [
        "connection:connecting",
        "connection:connected",
        "session:turn-started",
        "session:notice",
        "session:turn-ended",
    ]
    data = [json.loads(event.data) for event in events]
    assert {one["sessionId"] for one in data} == {"sess-1"}
    assert {one["workspaceId"] for one in data} == {"repo"}
    assert (data[1]["from"], data[1]["to"], data[1]["protocol"]) == ("connecting", "connected", "acp")
    assert (data[3]["kind"], data[3]["severity"], data[3]["toast"]) == (
        "agent-degraded",
        "warning",
        "It is slow.",
    )
    assert (data[4]["turn"], data[4]["outcome"]) == (1, "completed")
    assert all(one["timestamp"].startswith("2026-03-01T12:00:0") for one in data)


async def test_an_event_that_is_told_again_is_the_same(world: World) -> None:
    await busy(world).save()
    first = list(await told(world))
    world.told = []
    await world.store.clear("acme")

    assert await told(world) == first


async def test_what_happened_long_ago_is_recorded_and_not_told(world: World) -> None:
    await busy(world).save()
    world.now = NOON + 600_000
    running = asyncio.create_task(world.projector().run())
    async with asyncio.timeout(5.0):
        while not (await world.everything())["transcript_entries"]:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait([running])

    assert world.told == []


async def test_what_was_not_told_before_the_projector_ended_is_told_by_the_next(world: World) -> None:
    await busy(world).save()
    await world.project()  # which writes the records, and ends before it tells anybody
    assert world.told == []

    events = await told(world)

    assert len(events) == 5


async def test_a_batch_is_posted_until_it_is_taken_and_in_order() -> None:
    posted: list[str] = []
    refusals = iter([WorkerUnavailableError("away", 0.0)])

    async def post(events: Sequence[LiveEvent]) -> None:
        refusal = next(refusals, None)
        if refusal is not None:
            raise refusal
        posted.extend(event.id for event in events)

    teller, done = Teller(post), asyncio.Event()
    teller.put([LiveEvent("1", "a", "n", b"{}", 1), LiveEvent("2", "a", "n", b"{}", 1)], lambda: None)
    teller.put([LiveEvent("3", "a", "n", b"{}", 1)], done.set)
    running = asyncio.create_task(teller.run())
    async with asyncio.timeout(5.0):
        await done.wait()
    running.cancel()
    await asyncio.wait([running])

    assert posted == ["1", "2", "3"]


async def test_more_than_may_wait_is_given_up_and_said_to_be_done() -> None:
    async def post(events: Sequence[LiveEvent]) -> None:
        raise AssertionError("nobody posts here")

    teller, done = Teller(post), []
    many = [LiveEvent(str(number), "a", "n", b"{}", 1) for number in range(10_000)]
    teller.put(many, lambda: done.append("first"))
    teller.put(many[:1], lambda: done.append("second"))

    assert done == ["second"]
