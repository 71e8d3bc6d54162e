"""What becomes of the streams of workspaces and of feeds."""

from __future__ import annotations

import json

import msgspec
import pytest
from unit.projector.projector_world import NOON, Json, Script, World

from actors.events.contract import live_event, stored, stream_of
from actors.events.record import FeedRecord, encode
from actors.migration.streams import workspace_stream
from actors.projector.streams import Address, StreamKind, address_of
from actors.protocol.capacity_alert import EVENT_OF, CapacityAlert
from actors.records import kinds

ID = "00000000-0000-0000-0000-00000000000{}"


def workspace(world: World) -> Script:
    return Script(world.journal, workspace_stream("acme/repo"), "acme/repo")


def migration(**changed: object) -> bytes:
    record: Json = {
        "installationId": "acme",
        "migrationId": ID.format(1),
        "workspaceId": "repo",
        "initiatedBy": "operator",
        "fromProtocol": "acp",
        "toProtocol": "http",
        "startedAt": "2026-03-01T12:00:00.000Z",
    }
    return json.dumps(record | changed).encode()


ROLLBACK = json.dumps(
    {
        "installationId": "acme",
        "eventId": ID.format(2),
        "workspaceId": "repo",
        "trigger": "auto-threshold",
        "reasonCode": "other",
        "initiatedAt": "2026-03-01T12:00:00.000Z",
        "previousProtocol": "acp",
        "newProtocol": "http",
    }
).encode()


async def test_rollbacks_and_migrations_are_recorded_and_told(world: World) -> None:
    script = workspace(world).entry("samples", b"\x01\x02").entry("migration", migration())
    ended = {"completedAt": "2026-03-01T12:00:05.000Z", "status": "succeeded", "success": True}
    script.entry("rollback", ROLLBACK).entry("migration", migration(**ended))
    await script.commit()
    projector = world.projector()
    await projector.catch_up()

    [log] = await world.all(kinds.MIGRATIONS)
    [rollback] = await world.all(kinds.ROLLBACKS)
    assert (log["status"], log["success"]) == ("succeeded", True)
    assert (rollback["trigger"], rollback["newProtocol"]) == ("auto-threshold", "http")


async def test_a_migration_of_a_container_that_nobody_has_met_records_it_too(world: World) -> None:
    await workspace(world).entry("migration", migration(containerId="box-9")).commit()
    await world.project()

    [container] = await world.all(kinds.CONTAINERS)
    assert (container["containerId"], container["supportedProtocols"]) == ("box-9", ["http", "acp"])


async def test_a_record_of_another_installation_is_set_aside(world: World) -> None:
    script = workspace(world).entry("migration", migration(installationId="other"))
    await script.entry("rollback", ROLLBACK).commit()
    await world.project()

    [aside] = await world.store.set_aside()
    assert aside.entry.seq == 1
    assert len(await world.all(kinds.ROLLBACKS)) == 1
    assert await world.all(kinds.MIGRATIONS, "other") == []


def alert(**changed: object) -> CapacityAlert:
    opened = CapacityAlert(
        alert_id=ID.format(3),
        installation_id="acme",
        scope="cluster",
        cause="capacity",
        trigger="warning",
        active_connections=17,
        capacity_percent=0.85,
        timestamp="2026-03-01T12:00:00.000Z",
    )
    return msgspec.structs.replace(opened, **changed)


async def feed(world: World, *alerts: tuple[CapacityAlert, str]) -> Script:
    script, record = Script(world.journal, stream_of("acme"), stream_of("acme")), FeedRecord()
    script.entry("toast", stored(live_event("toast", "acme", {"message": "x"}, NOON)))
    for one, state in alerts:
        event = live_event(EVENT_OF[state], "acme", one, NOON)  # type: ignore[index] # a state
        record = record.after([event], ())
        script.entry(event.name, stored(event))
    return await script.commit(encode(record))


async def test_an_alert_is_recorded_with_who_was_told(world: World) -> None:
    await feed(world, (alert(), "opened"), (alert(trigger="critical"), "escalated"))
    await world.project()

    [found] = await world.all(kinds.ALERTS)
    assert (found["trigger"], found["notified"], found["notificationChannels"]) == (
        "critical",
        True,
        ["toast"],
    )


async def test_an_alert_that_is_over_is_recorded_as_resolved(world: World) -> None:
    resolved = alert(resolved_at="2026-03-01T12:05:00.000Z")
    await feed(world, (alert(), "opened"), (resolved, "resolved"))
    await world.project()

    [found] = await world.all(kinds.ALERTS)
    assert found["resolvedAt"] == "2026-03-01T12:05:00.000Z"


@pytest.mark.parametrize(
    ("stream", "address"),
    [
        ("acme/sess-1", Address("acme/sess-1", StreamKind.SESSION, "acme", "sess-1")),
        ("a%2Fb/s", Address("a%2Fb/s", StreamKind.SESSION, "a/b", "s")),
        ("!events/a%2Fb", Address("!events/a%2Fb", StreamKind.FEED, "a/b")),
        ("!workspace/a%2Fb/w/x", Address("!workspace/a%2Fb/w/x", StreamKind.WORKSPACE, "a/b", "w/x")),
        ("!protocol/acme", None),
        ("no-slash", None),
        ("/sess-1", None),
        ("acme/", None),
    ],
)
def test_a_stream_s_name_says_whose_it_is(stream: str, address: Address | None) -> None:
    assert address_of(stream) == address
