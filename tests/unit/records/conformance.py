"""What the record store promises, whichever database it is on.

The module of a subclass has a fixture ``store``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from unit.records import examples
from unit.records.examples import EXAMPLES, TENANT, at, number

from actors.errors import InternalError, InvalidParamsError
from actors.records import Change, Position, Query, RecordStore, kinds
from actors.records.kinds import KINDS, kind_of
from actors.records.models import INLINE_BYTES, Record

LARGE = {"text": "ä" * INLINE_BYTES}


def changes(*records: Record, first_seq: int = 1) -> list[Change]:
    return [Change(seq, record) for seq, record in enumerate(records, first_seq)]


async def put(store: RecordStore, *records: Record, stream: str = "s", epoch: str = "e") -> None:
    """Apply records as the next entries of a stream."""
    before = await store.position(TENANT, stream)
    first = 1 if before is None else before.seq + 1
    new = changes(*records, first_seq=first)
    await store.apply(TENANT, Position(stream, epoch, first + len(new) - 1), new)


async def put_container(store: RecordStore) -> None:
    await put(store, examples.container(), examples.connection(), examples.session())


async def filled(store: RecordStore, installation_id: str) -> list[str]:
    """The tables in which an installation has records."""
    return [kind.table.name for kind in KINDS if (await store.page(installation_id, kind)).items]


def ids(items: Sequence[Record]) -> list[str]:
    return [str(getattr(one, kind_of(one).key)) for one in items]


class ApplyConformance:
    """Writing what a stream says."""

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table.name)
    async def test_a_record_is_read_as_it_was_written(
        self, store: RecordStore, kind: kinds.Kind[Record]
    ) -> None:
        every = [example() for example in EXAMPLES.values()]
        await put(store, *every)

        wanted = next(one for one in every if type(one) is kind.model)
        assert await store.get(TENANT, kind, getattr(wanted, kind.key)) == wanted
        assert (await store.page(TENANT, kind)).items == (wanted,)

    async def test_a_later_entry_replaces_the_record(self, store: RecordStore) -> None:
        await put_container(store)

        await put(store, examples.connection(status="degraded", success_rate=None))

        found = await store.get(TENANT, kinds.CONNECTIONS, "link-1")
        assert found == examples.connection(status="degraded", success_rate=None)

    async def test_entries_that_were_applied_are_passed_over(self, store: RecordStore) -> None:
        old, new = examples.container(preferred_protocol="http"), examples.container()
        await store.apply(TENANT, Position("s", "e", 2), changes(old, new))

        assert await store.apply(TENANT, Position("s", "e", 1), changes(old)) == 0
        assert await store.apply(TENANT, Position("s", "e", 2), changes(old, new)) == 0

        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == new
        assert await store.position(TENANT, "s") == Position("s", "e", 2)

    async def test_of_entries_that_overlap_the_new_ones_are_applied(self, store: RecordStore) -> None:
        first, second = examples.container(), examples.container(container_id="box-2")
        await store.apply(TENANT, Position("s", "e", 1), changes(first))

        assert await store.apply(TENANT, Position("s", "e", 2), changes(first, second)) == 1
        assert await store.get(TENANT, kinds.CONTAINERS, "box-2") == second

    async def test_another_life_of_a_stream_begins_anew(self, store: RecordStore) -> None:
        await store.apply(TENANT, Position("s", "e", 9), [])

        assert await store.apply(TENANT, Position("s", "f", 1), changes(examples.container())) == 1
        assert await store.position(TENANT, "s") == Position("s", "f", 1)

    async def test_a_stream_moves_on_without_records(self, store: RecordStore) -> None:
        await store.apply(TENANT, Position("s", "e", 7), [])

        assert await store.position(TENANT, "s") == Position("s", "e", 7)
        assert await store.position(TENANT, "t") is None

    async def test_a_batch_is_applied_whole_or_not_at_all(self, store: RecordStore) -> None:
        orphan = examples.connection(container_id="nowhere")

        with pytest.raises(InvalidParamsError):
            await store.apply(TENANT, Position("s", "e", 2), changes(examples.container(), orphan))

        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") is None
        assert await store.position(TENANT, "s") is None

    async def test_what_a_record_refers_to_may_come_after_it_in_the_batch(self, store: RecordStore) -> None:
        await put(store, examples.session(), examples.connection(), examples.container())

        assert await store.get(TENANT, kinds.SESSIONS, "sess-1") == examples.session()

    async def test_two_who_apply_the_same_stream_write_it_once(self, store: RecordStore) -> None:
        every = changes(*(examples.container(container_id=f"box-{n}") for n in range(20)))
        upto = Position("s", "e", 20)

        applied = await asyncio.gather(*(store.apply(TENANT, upto, every) for _ in range(4)))

        assert sorted(applied) == [0, 0, 0, 20]

    async def test_a_record_of_another_installation_is_refused(self, store: RecordStore) -> None:
        with pytest.raises(InternalError):
            await put(store, examples.container(installation_id="other"))


class RuleConformance:
    """Rules over several records."""

    async def test_sessions_and_connections_may_share_a_container(self, store: RecordStore) -> None:
        await put_container(store)

        await put(store, examples.connection(connection_id="link-2"), examples.session(session_id="sess-2"))

        assert len((await store.page(TENANT, kinds.CONNECTIONS)).items) == 2
        assert len((await store.page(TENANT, kinds.SESSIONS)).items) == 2

    async def test_a_session_over_acp_needs_a_container_that_supports_it(self, store: RecordStore) -> None:
        http = {"supported_protocols": ["http"], "preferred_protocol": "http"}
        with pytest.raises(InvalidParamsError, match="does not support acp"):
            await put(store, examples.container(**http), examples.connection(), examples.session())

        await put_container(store)
        with pytest.raises(InvalidParamsError, match="does not support acp"):
            await put(store, examples.container(**http))

    async def test_what_belongs_to_a_container_goes_with_it(self, store: RecordStore) -> None:
        await put(store, *(example() for example in EXAMPLES.values()))

        assert await store.delete(TENANT, kinds.CONTAINERS, "box-1")
        assert not await store.delete(TENANT, kinds.CONTAINERS, "box-1")

        assert await filled(store, TENANT) == [
            "rollback_events",
            "automation_summaries",
            "transcript_entries",
            "capacity_alerts",
            "metrics_envelopes",
            "erasures",
        ]


class TenantConformance:
    """One installation sees nothing of another."""

    async def test_an_installation_sees_only_its_own(self, store: RecordStore) -> None:
        await put(store, *(example() for example in EXAMPLES.values()), examples.message(payload=LARGE))
        reference = (await store.page(TENANT, kinds.MESSAGES)).items[0].payload_ref
        assert reference is not None

        assert await filled(store, "other") == []
        assert await store.get("other", kinds.CONTAINERS, "box-1") is None
        assert await store.payload("other", reference) is None
        assert await store.position("other", "s") is None
        assert not await store.delete("other", kinds.CONTAINERS, "box-1")
        await store.clear("other")
        assert await store.purge("other", kinds.METRICS, at(60)) == 0
        assert await store.get(TENANT, kinds.METRICS, number(1)) == examples.metric()

    async def test_two_installations_may_use_the_same_ids(self, store: RecordStore) -> None:
        theirs = examples.container(installation_id="other", workspace_id="theirs")
        await put(store, examples.container())
        await store.apply("other", Position("s", "e", 1), changes(theirs))

        assert await store.get("other", kinds.CONTAINERS, "box-1") == theirs
        assert await store.get(TENANT, kinds.CONTAINERS, "box-1") == examples.container()

    async def test_a_cleared_installation_can_be_projected_anew(self, store: RecordStore) -> None:
        every = [example() for example in EXAMPLES.values()]
        await put(store, *every)

        await store.clear(TENANT)

        assert await store.position(TENANT, "s") is None
        assert await filled(store, TENANT) == []
        await put(store, *every)
        assert await store.get(TENANT, kinds.SESSIONS, "sess-1") == examples.session()


class PageConformance:
    """Lists."""

    async def test_pages_join_without_gap_or_overlap(self, store: RecordStore) -> None:
        """Many share a moment, so that the key has to decide."""
        await put(store, *(examples.metric(metric_id=number(n), timestamp=at(n // 4)) for n in range(23)))

        for sort, wanted in (
            ("timestamp", [number(n) for n in range(23)]),
            ("-timestamp", [number(n) for n in reversed(range(23))]),
            (None, [number(n) for n in reversed(range(23))]),
        ):
            found: list[str] = []
            cursor = None
            while True:
                page = await store.page(TENANT, kinds.METRICS, Query(sort=sort, limit=5, cursor=cursor))
                found += ids(page.items)
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert found == wanted

    async def test_a_page_is_of_50_unless_told(self, store: RecordStore) -> None:
        await put(store, *(examples.metric(metric_id=number(n), timestamp=at(n)) for n in range(51)))

        page = await store.page(TENANT, kinds.METRICS)
        assert len(page.items) == 50
        last = await store.page(TENANT, kinds.METRICS, Query(cursor=page.next_cursor))
        assert (ids(last.items), last.next_cursor) == ([number(0)], None)
        assert len((await store.page(TENANT, kinds.METRICS, Query(limit=51))).items) == 51

    async def test_what_is_written_meanwhile_moves_no_later_page(self, store: RecordStore) -> None:
        await put(store, *(examples.metric(metric_id=number(n), timestamp=at(n)) for n in range(4)))
        page = await store.page(TENANT, kinds.METRICS, Query(limit=2))

        await put(store, examples.metric(metric_id=number(9), timestamp=at(9)))

        rest = await store.page(TENANT, kinds.METRICS, Query(limit=2, cursor=page.next_cursor))
        assert ids(rest.items) == [number(1), number(0)]

    async def test_filters_leave_what_has_all_of_them(self, store: RecordStore) -> None:
        await put_container(store)
        await put(
            store,
            examples.message(id=number(1), message_type="event"),
            examples.message(id=number(2), message_type="status"),
            examples.message(id=number(3), message_type="event", session_id=None),
            examples.message(id=number(4), message_type="command"),
        )

        async def listed(**where: str | list[str] | None) -> list[str]:
            return ids((await store.page(TENANT, kinds.MESSAGES, Query(where=where, sort="timestamp"))).items)

        assert await listed(messageType="event") == [number(1), number(3)]
        assert await listed(messageType="event", sessionId="sess-1") == [number(1)]
        assert await listed(messageType=["event", "status"]) == [number(1), number(2), number(3)]
        assert await listed(messageType=[]) == []
        assert await listed(sessionId=None) == [number(3)]
        assert await listed(connectionId="' OR 1=1 --") == []

    async def test_open_alerts_and_failed_migrations_can_be_asked_for(self, store: RecordStore) -> None:
        await put_container(store)
        failed = {"status": "failed", "success": False}
        await put(
            store,
            examples.alert(alert_id=number(1), resolved_at=at(600)),
            examples.alert(alert_id=number(2)),
            examples.migration(migration_id=number(1)),
            examples.migration(migration_id=number(2), **failed),
        )

        assert ids((await store.page(TENANT, kinds.ALERTS, Query(where={"resolvedAt": None}))).items) == [
            number(2)
        ]
        assert ids((await store.page(TENANT, kinds.MIGRATIONS, Query(where={"success": False}))).items) == [
            number(2)
        ]

    async def test_since_is_inclusive_and_until_is_not(self, store: RecordStore) -> None:
        await put(store, *(examples.metric(metric_id=number(n), timestamp=at(n)) for n in range(5)))

        page = await store.page(TENANT, kinds.METRICS, Query(since=at(1), until=at(3), sort="timestamp"))

        assert ids(page.items) == [number(1), number(2)]

    async def test_a_key_that_no_store_can_hold_is_not_found(self, store: RecordStore) -> None:
        for key in ("a\0b", "\ud800"):
            assert await store.get(TENANT, kinds.CONTAINERS, key) is None
            assert not await store.delete(TENANT, kinds.CONTAINERS, key)
            with pytest.raises(InvalidParamsError):
                await store.page(TENANT, kinds.CONTAINERS, Query(where={"workspaceId": key}))


class PayloadConformance:
    """Values that are kept apart."""

    async def test_a_large_value_is_kept_apart_and_found_by_its_reference(self, store: RecordStore) -> None:
        await put_container(store)
        await put(
            store,
            examples.message(payload=LARGE),
            examples.transcript(context=LARGE),
            examples.automation(logs=[LARGE]),
        )

        message = await store.get(TENANT, kinds.MESSAGES, number(1))
        entry = await store.get(TENANT, kinds.TRANSCRIPTS, number(1))
        summary = await store.get(TENANT, kinds.AUTOMATIONS, number(1))
        assert message is not None
        assert entry is not None
        assert summary is not None
        assert (message.payload, entry.context, summary.logs) == (None, None, None)
        assert message.payload_ref == entry.context_ref
        assert await store.payload(TENANT, message.payload_ref or "") == LARGE
        assert await store.payload(TENANT, summary.logs_ref or "") == [LARGE]

    async def test_a_value_at_the_limit_stays_in_its_row(self, store: RecordStore) -> None:
        value = "x" * (INLINE_BYTES - 2)
        await put_container(store)
        await put(store, examples.message(payload=value), examples.message(id=number(2), payload=value + "y"))

        inside = await store.get(TENANT, kinds.MESSAGES, number(1))
        apart = await store.get(TENANT, kinds.MESSAGES, number(2))
        assert inside is not None
        assert apart is not None
        assert (inside.payload, inside.payload_ref) == (value, None)
        assert (apart.payload, apart.payload_ref is None) == (None, False)

    async def test_any_text_can_be_stored(self, store: RecordStore) -> None:
        await put_container(store)
        await put(store, examples.message(payload={"nul\0": ["a\0b", "💡", "\\u0000"]}))

        found = await store.get(TENANT, kinds.MESSAGES, number(1))
        assert found is not None
        assert found.payload == {"nul\ufffd": ["a\ufffdb", "💡", "\\u0000"]}

    async def test_purging_takes_the_old_and_leaves_the_new(self, store: RecordStore) -> None:
        await put_container(store)
        await put(store, *(examples.message(id=number(n), timestamp=at(n), payload=LARGE) for n in range(4)))

        assert await store.purge(TENANT, kinds.MESSAGES, at(3)) == 3
        assert await store.purge(TENANT, kinds.MESSAGES, at(3)) == 0

        kept = (await store.page(TENANT, kinds.MESSAGES)).items
        assert ids(kept) == [number(3)]
        assert await store.payload(TENANT, kept[0].payload_ref or "") == LARGE

    async def test_purging_takes_so_many_at_a_time_the_oldest_first(
        self, store: RecordStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.records.store.PURGE_ROWS", 2)
        await put(store, *(examples.metric(metric_id=number(n), timestamp=at(-n)) for n in range(3)))

        assert await store.purge(TENANT, kinds.METRICS, at(1)) == 2
        assert ids((await store.page(TENANT, kinds.METRICS)).items) == [number(0)]
        assert await store.purge(TENANT, kinds.METRICS, at(1)) == 1

    async def test_a_value_that_nothing_refers_to_goes_after_an_hour(
        self, store: RecordStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await put_container(store)
        await put(store, examples.message(payload=LARGE))
        found = await store.get(TENANT, kinds.MESSAGES, number(1))
        assert found is not None
        reference = found.payload_ref or ""

        await store.purge(TENANT, kinds.MESSAGES, at(1))
        assert await store.payload(TENANT, reference) == LARGE

        monkeypatch.setattr("actors.records.store.ORPHAN_AGE", timedelta(hours=-1))
        await store.purge(TENANT, kinds.MESSAGES, at(1))
        assert await store.payload(TENANT, reference) is None
