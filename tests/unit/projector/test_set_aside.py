"""One bad entry stops nothing: it is set aside with its reason, and tried again when somebody asks."""

from __future__ import annotations

from functools import partial

import pytest
from unit.projector.projector_world import World

from actors.errors import InvalidRequestError
from actors.projector import session, versions
from actors.projector.replay import replay
from actors.projector.streams import address_of
from actors.records import kinds

NOT_JSON = b"{not json"
POISON = {
    "an update that is no JSON": ("update", NOT_JSON),
    "an update that is an array": ("update", b"[1]"),
    "a prompt without a message": ("prompt", b"c1\n"),
    "a notice without a toast": ("notice", b'\n{"params":{"kind":"x"}}'),
    "a notice of no known entry": ("notice", b'\n{"params":{"toast":"x","entry":"song"}}'),
    "a connection in no known state": ("connection", b'\n{"connectionId":"c","to":"asleep"}'),
    "a connection without an id": ("connection", b'\n{"to":"connected"}'),
    "a turn that is a list": ("turn-ended", b"\n[]"),
    "a protocol that there is not": ("protocol", b'\n{"to":"smtp"}'),
    "a version that is to come": ("notice@7", b'\n{"params":{"toast":"x"}}'),
    "bytes that are no text": ("question", b"\n\xff\xfe"),
    "something nested too deep": ("update", b'{"params":' * 20_000),
}


@pytest.mark.parametrize(("kind", "payload"), POISON.values(), ids=POISON.keys())
async def test_a_bad_entry_is_set_aside_and_the_stream_goes_on(
    world: World, kind: str, payload: bytes
) -> None:
    script = world.session().connected()
    script.entry(kind, payload)
    await script.turn().prompt("Go on.").ended().notice("Still here.").save()
    await world.project()

    [aside] = await world.store.set_aside("acme")
    assert (aside.stream, aside.entry.seq, aside.entry.kind) == ("acme/sess-1", 4, kind)
    assert aside.entry.reason
    assert await world.texts() == ["Go on."]
    assert [one["message"] for one in await world.all(kinds.TRANSCRIPTS)] == ["Still here."]


async def test_what_nobody_knows_is_passed_over(world: World) -> None:
    await world.session().connected().event("hologram", {"a": 1}).commit()
    await world.project()

    assert await world.store.set_aside() == []


async def test_the_reason_tells_nothing_of_the_entry(world: World) -> None:
    script = world.session().connected()
    for payload in (b'{"hunter2":', b'{"params":{"update":{"sessionUpdate":["hunter2"]}}}'):
        script.entry("update", payload)
    script.event("connection", {"connectionId": "c", "to": "hunter2"})
    await script.notice("x", entry="hunter2").save()
    await world.project()

    aside = await world.store.set_aside()
    assert len(aside) == 4
    assert "hunter2" not in repr(aside)


async def test_what_was_set_aside_is_recorded_once_it_can_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = world.session().connected().event("notice@2", b'{"said":"Hello."}').notice("Later.")
    script.entry("update", NOT_JSON)
    await script.save()
    await world.project()
    aside = [one.entry for one in await world.store.set_aside("acme")]
    assert [entry.seq for entry in aside] == [4, 6]

    def downcast(payload: bytes) -> bytes:
        return b'\n{"params":{"toast":"Hello."}}' if b"said" in payload else payload

    upcast = partial(versions.upcast, newest={"notice": 2}, upcasts={("notice", 1): downcast})
    monkeypatch.setattr(session, "upcast", lambda kind, payload: upcast(kind, downcast(payload)))
    address = address_of(script.stream)
    assert address is not None
    done = await replay(world.journal, world.store, address, aside, None)

    assert ([entry.seq for entry in done.taken_up], [entry.seq for entry in done.left]) == ([4], [6])
    assert [one["message"] for one in await world.all(kinds.TRANSCRIPTS)] == ["Hello.", "Later."]
    assert [one.entry.seq for one in await world.store.set_aside("acme")] == [6]


async def test_trying_again_changes_nothing_else(world: World) -> None:
    script = world.session().connected().turn().prompt("Go").entry("update", NOT_JSON)
    await world.session("sess-2").connected().save()
    assert script is not None
    await script.commit()
    await world.project()
    before = await world.everything()

    aside = [one.entry for one in await world.store.set_aside("acme")]
    address = address_of("acme/sess-1")
    assert address is not None
    await replay(world.journal, world.store, address, aside, None)

    assert await world.everything() == before
    assert await world.store.set_aside("other") == []


async def test_an_entry_that_is_gone_stays_listed(world: World) -> None:
    script = world.session().connected().entry("update", NOT_JSON)
    await script.commit()
    await world.project()
    await world.journal.trim(script.stream, keep_count=0)
    aside = [one.entry for one in await world.store.set_aside("acme")]
    address = address_of(script.stream)
    assert address is not None

    done = await replay(world.journal, world.store, address, aside, None)

    assert [entry.seq for entry in done.left] == [4]


def older(payload: bytes) -> bytes:
    return payload + b"1"


def old(payload: bytes) -> bytes:
    return payload + b"2"


UPCASTS = {("notice", 1): older, ("notice", 2): old}


@pytest.mark.parametrize(
    ("kind", "upcast_to"), [("notice", b"x12"), ("notice@1", b"x12"), ("notice@2", b"x2"), ("notice@3", b"x")]
)
def test_an_entry_of_any_version_is_brought_to_the_newest(kind: str, upcast_to: bytes) -> None:
    assert versions.upcast(kind, b"x", {"notice": 3}, UPCASTS) == ("notice", upcast_to)


@pytest.mark.parametrize("kind", ["notice@4", "notice@", "notice@one"])
def test_a_version_that_is_not_known_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequestError, match="version"):
        versions.upcast(kind, b"x", {"notice": 3}, UPCASTS)


def test_every_step_between_versions_is_there() -> None:
    steps = {(kind, version) for kind, newest in versions.NEWEST.items() for version in range(1, newest)}
    assert steps == set(versions.UPCASTS)
