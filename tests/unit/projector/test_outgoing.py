"""What is put into the outbox for other systems, and in the very commit of the records."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
from unit.projector.projector_world import KEY, Json, Script, World, copy_of
from unit.projector.test_projected_automations import automations, ended
from unit.projector.test_projected_workspaces import ROLLBACK, alert, feed, migration, workspace

from actors.analytics import relay as relay_module
from actors.analytics.settings import AnalyticsSettings
from actors.journal.memory import MemoryJournal
from actors.projector.keeper import ProjectorKeeper
from actors.projector.settings import ProjectorSettings
from actors.records import Position, StreamBatch, kinds
from actors.records.outgoing import Outgoing, OutgoingBox
from actors.storage import StorageSettings


@pytest.fixture
def world(world: World) -> World:
    """One that has somebody to tell."""
    world.outgoing = lambda: None
    return world


async def outgoing(world: World) -> list[Outgoing]:
    return [one.message for one in await OutgoingBox(world.store.database).first(1_000)]


async def events(world: World) -> list[Json]:
    return [json.loads(one.body) for one in await outgoing(world) if one.topic == "events"]


async def metrics(world: World) -> Counter[str]:
    """What each type adds up to."""
    found: Counter[str] = Counter()
    for one in await outgoing(world):
        if one.topic == "metrics":
            body = json.loads(one.body)
            found[body["metricType"]] += body["value"]
    return found


async def test_a_session_is_told_of_from_its_start_to_its_close(world: World) -> None:
    await world.session().connected().turn().prompt("Do it").chunk("Yes.").ended().save(closed=True)
    await world.project()

    told = await events(world)
    assert [one["event"] for one in told] == [
        "session-started",
        "connection-changed",
        "connection-changed",
        "turn-ended",
        "session-closed",
    ]
    assert {one["sessionId"] for one in told} == {"sess-1"}
    assert {one["workspaceId"] for one in told} == {"repo"}
    turn = told[3]["data"]
    assert turn == {
        "turn": 1,
        "outcome": "completed",
        "failed": False,
        "durationMs": 300.0,
        "protocol": "acp",
    }


async def test_what_was_told_is_not_told_again_by_the_next_projector(world: World) -> None:
    script = await world.session().connected().turn().ended().save()
    await world.project()
    before = await outgoing(world)
    await script.turn(2).ended(2).save(closed=True)
    await world.project()

    after = await outgoing(world)
    assert after[: len(before)] == before
    assert [one.name for one in after if one.topic == "events"].count("session-started") == 1
    ids = [one.message_id for one in after]
    assert len(set(ids)) == len(ids)


async def test_metrics_that_are_told_add_up_to_those_that_are_recorded(world: World) -> None:
    script = world.session().connected()
    for number in (1, 2, 3):
        await script.turn(number).chunk("x").ended(number).later(40_000).save()
        await world.project()

    recorded: Counter[str] = Counter()
    for one in await world.all(kinds.METRICS):
        recorded[str(one["metricType"])] += one["value"]
    assert await metrics(world) == recorded
    assert recorded["acp-turns"] == 3


async def test_what_an_agent_and_a_client_say_is_not_told(world: World) -> None:
    script = world.session().connected().turn().prompt("c4n4ry").chunk("c4n4ry").ended()
    script.connection("error", "connected", cause="c4n4ry", errorCode="agent-closed")
    await script.notice("c4n4ry").save(title="c4n4ry", cwd="/c4n4ry")
    await automations(world).entry("ended", ended(logs=[{"said": "c4n4ry"}])).commit()
    await world.project()

    assert len(await outgoing(world)) > 5
    assert not [one for one in await outgoing(world) if "c4n4ry" in one.body]


async def test_rollbacks_migrations_automations_and_alerts_are_told(world: World) -> None:
    await workspace(world).entry("migration", migration()).entry("rollback", ROLLBACK).commit()
    await automations(world).entry("ended", ended()).commit()
    await feed(world, (alert(), "opened"))
    await world.project()

    told = {str(one["event"]): one["data"] for one in await events(world)}
    assert set(told) == {"migration", "rollback", "automation-ended", "capacity-alert"}
    assert isinstance(told["automation-ended"], dict)
    assert told["automation-ended"]["pullRequest"] == 7
    counted = await metrics(world)
    assert {name: counted[name] for name in ("rollbacks", "migrations", "automation-success")} == {
        "rollbacks": 1.0,
        "migrations": 1.0,
        "automation-success": 1.0,
    }
    assert counted["capacity-alerts"] == 1.0


async def test_a_batch_that_comes_too_late_leaves_nothing_in_the_outbox(world: World) -> None:
    message = Outgoing("events", "x", "acme/", "turn-ended", "{}")
    batch = StreamBatch("acme", None, Position("acme/s", "e", 1), b"", messages=[message])

    assert await world.store.apply_all([batch, batch]) == [True, True]
    assert await world.store.apply_all([batch]) == [False]
    assert len(await outgoing(world)) == 2


async def test_without_anybody_to_tell_the_outbox_stays_empty(world: World) -> None:
    world.outgoing = None
    await world.session().connected().turn().ended().save()
    await world.project()

    assert await outgoing(world) == []


async def test_a_session_that_is_forgotten_is_not_told_of_any_more(world: World) -> None:
    script = await world.session().connected().turn().ended().save()
    await world.session("sess-2").connected().save()
    await automations(world).entry("ended", ended()).commit()
    await world.project()
    assert "automation-ended" in [one["event"] for one in await events(world)]

    _, is_done = await world.store.forget_session("acme", script.stream, "sess-1")

    assert is_done
    assert {one["sessionId"] for one in await events(world)} == {"sess-2"}


async def test_time_without_an_agent_counts_only_while_the_session_is_used(world: World) -> None:
    script: Script = world.session().connected()
    script.connection("error", "connected").later(1_900).connection("reconnecting", "error")
    script.later(2_900).connection("connected", "reconnecting")
    # Lost again half a minute before a minute ends, and found only an hour later.
    await script.later(24_000).connection("error", "connected").save()
    await script.later(3_600_000).connection("connected", "error").later(60_000).notice("On.").save()
    await world.project()

    counted: Counter[str] = Counter()
    for one in await world.all(kinds.METRICS):
        counted[str(one["metricType"])] += one["value"]
    assert counted["acp-used-ms"] == 3 * 60_000.0
    first_minute_left = 60_000 - 30_400
    lost_again = 3_600_000 + 30_400 + 100
    assert counted["acp-down-ms"] == 5_000.0 + first_minute_left + lost_again % 60_000
    assert counted["acp-handshakes"] == 2.0


async def test_a_projector_that_is_given_a_broker_fills_the_outbox_and_says_what_waits(
    world: World, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIGURES_EVERY_S", 0.01)
    await world.session().connected().turn().ended().save()
    (tmp_path / "kept").mkdir()
    # Nobody listens there.
    nowhere = AnalyticsSettings("127.0.0.1:9")
    url = copy_of(migrated, tmp_path / "kept")
    settings = ProjectorSettings(StorageSettings("gw", seal_key=KEY), url, nowhere)

    async def opened() -> MemoryJournal:
        return world.journal

    keeper = ProjectorKeeper(settings, opened, world.post)
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(10.0):
        while keeper.relayed().waiting < 3:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


def test_settings_do_not_show_the_password() -> None:
    shown = AnalyticsSettings("k:9092", user="u5er", password="c4n4ry")
    settings = ProjectorSettings(StorageSettings("gw"), "sqlite:", shown)
    assert "c4n4ry" not in repr(settings)
    assert "u5er" not in repr(settings)
