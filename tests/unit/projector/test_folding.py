"""Chunks become messages: by what they are and when they were written, never by when they are read."""

from __future__ import annotations

import pytest
from unit.projector.projector_world import World, text_of

from actors.projector.folding import FOLD_BYTES, without_first_word, without_last_word
from actors.records import kinds

KEY = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


async def test_chunks_within_two_seconds_are_one_message(world: World) -> None:
    script = world.session().connected()
    for chunk in ("one ", "two ", "three ", "fo"):
        script.chunk(chunk)
    await script.save()
    await world.project()

    assert await world.texts() == ["one two three …"]  # it goes on: its last word may not be whole
    await script.chunk("ur").ended().save()
    await world.project()
    assert await world.texts() == ["one two three four"]


async def test_a_text_that_goes_on_for_longer_is_parted_between_words(world: World) -> None:
    script = world.session().connected()
    for number in range(60):
        script.chunk("word " if number % 2 else f"{number}-")
    await script.ended().save()
    await world.project()

    texts = await world.texts()
    assert len(texts) == 3
    assert "".join(texts) == "".join("word " if number % 2 else f"{number}-" for number in range(60))
    assert all(text.endswith(" ") for text in texts)


async def test_what_is_read_in_small_pages_becomes_the_same_messages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = world.session().connected().turn().prompt("Go")
    for number in range(50):
        script.chunk(f"word{number} ").later(97)
    script.update(sessionUpdate="plan", entries=[]).update(sessionUpdate="plan", entries=[1])
    await script.chunk("thought ", "agent_thought_chunk").chunk("end").ended().save()
    await world.project()
    at_once = await world.everything()
    await world.store.clear("acme")

    monkeypatch.setattr("actors.projector.tracked.PAGE_ENTRIES", 7)
    await world.project()

    assert await world.everything() == at_once


@pytest.mark.parametrize("place", range(1, len(KEY)))
async def test_a_credential_is_found_wherever_its_chunks_are_parted(world: World, place: int) -> None:
    script = world.session().connected()
    script.chunk("The key is ").later(1_850).chunk(KEY[:place]).later(300).chunk(KEY[place:]).chunk(
        " indeed."
    )
    await script.ended().save()
    await world.project()

    said = " ".join(await world.texts())
    assert KEY[: max(place, 12)] not in said
    assert KEY[-20:] not in said
    assert "indeed" in said


async def test_a_name_and_its_secret_stay_together(world: World) -> None:
    script = world.session().connected()
    await script.chunk("password: ").later(3_000).chunk("hunter2hunter2 ").chunk("ok").ended().save()
    await world.project()

    assert "".join(await world.texts()) == "password: [redacted] ok"


async def test_a_text_without_an_end_is_parted_by_force_and_half_words_are_left_out(world: World) -> None:
    script = world.session().connected()
    half = "x" * (FOLD_BYTES // 2)
    await script.chunk(f"begin {half}").chunk(half).chunk("xx end").ended().save()
    await world.project()

    first, second = await world.texts()
    assert first.startswith("begin ")
    assert second == "… end"


async def test_updates_on_one_tool_call_are_merged_and_others_are_not(world: World) -> None:
    script = world.session().connected()
    for name in ("a", "a", "b"):
        script.update(sessionUpdate="tool_call_update", toolCallId=name, status="in_progress")
    await script.ended().save()
    await world.project()

    calls = [one for one in await world.all(kinds.MESSAGES) if one["messageType"] == "event"]
    assert [one["payload"]["params"]["update"]["toolCallId"] for one in calls] == ["a", "b"]  # type: ignore[index]


async def test_pictures_are_told_of_by_their_size(world: World) -> None:
    picture = {"type": "image", "mimeType": "image/png", "data": "A" * 5_000}
    script = world.session().connected().chunk("See: ")
    script.update(sessionUpdate="agent_message_chunk", content=picture)
    await script.ended().save()
    await world.project()

    message = (await world.all(kinds.MESSAGES))[2]
    content = message["payload"]["params"]["update"]["content"]  # type: ignore[index]
    assert content == [{"type": "text", "text": "See: "}, picture | {"data": "(5000 characters)"}]
    assert message["size"] > 5_000  # type: ignore[operator]


def test_half_words_are_taken_off_and_whole_ones_stay() -> None:
    assert without_last_word("one tw") == "one …"
    assert without_last_word("one ") == "one "
    assert without_first_word("ne two") == "… two"
    assert text_of({"payload": {"params": {"update": {"content": {"text": "x"}}}}}) == "x"
