"""Whenever a projector ends, and however many there are: nothing is missing, nothing is there twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from unit.projector.projector_world import SessionScript, World

from actors.errors import InvalidParamsError, JournalUnavailableError
from actors.projector.projector import Projector
from actors.records import StreamBatch, kinds


def long_session(world: World, session_id: str = "sess-1") -> SessionScript:
    script = world.session(session_id).connected()
    for number in range(1, 6):
        script.turn(number).prompt(f"Prompt {number}")
        for word in range(12):
            script.chunk(f"word{word} ").later(150)
        script.update(sessionUpdate="tool_call", toolCallId=f"t{number}", title="Read")
        script.notice(f"Notice {number}.").ended(number)
    return script


async def wanted(world: World) -> dict[str, list[dict[str, object]]]:
    """What one projector makes of it that is never disturbed."""
    await world.project()
    found = await world.everything()
    await world.store.clear("acme")
    return found


class Killed(BaseException):
    """The process ends."""


@pytest.mark.parametrize("after", range(1, 12, 2))
@pytest.mark.parametrize("answered", [True, False])
async def test_a_projector_killed_at_any_commit_is_gone_on_with(
    world: World, monkeypatch: pytest.MonkeyPatch, after: int, answered: bool
) -> None:
    await long_session(world).save()
    await long_session(world, "sess-2").save()
    expected = await wanted(world)
    monkeypatch.setattr("actors.projector.tracked.PAGE_ENTRIES", 9)
    commits, apply_all = 0, world.store.apply_all

    async def fatal(batches: Sequence[StreamBatch]) -> list[bool]:
        nonlocal commits
        commits += 1
        if commits != after:
            return await apply_all(batches)
        if answered:
            await apply_all(batches)
        raise Killed

    monkeypatch.setattr(world.store, "apply_all", fatal)
    with pytest.raises(Killed):
        await world.project()
    await world.project()

    assert await world.everything() == expected


async def test_two_projectors_at_once_do_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        await long_session(world, f"sess-{number}").save()
    expected = await wanted(world)
    monkeypatch.setattr("actors.projector.tracked.PAGE_ENTRIES", 5)

    await asyncio.gather(world.project(), world.project())

    assert await world.everything() == expected


async def test_rebuilding_comes_to_the_same_records(world: World) -> None:
    script = world.session().connected()
    for number in range(1, 20):
        script.turn(number).prompt(f"Prompt {number}").chunk("Working on ").chunk("it.")
        await script.later(20_000).ended(number).save()
        await world.project()
    before = await world.everything()

    await world.store.clear("acme")
    await world.project()

    assert await world.everything() == before


async def test_a_projector_whose_records_were_cleared_meanwhile_begins_anew(world: World) -> None:
    script = await long_session(world).save()
    projector = world.projector()
    await projector.catch_up()
    before = await world.everything()
    await world.store.clear("acme")

    await script.notice("One more.").save()
    await projector.catch_up()

    after = await world.everything()
    assert len(after["transcript_entries"]) == len(before["transcript_entries"]) + 1
    assert len(after["acp_messages"]) == len(before["acp_messages"]) + 1


async def test_another_life_of_a_stream_is_read_from_its_beginning(world: World) -> None:
    script = await long_session(world).save()
    projector = world.projector()
    await projector.catch_up()
    await world.journal.delete(script.stream)
    again = world.session().connected().notice("Another life.")
    await again.save()

    await projector.catch_up()

    assert "Another life." in [one["message"] for one in await world.all(kinds.TRANSCRIPTS)]
    position = await world.store.position("acme", script.stream)
    assert position is not None
    assert position.seq == again.seq


async def test_what_was_trimmed_is_passed_over_and_the_rest_is_recorded(world: World) -> None:
    script = await long_session(world).save()
    await world.journal.trim(script.stream, keep_count=8)

    await world.project()

    assert [one["message"] for one in await world.all(kinds.TRANSCRIPTS)] == ["Notice 5."]


async def test_while_the_store_is_away_nothing_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.projector.projector.FIRST_PAUSE_S", 0.001)
    await long_session(world).save()
    expected = await wanted(world)
    apply_all, failures = world.store.apply_all, iter(range(3))

    async def away(batches: Sequence[StreamBatch]) -> list[bool]:
        if next(failures, None) is not None:
            raise JournalUnavailableError("away")
        return await apply_all(batches)

    monkeypatch.setattr(world.store, "apply_all", away)
    running = asyncio.create_task(world.projector().run())
    async with asyncio.timeout(5.0):
        while await world.everything() != expected:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])


async def test_records_whose_connection_was_deleted_keep_no_stream_from_going_on(world: World) -> None:
    script = await world.session().connected().save()
    projector = world.projector()
    await projector.catch_up()
    await world.store.delete("acme", kinds.CONTAINERS, "box-1")

    await script.turn().prompt("Hello").notice("Still here.").save()
    await projector.catch_up()

    assert [one["message"] for one in await world.all(kinds.TRANSCRIPTS)] == ["Still here."]


async def test_a_record_that_the_store_refuses_is_set_aside_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_all, write_again = world.store.apply_all, world.store.write_again

    def refuse(batches: Sequence[StreamBatch]) -> None:
        if any(type(one.record).__name__ == "SessionTranscriptEntry" for b in batches for one in b.changes):
            raise InvalidParamsError("refused")

    async def apply_but(batches: Sequence[StreamBatch]) -> list[bool]:
        refuse(batches)
        return await apply_all(batches)

    async def write_but(batch: StreamBatch) -> None:
        refuse([batch])
        await write_again(batch)

    monkeypatch.setattr(world.store, "apply_all", apply_but)
    monkeypatch.setattr(world.store, "write_again", write_but)
    await world.session().connected().notice("Refused.").turn().prompt("Taken.").ended().save()
    await world.project()

    assert await world.texts() == ["Taken."]
    [aside] = await world.store.set_aside("acme")
    assert (aside.entry.kind, aside.entry.reason) == ("SessionTranscriptEntry", "InvalidParamsError: refused")


async def test_many_streams_are_remembered_and_forgotten_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.projector.projector.MOST_TRACKED", 3)
    scripts = [await world.session(f"sess-{n}").connected().chunk("Begun ").save() for n in range(10)]
    projector: Projector = world.projector()
    await projector.catch_up()
    for script in scripts:
        await script.chunk("and ended.").ended().save()
    await projector.catch_up()

    assert await world.texts() == ["Begun and ended."] * 10
