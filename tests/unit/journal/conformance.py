"""What every journal promises. Each store has a test class that inherits ``JournalConformance``.

That class has a fixture ``store``: the journal, a way to open it anew, and a way to let its clock go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import pytest

from actors.errors import FenceRefusedError, JournalUnavailableError, SeqConflictError
from actors.journal import (
    Appended,
    AppendResult,
    Entry,
    Journal,
    NewEntry,
    Page,
    Refused,
    Size,
    StreamAppend,
)

SOON_S = 3.0


class Store(Protocol):
    """A store with nothing in it."""

    journal: Journal

    async def reopen(self) -> None:
        """Close the journal and open it on the same store."""

    async def pass_time(self, seconds: float) -> None:
        """Let the clock of the leases go on."""


def entries(*payloads: str, at: int = 1000) -> list[NewEntry]:
    return [NewEntry("update", payload.encode(), at + n) for n, payload in enumerate(payloads)]


def append(
    stream: str,
    first_seq: int,
    *payloads: str,
    fence: int = 1,
    workspace: str = "w",
    meta: bytes | None = None,
) -> StreamAppend:
    return StreamAppend(stream, workspace, fence, first_seq, entries(*payloads, at=999 + first_seq), meta)


def payloads(page: Page) -> list[str]:
    return [entry.payload.decode() for entry in page.entries]


async def write(journal: Journal, *appends: StreamAppend) -> Sequence[AppendResult]:
    results = await journal.append(appends)
    assert [result.stream for result in results] == [one.stream for one in appends]
    return results


async def written(journal: Journal, *appends: StreamAppend) -> list[Appended]:
    results = await write(journal, *appends)
    taken = [result for result in results if isinstance(result, Appended)]
    assert len(taken) == len(results), results
    return taken


def refusal(result: AppendResult) -> type[Exception]:
    assert isinstance(result, Refused)
    return type(result.error)


class AppendConformance:
    """Writing, under a fence."""

    async def test_what_was_appended_is_read_as_it_was(self, store: Store):
        binary = bytes(range(256)) * 3
        one = StreamAppend(
            "s", "w", 1, 1, [NewEntry("kind é", binary, 1_764_000_000_123), NewEntry("", b"", 0)]
        )
        await written(store.journal, one)

        page = await store.journal.read("s", 0)

        assert page.entries == [Entry("s", 1, "kind é", binary, 1_764_000_000_123), Entry("s", 2, "", b"", 0)]
        assert (page.first_kept, page.last_seq, page.gap) == (1, 2, False)

    async def test_a_batch_may_append_twice_to_a_stream(self, store: Store):
        await written(store.journal, append("s", 1, "a"), append("t", 1, "x"), append("s", 2, "b", "c"))

        assert payloads(await store.journal.read("s", 0)) == ["a", "b", "c"]
        assert payloads(await store.journal.read("t", 0)) == ["x"]

    async def test_an_append_that_leaves_a_gap_is_refused_alone(self, store: Store):
        results = await write(store.journal, append("s", 2, "b"), append("t", 1, "x"), append("s", 1, "a"))

        assert refusal(results[0]) is SeqConflictError
        assert isinstance(results[1], Appended)
        assert isinstance(results[2], Appended)
        assert payloads(await store.journal.read("s", 0)) == ["a"]

    async def test_an_append_over_other_entries_is_refused(self, store: Store):
        await written(store.journal, append("s", 1, "a", "b"))

        results = await write(store.journal, append("s", 2, "other"), append("s", 1, "a", "b", "c"))

        assert [refusal(result) for result in results] == [SeqConflictError, SeqConflictError]
        assert payloads(await store.journal.read("s", 0)) == ["a", "b"]

    async def test_an_append_repeated_is_answered_as_the_first_time(self, store: Store):
        batch = [append("s", 1, "a", "b", meta=b"old"), append("t", 1, "x")]
        first = await written(store.journal, *batch)
        await written(store.journal, append("s", 3, "c", meta=b"new"))

        assert await written(store.journal, *batch) == first
        assert await written(store.journal, append("s", 4, "d"), append("s", 4, "d"))
        assert payloads(await store.journal.read("s", 0)) == ["a", "b", "c", "d"]
        head = await store.journal.head("s")
        assert head is not None
        assert head.meta == b"new"

    async def test_a_lower_fence_than_the_newest_granted_is_refused_alone(self, store: Store):
        journal = store.journal
        old = await journal.acquire("w", "worker-1", 60.0)
        await journal.release(old)
        new = await journal.acquire("w", "worker-2", 60.0)

        results = await write(
            journal,
            append("s", 1, "late", fence=old.fence),
            append("s", 1, "mine", fence=new.fence),
            append("elsewhere", 1, "x", workspace="v", fence=0),
        )

        assert refusal(results[0]) is FenceRefusedError
        assert isinstance(results[1], Appended)
        assert isinstance(results[2], Appended)
        assert payloads(await journal.read("s", 0)) == ["mine"]

    async def test_an_old_fence_cannot_even_repeat_what_it_wrote(self, store: Store):
        old = await store.journal.acquire("w", "worker-1", 60.0)
        await written(store.journal, append("s", 1, "a", fence=old.fence))
        await store.journal.release(old)
        await store.journal.acquire("w", "worker-2", 60.0)

        (result,) = await write(store.journal, append("s", 1, "a", fence=old.fence))

        assert refusal(result) is FenceRefusedError

    async def test_a_stream_stays_with_the_workspace_of_its_first_append(self, store: Store):
        await written(store.journal, append("s", 1, "a", workspace="w"))

        first, second = await write(
            store.journal, append("s", 1, "a", workspace="v"), append("s", 2, "b", workspace="v")
        )

        assert refusal(first) is FenceRefusedError
        assert refusal(second) is FenceRefusedError
        assert payloads(await store.journal.read("s", 0)) == ["a"]

    async def test_a_refused_append_makes_no_stream(self, store: Store):
        await write(store.journal, append("s", 5, "a"))

        assert await store.journal.head("s") is None
        assert await store.journal.streams() == []

    async def test_an_empty_batch_is_nothing(self, store: Store):
        assert list(await store.journal.append([])) == []

    async def test_a_record_is_kept_until_it_is_replaced(self, store: Store):
        await written(store.journal, append("s", 1, "a", meta=b"one"))
        await written(store.journal, append("s", 2, "b"))
        head = await store.journal.head("s")
        assert head is not None
        assert head.meta == b"one"

        await written(store.journal, append("s", 3, meta=b""))

        head = await store.journal.head("s")
        assert head is not None
        assert (head.meta, head.last_seq, head.workspace, head.payload_bytes) == (b"", 2, "w", 2)

    async def test_a_stream_may_begin_with_its_record_alone(self, store: Store):
        (result,) = await written(store.journal, append("s", 1, meta=b"record"))

        assert result.last_seq == 0
        page = await store.journal.read("s", 0)
        assert (page.last_seq, page.epoch, list(page.entries)) == (0, result.epoch, [])

    async def test_everything_is_there_after_opening_anew(self, store: Store):
        granted = await store.journal.acquire("w", "worker-1", 60.0)
        (first,) = await written(store.journal, append("s", 1, "a", "b", fence=granted.fence, meta=b"record"))
        await store.journal.trim("s", keep_count=1)

        await store.reopen()

        page = await store.journal.read("s", 0)
        assert (payloads(page), page.first_kept, page.epoch) == (["b"], 2, first.epoch)
        assert await store.journal.lookup("w") == granted
        (second,) = await written(store.journal, append("s", 3, "c", fence=granted.fence))
        assert second.epoch == first.epoch

    async def test_a_large_batch_over_many_streams_is_one_commit(self, store: Store):
        batch = [append(f"s/{n:03}", 1, *["x" * 300] * 10, workspace=f"w/{n % 7}") for n in range(200)]

        await written(store.journal, *batch)

        assert await store.journal.size() == Size(2000, 600_000)

    async def test_a_closed_journal_refuses(self, store: Store):
        await store.journal.close()
        await store.journal.close()

        with pytest.raises(JournalUnavailableError):
            await store.journal.append([append("s", 1, "a")])
        with pytest.raises(JournalUnavailableError):
            await store.journal.read("s", 0)


class ReadConformance:
    """Reading, waiting, trimming, listing."""

    async def test_the_newest_entries_come_with_the_head(self, store: Store):
        await written(store.journal, append("s", 1, "a", "b", "c", "d", meta=b"record"))

        found = await store.journal.newest("s", 3)

        assert found is not None
        head, kept = found
        assert head == await store.journal.head("s")
        assert [entry.payload for entry in kept] == [b"b", b"c", b"d"]

    async def test_the_newest_entries_are_none_that_were_trimmed(self, store: Store):
        await written(store.journal, append("s", 1, "a", "b", "c", "d"))
        await store.journal.trim("s", keep_count=2)

        found = await store.journal.newest("s", 3)

        assert found is not None
        assert [entry.seq for entry in found[1]] == [3, 4]

    async def test_the_newest_entries_are_left_out_where_they_are_too_large(self, store: Store):
        await written(store.journal, append("s", 1, "a", "b" * 100, "c"))

        found = await store.journal.newest("s", 3, limit_bytes=50)

        assert found is not None
        assert found[0].last_seq == 3
        assert list(found[1]) == []

    async def test_a_stream_that_was_never_written_has_no_newest_entries(self, store: Store):
        assert await store.journal.newest("s", 3) is None

    async def test_an_unknown_stream_reads_as_empty_without_an_epoch(self, store: Store):
        page = await store.journal.read("s", 0)

        assert (list(page.entries), page.first_kept, page.last_seq, page.epoch) == ([], 1, 0, "")
        assert not page.gap

    async def test_reading_goes_on_after_a_seq(self, store: Store):
        await written(store.journal, append("s", 1, *"abcde"))

        assert payloads(await store.journal.read("s", 3)) == ["d", "e"]
        assert payloads(await store.journal.read("s", 5)) == []
        assert payloads(await store.journal.read("s", 9)) == []

    async def test_a_page_keeps_both_limits(self, store: Store):
        await written(store.journal, append("s", 1, "aa", "bb", "cc", "dd"))

        assert payloads(await store.journal.read("s", 0, limit_entries=3)) == ["aa", "bb", "cc"]
        assert payloads(await store.journal.read("s", 0, limit_bytes=4)) == ["aa", "bb"]
        assert payloads(await store.journal.read("s", 0, limit_bytes=5)) == ["aa", "bb"]

    async def test_an_entry_over_the_limit_still_comes_alone(self, store: Store):
        await written(store.journal, append("s", 1, "long entry", "b"))

        page = await store.journal.read("s", 0, limit_entries=5, limit_bytes=1)

        assert (payloads(page), page.last_seq) == (["long entry"], 2)

    async def test_pages_join_to_the_whole_stream(self, store: Store):
        said = [f"{n}" for n in range(1, 301)]
        await written(store.journal, append("s", 1, *said))
        read: list[str] = []
        while len(read) < 300:
            page = await store.journal.read("s", len(read), limit_entries=70)
            assert len(page.entries) in (70, 20)
            read += payloads(page)
        assert read == said

    async def test_a_gap_is_told(self, store: Store):
        await written(store.journal, append("s", 1, *"abcde"))
        assert await store.journal.trim("s", keep_count=2) == 4

        page = await store.journal.read("s", 1)

        assert page.gap
        assert (page.first_kept, page.last_seq, payloads(page)) == (4, 5, ["d", "e"])
        assert not (await store.journal.read("s", 3)).gap

    async def test_a_trim_to_nothing_keeps_the_place(self, store: Store):
        await written(store.journal, append("s", 1, *"abc"))

        assert await store.journal.trim("s", keep_count=0) == 4

        page = await store.journal.read("s", 0)
        assert (page.gap, page.last_seq, payloads(page)) == (True, 3, [])
        await written(store.journal, append("s", 4, "d"))
        assert payloads(await store.journal.read("s", 3)) == ["d"]

    async def test_a_trim_by_time_drops_what_is_before_the_moment(self, store: Store):
        await written(store.journal, append("s", 1, *"abcde"))  # at 1000 and on

        assert await store.journal.trim("s", older_than_ms=1000) == 1
        assert await store.journal.trim("s", older_than_ms=1002) == 3
        assert await store.journal.trim("s", older_than_ms=1003, keep_count=4) == 4
        assert await store.journal.trim("s", older_than_ms=9999) == 6

    async def test_a_trim_inside_of_an_append_is_exact(self, store: Store):
        whole = append("s", 1, *"abcdefghij")
        await written(store.journal, whole)

        assert await store.journal.trim("s", keep_count=7) == 4

        page = await store.journal.read("s", 0)
        assert (page.first_kept, page.gap, payloads(page)) == (4, True, list("defghij"))
        assert payloads(await store.journal.read("s", 5)) == list("fghij")
        assert await store.journal.size("s") == Size(7, 7)
        (repeated,) = await write(store.journal, whole)
        assert refusal(repeated) is SeqConflictError
        rest = StreamAppend("s", "w", 1, 4, whole.entries[3:])
        assert [result.last_seq for result in await written(store.journal, rest)] == [10]
        assert await store.journal.trim("s", older_than_ms=1000 + 5) == 6
        assert payloads(await store.journal.read("s", 0)) == list("fghij")

    async def test_a_trim_by_time_goes_no_further_than_the_first_entry_that_is_young(self, store: Store):
        moments = [10, 30, 20, 30]
        entries = [NewEntry("k", b"", at) for at in moments]
        await written(store.journal, StreamAppend("s", "w", 1, 1, entries[:2]))
        await written(store.journal, StreamAppend("s", "w", 1, 3, entries[2:]))

        assert await store.journal.trim("s", older_than_ms=25) == 2

    async def test_a_trim_that_drops_nothing_changes_nothing(self, store: Store):
        await written(store.journal, append("s", 1, *"abc"))

        assert await store.journal.trim("s") == 1
        assert await store.journal.trim("s", keep_count=3) == 1
        assert await store.journal.trim("s", keep_count=99) == 1
        assert await store.journal.trim("unknown", keep_count=0) == 1
        assert payloads(await store.journal.read("s", 0)) == ["a", "b", "c"]

    async def test_a_long_trim_is_exact(self, store: Store):
        for first in range(1, 2502, 500):
            await written(store.journal, append("s", first, *["x"] * 500))

        assert await store.journal.trim("s", older_than_ms=1000 + 2299) == 2300
        assert await store.journal.trim("s", keep_count=3) == 2998
        assert await store.journal.size("s") == Size(3, 3)
        assert await store.journal.size() == Size(3, 3)

    async def test_sizes_follow_what_is_kept(self, store: Store):
        await written(store.journal, append("s", 1, "aa", "b"), append("t", 1, "cccc"))
        assert await store.journal.size("s") == Size(2, 3)
        assert await store.journal.size() == Size(3, 7)

        await store.journal.trim("s", keep_count=1)
        assert await store.journal.size() == Size(2, 5)
        await store.journal.delete("t")
        assert await store.journal.size() == Size(1, 1)
        assert await store.journal.size("t") == Size(0, 0)

    async def test_a_deleted_stream_begins_a_new_life(self, store: Store):
        (first,) = await written(store.journal, append("s", 1, "a", "b", meta=b"record"))

        await store.journal.delete("s")
        await store.journal.delete("s")

        assert await store.journal.head("s") is None
        (late,) = await write(store.journal, append("s", 3, "c"))
        assert refusal(late) is SeqConflictError
        (second,) = await written(store.journal, append("s", 1, "new", workspace="v"))
        assert second.epoch != first.epoch
        head = await store.journal.head("s")
        assert head is not None
        assert (head.meta, head.workspace) == (None, "v")
        assert payloads(await store.journal.read("s", 0)) == ["new"]

    async def test_streams_are_listed_by_prefix_in_pages(self, store: Store):
        names = [
            "session/1",
            "session/10",
            "session/2",
            "session/é",
            "session/\U0001f600",
            "workspace/1",
            "z",
        ]
        await written(store.journal, *(append(name, 1, "x") for name in names))

        assert await store.journal.streams() == names
        assert await store.journal.streams("session/") == names[:5]
        assert await store.journal.streams("session/", limit=2) == names[:2]
        assert await store.journal.streams("session/", after="session/10") == names[2:5]
        assert await store.journal.streams("session/", after="workspace/1") == []
        assert await store.journal.streams("session/1") == names[:2]
        assert await store.journal.streams("workspace/", after="session/2") == ["workspace/1"]

    async def test_heads_are_listed_as_streams_are_with_their_records(self, store: Store):
        names = ["session/1", "session/10", "session/2", "session/é", "z"]
        for number, name in enumerate(names):
            meta = None if name == "session/2" else f"record of {name}".encode()
            await written(store.journal, append(name, 1, *"ab", workspace=f"w/{number % 2}", meta=meta))
        await store.journal.trim("session/10", keep_count=1)

        heads = await store.journal.heads("session/")

        assert heads == [await store.journal.head(name) for name in names[:4]]
        assert [head.meta for head in heads][1:3] == [b"record of session/10", None]
        for asked in [("",), ("session/", "session/1"), ("session/", "", 2), ("session/", "z"), ("none",)]:
            listed = [head.stream for head in await store.journal.heads(*asked)]
            assert listed == await store.journal.streams(*asked)

    async def test_a_tail_returns_at_once_what_is_there(self, store: Store):
        await written(store.journal, append("s", 1, *"abc"))

        assert payloads(await store.journal.tail("s", 1, deadline_s=5.0, limit_entries=1)) == ["b"]

    async def test_a_tail_waits_for_the_next_entry(self, store: Store):
        await written(store.journal, append("s", 1, "a"))
        waiting = asyncio.create_task(store.journal.tail("s", 1, deadline_s=30.0))
        unknown = asyncio.create_task(store.journal.tail("t", 0, deadline_s=30.0))
        await asyncio.sleep(0.02)  # until both have looked in vain
        assert not waiting.done()

        await written(store.journal, append("s", 2, "b"), append("t", 1, "x"))

        async with asyncio.timeout(SOON_S):
            assert payloads(await waiting) == ["b"]
            assert payloads(await unknown) == ["x"]

    async def test_a_tail_ends_at_its_deadline_with_an_empty_page(self, store: Store):
        await written(store.journal, append("s", 1, "a"))

        page = await store.journal.tail("s", 1, deadline_s=0.01)

        assert (payloads(page), page.last_seq) == ([], 1)
