"""What is older than it may be goes, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from unit.projector.projector_world import NOON
from unit.retention.retention_world import TENANT, World

from actors.records import kinds
from actors.retention.policy import RetainedKind, RetentionPolicy
from actors.retention.sweep import Sweeper

DAY_MS = 86_400_000
LATER = datetime.fromtimestamp(NOON / 1000, UTC) + timedelta(days=10)
RECENT = NOON + 9 * DAY_MS


def sweeper(world: World, own: dict[RetainedKind, int] | None = None, **days: int) -> Sweeper:
    table = {RetainedKind(name): count for name, count in days.items()}
    policy = RetentionPolicy(table, {TENANT: own} if own is not None else {})
    return Sweeper(world.journal, world.store, world.workers, policy)


async def old_and_new(world: World) -> None:
    await world.session("old", "ann", "one")
    new = await world.session("new", "ann", "two", at=RECENT)
    await new.save(updated_at="2026-03-10T12:00:00.000Z")
    await world.project()


async def ids(world: World) -> list[str]:
    return sorted(one.session_id for one in await world.all(kinds.SESSIONS))  # type: ignore[attr-defined]  # they are sessions


async def test_without_days_everything_stays(world: World) -> None:
    await old_and_new(world)

    done = await sweeper(world).sweep(LATER)

    assert not any(done.values())
    assert await ids(world) == ["new", "old"]


async def test_old_records_of_a_kind_go_and_young_ones_stay(world: World) -> None:
    await old_and_new(world)
    before = len(await world.all(kinds.TRANSCRIPTS))

    done = await sweeper(world, messages=5).sweep(LATER)

    left = await world.all(kinds.MESSAGES)
    assert {one.session_id for one in left} == {"new"}  # type: ignore[attr-defined]  # they are messages
    assert done[RetainedKind.MESSAGES] > 0
    assert len(await world.all(kinds.TRANSCRIPTS)) == before
    assert (await sweeper(world, messages=5).sweep(LATER))[RetainedKind.MESSAGES] == 0


async def test_an_installation_s_own_days_go_before_those_of_all(world: World) -> None:
    await old_and_new(world)

    kept = await sweeper(world, {RetainedKind.MESSAGES: 0}, messages=5).sweep(LATER)
    gone = await sweeper(world, {RetainedKind.MESSAGES: 5}).sweep(LATER)

    assert kept[RetainedKind.MESSAGES] == 0
    assert gone[RetainedKind.MESSAGES] > 0


async def test_totals_of_metrics_go_with_them(world: World) -> None:
    await old_and_new(world)
    assert await world.all(kinds.METRICS)

    await sweeper(world, metrics=5).sweep(LATER)

    with closing(sqlite3.connect(world.folder / "records.db")) as database:
        days = [
            {moment[:10] for (moment,) in database.execute(f"SELECT timestamp FROM {table}")}
            for table in ("metrics_envelopes", "metric_totals")
        ]
    assert days == [{"2026-03-10"}, {"2026-03-10"}]


async def test_a_conversation_is_trimmed_and_what_follows_knows_where_it_begins(world: World) -> None:
    script = await world.session("s", "ann", "one")
    script.at = RECENT
    await script.prompt("again").save(updated_at="2026-03-10T12:00:00.000Z")
    await world.project()
    last = (await world.journal.read("acme/s", 0)).last_seq

    done = await sweeper(world, journal=5).sweep(LATER)

    page = await world.journal.read("acme/s", 0)
    assert done[RetainedKind.JOURNAL] == last - 1
    assert (page.first_kept, page.gap, len(page.entries)) == (last, True, 1)
    assert await world.all(kinds.MESSAGES), "records have days of their own"


async def test_a_conversation_of_which_nothing_is_left_is_dropped(world: World) -> None:
    await old_and_new(world)

    await sweeper(world, journal=5).sweep(LATER)

    assert await world.journal.streams("acme/") == ["acme/new"]


async def test_what_has_no_records_yet_is_not_trimmed(world: World) -> None:
    await world.session("s", "ann", "one")

    await sweeper(world, journal=5).sweep(LATER)
    assert (await world.journal.read("acme/s", 0)).entries

    await world.project()
    await sweeper(world, journal=5).sweep(LATER)
    assert await world.journal.streams("acme/") == []


async def test_a_session_that_a_worker_holds_is_not_dropped(world: World) -> None:
    await old_and_new(world)
    world.workers.held = {"old": 1}

    await sweeper(world, journal=5, sessions=5).sweep(LATER)
    assert await ids(world) == ["new", "old"]
    assert await world.journal.streams("acme/") == ["acme/new", "acme/old"]

    world.workers.held = {}
    await sweeper(world, sessions=5).sweep(LATER)
    assert await ids(world) == ["new"]
    assert await world.journal.streams("acme/") == ["acme/new"]


async def test_a_session_that_was_used_since_its_record_was_written_stays(world: World) -> None:
    script = await world.session("s", "ann", "one")
    await world.project()
    await script.save(updated_at="2026-03-10T12:00:00.000Z")

    done = await sweeper(world, sessions=5).sweep(LATER)

    assert done[RetainedKind.SESSIONS] == 0
    assert (await world.journal.read("acme/s", 0)).entries
