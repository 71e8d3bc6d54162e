"""What the record store promises whoever writes many streams in one commit, whichever database it is on.

The module of a subclass has a fixture ``store``.
"""

from __future__ import annotations

import asyncio

import pytest
from unit.records import examples
from unit.records.examples import NOON, TENANT, at, number

from actors.errors import InternalError, InvalidParamsError
from actors.records import Change, How, Position, RecordStore, SetAside, Standing, StreamBatch, kinds
from actors.records.models import Record


def batch(
    stream: str, upto: int, *changes: Change, since: Standing | None = None, **more: object
) -> StreamBatch:
    epoch = str(more.pop("epoch", "e"))
    installation = str(more.pop("installation", TENANT))
    state = b"%d" % upto
    return StreamBatch(installation, since, Position(stream, epoch, upto), state, changes, **more)  # type: ignore[arg-type] # as it takes them


def change(record: Record, seq: int = 1, how: How = How.REPLACE) -> Change:
    return Change(seq, record, how)


class BatchConformance:
    """Writing what many streams say."""

    async def test_streams_of_several_installations_are_one_commit(self, store: RecordStore) -> None:
        theirs = examples.container(installation_id="other")
        done = await store.apply_all(
            [
                batch("s", 3, change(examples.container())),
                batch("t", 5),
                batch("s", 1, change(theirs), installation="other"),
            ]
        )

        assert done == [True, True, True]
        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()
        assert await store.get("other", kinds.CONTAINERS, "box-1") == theirs
        assert await store.position(TENANT, "t") == Position("t", "e", 5)

    async def test_a_batch_is_taken_only_where_its_stream_stands(self, store: RecordStore) -> None:
        first = batch("s", 3, change(examples.container()))
        await store.apply_all([first])
        other = change(examples.container(container_id="box-2"))

        assert await store.apply_all([batch("s", 4, other)]) == [False]
        wrong = Standing(TENANT, first.upto, b"another state")
        assert await store.apply_all([batch("s", 4, other, since=wrong)]) == [False]
        assert await store.get(TENANT, kinds.CONTAINERS, "box-2") is None
        assert await store.apply_all([batch("s", 4, other, since=first.standing)]) == [True]
        assert await store.standings_of([(TENANT, "s"), (TENANT, "t")]) == [
            Standing(TENANT, Position("s", "e", 4), b"4")
        ]

    async def test_what_is_applied_again_after_a_lost_answer_is_not_taken(self, store: RecordStore) -> None:
        added = change(examples.metric(), how=How.ADD)

        assert await store.apply_all([batch("s", 1, added)]) == [True]
        assert await store.apply_all([batch("s", 1, added)]) == [False]

        found = await store.get(TENANT, kinds.METRICS, number(1))
        assert found is not None
        assert found.value == 12.5

    async def test_of_two_who_write_the_same_at_once_one_is_taken(self, store: RecordStore) -> None:
        one = [batch(f"s{n}", 1, change(examples.metric(), how=How.ADD)) for n in range(8)]

        done = await asyncio.gather(store.apply_all(one), store.apply_all(one[::-1]))

        assert [a + b for a, b in zip(done[0], done[1][::-1], strict=True)] == [1] * 8
        found = await store.get(TENANT, kinds.METRICS, number(1))
        assert found is not None
        assert found.value == 8 * 12.5

    async def test_the_newest_connection_stands_in_whatever_order_it_is_told_of(
        self, store: RecordStore
    ) -> None:
        newer = examples.connection(status="degraded", last_active=at(9), created_at=at(5))
        older = examples.connection()
        for stream, record in (("s", newer), ("t", older)):
            parent = change(examples.container(), how=How.UNITE)
            await store.apply_all([batch(stream, 1, parent, change(record, how=How.NEWEST))])

        found = await store.get(TENANT, kinds.CONNECTIONS, "link-1")
        assert found == examples.connection(status="degraded", last_active=at(9))

    async def test_a_container_s_protocols_are_united(self, store: RecordStore) -> None:
        acp = examples.container(supported_protocols=["acp"], created_at=at(1), updated_at=at(9))
        http = examples.container(
            supported_protocols=["http"], preferred_protocol="http", created_at=NOON, updated_at=at(5)
        )
        await store.apply_all([batch("s", 1, change(acp, how=How.UNITE))])
        await store.apply_all([batch("t", 1, change(http, how=How.UNITE), change(http, how=How.UNITE))])

        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container(updated_at=at(9))

    async def test_a_way_that_a_table_does_not_know_is_refused(self, store: RecordStore) -> None:
        with pytest.raises(InternalError):
            await store.apply_all([batch("s", 1, change(examples.rollback(), how=How.ADD))])

    async def test_all_or_nothing_is_written(self, store: RecordStore) -> None:
        orphan = change(examples.connection(container_id="nowhere"))
        with pytest.raises(InvalidParamsError):
            await store.apply_all([batch("s", 1, change(examples.container())), batch("t", 1, orphan)])

        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") is None
        assert await store.standings() == []

    async def test_standings_are_listed_in_pages(self, store: RecordStore) -> None:
        await store.apply_all([batch(f"s{n}", n + 1) for n in range(5)])
        await store.apply_all([batch("s0", 1, installation="other")])

        first = await store.standings(limit=4)
        last = first[-1]
        rest = await store.standings((last.installation_id, last.position.stream))

        assert [one.position.seq for one in first + rest] == [1, 2, 3, 4, 5, 1]

    async def test_what_is_set_aside_is_listed_until_it_is_taken_up(self, store: RecordStore) -> None:
        aside = [SetAside(seq, "notice", "ValueError", NOON) for seq in (1, 2)]
        await store.apply_all([batch("s", 2, aside=aside), batch("t", 1, aside=aside[:1])])

        assert [(one.stream, one.entry) for one in await store.set_aside(TENANT)] == [
            ("s", aside[0]),
            ("s", aside[1]),
            ("t", aside[0]),
        ]
        assert await store.set_aside("other") == []
        await store.put_aside_anew(TENANT, "s", aside[1:])
        assert [(one.stream, one.entry.seq) for one in await store.set_aside()] == [("s", 2), ("t", 1)]
        await store.clear(TENANT)
        assert await store.set_aside() == []

    async def test_a_cleared_stream_begins_anew(self, store: RecordStore) -> None:
        first = batch("s", 3)
        await store.apply_all([first])
        await store.clear(TENANT)

        assert await store.apply_all([batch("s", 4, since=first.standing)]) == [False]
        assert await store.standings_of([(TENANT, "s")]) == []
        assert await store.position(TENANT, "s") is None
        assert await store.apply_all([batch("s", 4)]) == [True]
