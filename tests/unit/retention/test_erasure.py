"""What is erased is nowhere any more, what is not is untouched, and a receipt says so."""

from __future__ import annotations

import pytest
from unit.projector.projector_world import KEY
from unit.records import examples
from unit.retention.retention_world import (
    ACME_S_CANARY,
    ANN_S_CANARY,
    BEN_S_CANARY,
    TENANT,
    World,
)

from actors import errors
from actors.connection.sealing import Sealer
from actors.instances.lines import LogSource, line_of
from actors.instances.logs import InstanceLogs
from actors.placement.leases import Leases
from actors.projector.streams import address_of
from actors.projector.tracked import Tracked
from actors.records import Change, Position, kinds
from actors.records.audit import Form, inspect
from actors.records.audit.export import Selection, export
from actors.records.kinds import BY_NAME, KINDS
from actors.records.models import ErasureScope
from actors.records.search import Search
from actors.retention import eraser as erasing
from actors.retention.contract import ErasureOrder
from actors.retention.orders import OrderBook


@pytest.fixture(autouse=True)
def _events_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "TOLD_S", 0.0)


async def filled(world: World) -> None:
    """Two sessions of Ann's and one of Ben's, and one of another installation's Ann."""
    await world.session("s1", "ann", ANN_S_CANARY)
    await world.session("s2", "ann", ANN_S_CANARY)
    await world.session("s3", "ben", BEN_S_CANARY)
    await world.session("s4", "ann", ACME_S_CANARY, installation="other")
    await world.workspace(ANN_S_CANARY)
    await world.feed(ANN_S_CANARY)
    await world.project()


async def test_what_a_user_opened_is_in_no_byte_of_either_store(world: World) -> None:
    await filled(world)
    assert {"journal.db-wal", "records.db-wal"} <= set(world.holds(ANN_S_CANARY))

    done = await world.erased("ann")

    # The workspace's stream is nobody's in particular; it has gone with nothing.
    await world.journal.delete("!workspace/acme/repo")
    await world.journal.scrub()
    assert world.holds(ANN_S_CANARY) == []
    assert world.holds(BEN_S_CANARY) != []
    assert (done.sessions, done.subject) == (2, "")
    assert [one.session_id for one in await world.all(kinds.SESSIONS)] == ["s3"]  # type: ignore[attr-defined]  # they are sessions


async def test_what_others_have_is_as_it_was(world: World) -> None:
    await filled(world)
    before = {
        kind: [one for one in await world.all(kind) if getattr(one, "session_id", "") == "s3"]
        for kind in KINDS
    }

    await world.erased("ann")

    for kind, records in before.items():
        assert [one for one in await world.all(kind) if one in records] == records
    found = await world.store.search(TENANT, Search(BEN_S_CANARY))
    assert [entry.session_id for entry in found.items] == ["s3"]
    assert not (await world.store.search(TENANT, Search(ANN_S_CANARY))).items
    assert (await world.journal.read("acme/s3", 0)).entries
    assert len(await world.all(kinds.SESSIONS, "other")) == 1
    assert world.holds(ACME_S_CANARY) != []


async def test_an_installation_is_gone_but_for_its_receipt(world: World) -> None:
    await filled(world)
    world.workers.held = {"s1": 2, "s3": 1}

    done = await world.erased()
    await world.project()

    assert world.holds(ANN_S_CANARY) == world.holds(BEN_S_CANARY) == []
    assert await world.journal.streams("acme/") == []
    assert [one for one in await world.journal.streams("!") if "acme" in one] == ["!erasure/acme"]
    kept = [kind.table.name for kind in KINDS if await world.all(kind)]
    assert kept == ["erasures"]
    assert done.sessions == 3
    assert world.workers.held == {}
    assert world.workers.dismissed[-1] is None
    assert len(await world.all(kinds.SESSIONS, "other")) == 1


async def test_deriving_anew_brings_nothing_back(world: World) -> None:
    await filled(world)
    await world.erased("ann")

    await world.store.clear(TENANT)
    await world.project()

    assert [one.session_id for one in await world.all(kinds.SESSIONS)] == ["s3"]  # type: ignore[attr-defined]  # they are sessions
    assert world.holds(BEN_S_CANARY) != []
    assert len(await world.all(kinds.ERASURES)) == 1


async def test_a_receipt_has_numbers_and_no_names_and_stands_in_the_audit_trail(world: World) -> None:
    await filled(world)
    done = await world.erased("ann")
    await world.project()

    [receipt] = await world.all(kinds.ERASURES)
    told = receipt.model_dump(mode="json")
    assert told["sessions"] == 2
    assert told["entries"] == done.entries > 10
    assert told["records"] == done.records > 10
    assert told["digest"] == done.digest != "0" * 64
    assert told["orderedBy"] == "key-1"
    assert "ann" not in str(told)
    assert world.holds('"ann"') == []

    wanted = Selection(TENANT, tuple(BY_NAME), None, examples.at(10**9))
    lines = [line async for line in export(world.store, wanted)]
    verdict = inspect([Form.NDJSON.write(line) for line in lines])
    assert verdict.complaint is None
    assert "erasures" in [line.type for line in lines]


async def test_a_dry_run_says_what_there_is_and_erases_nothing(world: World) -> None:
    await filled(world)
    order = await world.order("ann")

    would_be = await world.eraser.measured(TENANT, order)
    assert len(await world.all(kinds.SESSIONS)) == 3
    done = await world.eraser.carry_out(world.book, order)

    assert (would_be.sessions, would_be.entries) == (done.sessions, done.entries)
    assert 0 < would_be.records <= done.records


class _StopsError(Exception):
    """The process ends here."""


class Dying:
    """What it stands for, until so many of its calls were made."""

    def __init__(self, real: object, calls: int) -> None:
        self._real = real
        self._left = calls

    def __getattr__(self, name: str) -> object:
        real = getattr(self._real, name)

        async def called(*arguments: object, **more: object) -> object:
            self._left -= 1
            if self._left < 0:
                raise _StopsError
            return await real(*arguments, **more)

        return called


@pytest.mark.parametrize("calls", range(0, 20, 3))
@pytest.mark.parametrize("which", ["journal", "store"])
async def test_an_order_that_a_crash_cut_off_is_finished_by_the_next_process(
    world: World, calls: int, which: str
) -> None:
    await filled(world)
    order = await world.order("ann")
    first = world.eraser
    dying = Dying(getattr(world, which), calls)
    setattr(first, f"_{which}", dying)
    try:
        await first.carry_out(world.book, order)
    except _StopsError:
        await world.book.release()

    book = OrderBook(world.journal, Leases(world.journal, "retention-2", lambda _life: True), TENANT)
    left = await book.pending()
    done = await world.eraser.carry_out(book, left) if left is not None else None

    known = await book.find(order.erasure_id)
    assert known is not None
    assert known.completed_at
    assert (known.sessions, known.subject) == (2, "")
    assert done is None or done == known
    assert [one.session_id for one in await world.all(kinds.SESSIONS)] == ["s3"]  # type: ignore[attr-defined]  # they are sessions
    assert await world.journal.streams("acme/") == ["acme/s3"]


async def test_what_a_projector_had_read_before_is_not_written_after(world: World) -> None:
    await filled(world)
    address = address_of("acme/s1")
    assert address is not None
    await world.store.clear(TENANT)
    tracked = Tracked(address, None, Sealer(KEY))
    read = await tracked.read(world.journal, 0, is_quiet=True)
    assert read is not None

    await world.erased("ann")

    assert await world.store.apply_all([read[0]]) == [False]
    assert await world.store.get(TENANT, kinds.SESSIONS, "s1") is None


async def test_a_stream_of_the_same_name_is_projected_anew(world: World) -> None:
    await filled(world)
    await world.erased()

    await world.session("s1", "cem", BEN_S_CANARY)
    await world.project()

    assert [one.session_id for one in await world.all(kinds.SESSIONS)] == ["s1"]  # type: ignore[attr-defined]  # they are sessions


async def test_a_large_value_stays_as_long_as_somebody_else_refers_to_it(world: World) -> None:
    shared, own = "x" * 40_000, f"{ANN_S_CANARY} " * 4_000
    records = [
        examples.container(),
        examples.connection(),
        examples.session(session_id="s1", user_id="ann"),
        examples.session(session_id="s2", user_id="ben"),
        examples.message(id=examples.number(1), session_id="s1", payload=shared),
        examples.message(id=examples.number(2), session_id="s2", payload=shared),
        examples.message(id=examples.number(3), session_id="s1", payload=own),
    ]
    changes = [Change(seq, one) for seq, one in enumerate(records, 1)]
    await world.store.apply(TENANT, Position("acme/s1", "e", len(changes)), changes)
    refs = {one.id: one.payload_ref for one in await world.all(kinds.MESSAGES)}  # type: ignore[attr-defined]  # messages

    await world.erased("ann")

    assert await world.store.payload(TENANT, str(refs[examples.number(2)])) == shared
    assert await world.store.payload(TENANT, str(refs[examples.number(3)])) is None
    assert world.holds(ANN_S_CANARY) == []


async def test_what_an_agent_logged_goes_with_its_container(world: World) -> None:
    hers = {"container_id": "box-2", "connection_id": "link-2"}
    records = [
        examples.container(),
        examples.connection(),
        examples.session(session_id="s1", user_id="ben"),
        examples.container(container_id="box-2"),
        examples.connection(**hers),
        examples.session(session_id="s2", user_id="ann", container_id="box-2", acp_connection_id="link-2"),
    ]
    changes = [Change(seq, one) for seq, one in enumerate(records, 1)]
    await world.store.apply(TENANT, Position("acme/s2", "e", len(changes)), changes)
    logs = InstanceLogs(world.store.database)
    lines = {"box-1": BEN_S_CANARY, "box-2": ANN_S_CANARY}
    await logs.write([line_of(TENANT, box, text, LogSource.AGENT) for box, text in lines.items()])

    await world.erased("ann")

    assert world.holds(ANN_S_CANARY) == []
    assert world.holds(BEN_S_CANARY) != []


async def test_the_same_key_is_the_same_order_and_another_request_conflicts(world: World) -> None:
    asked = ErasureOrder(ErasureScope.SUBJECT, "ann", key="k", digest="1")

    first = await world.book.take(asked)
    assert await world.book.take(asked) == first
    with pytest.raises(errors.ConflictError):
        await world.book.take(ErasureOrder(ErasureScope.SUBJECT, "ben", key="k", digest="2"))


async def test_sessions_that_a_worker_does_not_let_go_keep_their_order_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "ENDED_WITHIN_S", 0.02)
    monkeypatch.setattr(erasing, "ASK_AGAIN_S", 0.005)
    await filled(world)
    world.workers.held = {"s1": 10_000}

    with pytest.raises(errors.WorkerUnavailableError):
        await world.erased("ann")

    assert (await world.journal.read("acme/s1", 0)).entries
    assert await world.book.pending() is not None
