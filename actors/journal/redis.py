"""The journal in Redis 7: what a cluster of workers shares.

One server with its append-only file on. A commit is one call of a function (``redis_functions.lua``), so it
is whole and checked under the newest fence. Redis Cluster is not served: a commit spans workspaces.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final, Self

from msgspec import convert

from actors.errors import InternalError, JournalUnavailableError, SettingsError
from actors.journal import redis_answers, redis_keys
from actors.journal.arrivals import Arrivals
from actors.journal.contract import (
    PAGE_BYTES,
    PAGE_ENTRIES,
    AppendResult,
    Durability,
    Entry,
    Head,
    Page,
    Placement,
    Size,
    StreamAppend,
    complete,
)
from actors.journal.redis_calls import Argument, RedisCalls

TIMEOUT_S: Final = 5.0
"""How long any one command may take."""
POLL_S: Final = 0.1
"""How often ``tail`` looks for what other processes have written."""
_HEAD: Final = ("epoch", "first", "last", "bytes", "meta")
_PLACEMENT: Final = ("worker", "fence", "expires")


class RedisJournal:
    """See ``Journal``. Made by ``open``; the clock of its leases is the server's."""

    def __init__(self, calls: RedisCalls) -> None:
        self._calls = calls
        self._arrivals = Arrivals(POLL_S)
        self._closed = False

    @classmethod
    async def open(cls, url: str, durability: Durability = "process", timeout_s: float = TIMEOUT_S) -> Self:
        """Connect to ``redis://``, ``rediss://`` or ``unix://`` and load our functions.

        "process": a commit outlives our processes; what a loss of power or a kill of the server takes is up
        to its ``appendfsync``. "disk": every commit is synced, by WAITAOF (Redis 7.2) or ``appendfsync
        always``. Raises JournalUnavailableError, and SettingsError where the server cannot keep that.
        """
        calls = RedisCalls(url, durability, timeout_s)
        try:
            await calls.prepare()
        except (InternalError, JournalUnavailableError, SettingsError):
            await calls.close()
            raise
        return cls(calls)

    async def close(self) -> None:
        """See ``Journal.close``."""
        if not self._closed:
            self._closed = True
            await self._calls.close()

    # ------------------------------------------------------------------ streams

    async def append(self, batch: Sequence[StreamAppend]) -> Sequence[AppendResult]:
        """See ``Journal.append``."""
        self._check_open()
        keys = [redis_keys.STREAMS, redis_keys.WORKSPACES, redis_keys.TOTAL]
        arguments: list[Argument] = []
        for append in batch:
            keys += _keys_of(append)
            arguments += _arguments_of(append)
        answer = await self._calls.write("append", keys, arguments)
        results = redis_answers.append_results(batch, answer)
        self._arrivals.tell(result.stream for result in results)
        return results

    async def read(
        self,
        stream: str,
        after_seq: int,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """See ``Journal.read``."""
        workspace = await self._workspace_of(stream)
        if workspace is None:
            return Page(after_seq, (), 1, 0, "")
        keys = [redis_keys.head(workspace, stream), redis_keys.log(workspace, stream)]
        answer = await self._calls.read("read", keys, (after_seq, max(limit_entries, 1), limit_bytes))
        return redis_answers.page(stream, after_seq, answer)

    async def tail(
        self,
        stream: str,
        after_seq: int,
        deadline_s: float,
        limit_entries: int = PAGE_ENTRIES,
        limit_bytes: int = PAGE_BYTES,
    ) -> Page:
        """See ``Journal.tail``."""
        return await self._arrivals.tail(
            stream, deadline_s, lambda: self.read(stream, after_seq, limit_entries, limit_bytes)
        )

    async def head(self, stream: str) -> Head | None:
        """See ``Journal.head``."""
        workspace = await self._workspace_of(stream)
        if workspace is None:
            return None
        answer = await self._calls.command("HMGET", redis_keys.head(workspace, stream), *_HEAD)
        return redis_answers.head(stream, workspace, answer)

    async def newest(
        self, stream: str, limit_entries: int, limit_bytes: int = PAGE_BYTES
    ) -> tuple[Head, Sequence[Entry]] | None:
        """See ``Journal.newest``."""
        head = await self.head(stream)
        if head is None:
            return None
        after_seq = max(head.last_seq - limit_entries, head.first_kept - 1)
        page = await self.read(stream, after_seq, limit_entries, limit_bytes)
        # What was written between the two looks is not the head's.
        return head, complete(page) if page.last_seq == head.last_seq else ()

    async def size(self, stream: str | None = None) -> Size:
        """See ``Journal.size``."""
        if stream is None:
            self._check_open()
            answer = await self._calls.command("HMGET", redis_keys.TOTAL, "entries", "bytes")
            entries, payload_bytes = convert(answer, list[bytes | None])
            return Size(int(entries or 0), int(payload_bytes or 0))
        head = await self.head(stream)
        if head is None:
            return Size(0, 0)
        return Size(head.last_seq + 1 - head.first_kept, head.payload_bytes)

    async def streams(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[str]:
        """See ``Journal.streams``."""
        self._check_open()
        first = f"({after}" if after >= prefix else f"[{prefix}"
        # No byte of UTF-8 is 0xff, so this is past all that begin with the prefix.
        last = b"(" + prefix.encode() + b"\xff"
        answer = await self._calls.command(
            "ZRANGE", redis_keys.STREAMS, first, last, "BYLEX", "LIMIT", 0, limit
        )
        return [found.decode() for found in convert(answer, list[bytes])]

    async def heads(self, prefix: str = "", after: str = "", limit: int = 1000) -> Sequence[Head]:
        """See ``Journal.heads``."""
        found: list[Head] = []
        names: Sequence[str] = ()
        while len(found) < limit:
            wanted = limit - len(found)
            names = await self.streams(prefix, names[-1] if names else after, wanted)
            # Between the two looks a stream may have been deleted, so that another is wanted in its place.
            found += await self._heads_of(names)
            if len(names) < wanted:
                break
        return found

    async def trim(
        self, stream: str, *, keep_count: int | None = None, older_than_ms: int | None = None
    ) -> int:
        """See ``Journal.trim``. Done in steps, between which others may write."""
        workspace = await self._workspace_of(stream)
        if workspace is None:
            return 1
        keys = [redis_keys.head(workspace, stream), redis_keys.log(workspace, stream), redis_keys.TOTAL]
        bounds = ["" if bound is None else bound for bound in (keep_count, older_than_ms)]
        finished = 0
        first_kept = 1
        while not finished:
            answer = await self._calls.write("trim", keys, bounds)
            first_kept, finished = convert(answer, tuple[int, int])
        return first_kept

    async def delete(self, stream: str) -> None:
        """See ``Journal.delete``."""
        workspace = await self._workspace_of(stream)
        if workspace is not None:
            keys = [redis_keys.STREAMS, redis_keys.WORKSPACES, redis_keys.TOTAL]
            keys += [redis_keys.head(workspace, stream), redis_keys.log(workspace, stream)]
            await self._calls.write("delete", keys, (stream,))

    async def scrub(self) -> None:
        """See ``Journal.scrub``. The append-only file is written anew, in the server's background."""
        self._check_open()
        await self._calls.rewrite_log()

    async def _heads_of(self, streams: Sequence[str]) -> list[Head]:
        if not streams:
            return []
        answer = await self._calls.command("HMGET", redis_keys.WORKSPACES, *streams)
        places = [
            (stream, workspace.decode())
            for stream, workspace in zip(streams, convert(answer, list[bytes | None]), strict=True)
            if workspace is not None
        ]
        answers = await self._calls.commands(
            [("HMGET", redis_keys.head(workspace, stream), *_HEAD) for stream, workspace in places]
        )
        heads = [redis_answers.head(*place, one) for place, one in zip(places, answers, strict=True)]
        return [head for head in heads if head is not None]

    async def _workspace_of(self, stream: str) -> str | None:
        self._check_open()
        found = convert(await self._calls.command("HGET", redis_keys.WORKSPACES, stream), bytes | None)
        return None if found is None else found.decode()

    def _check_open(self) -> None:
        if self._closed:
            raise JournalUnavailableError("the journal is closed")

    # ------------------------------------------------------------------ placements

    async def acquire(
        self, workspace: str, worker: str, lease_s: float, seize_from: frozenset[str] = frozenset()
    ) -> Placement:
        """See ``Placements.acquire``."""
        self._check_open()
        lease_ms = round(lease_s * 1000)
        arguments: list[Argument] = [workspace, worker, lease_ms, redis_keys.WORKER_SETS, *seize_from]
        answer = await self._calls.write("acquire", [redis_keys.placement(workspace)], arguments)
        return redis_answers.granted(workspace, answer)

    async def renew(self, held: Sequence[Placement], lease_s: float) -> Sequence[Placement]:
        """See ``Placements.renew``."""
        self._check_open()
        keys = [redis_keys.placement(one.workspace) for one in held]
        arguments: list[Argument] = [round(lease_s * 1000)]
        for one in held:
            arguments += (one.worker, one.fence)
        expiries = convert(await self._calls.write("renew", keys, arguments), list[int])
        return [
            Placement(one.workspace, one.worker, one.fence, expires_at)
            for one, expires_at in zip(held, expiries, strict=True)
            if expires_at
        ]

    async def release(self, placement: Placement) -> bool:
        """See ``Placements.release``."""
        return await self._release(placement.worker, [placement]) == 1

    async def release_all(self, worker: str) -> int:
        """See ``Placements.release_all``."""
        return await self._release(worker, await self.held_by(worker))

    async def lookup(self, workspace: str) -> Placement | None:
        """See ``Placements.lookup``."""
        self._check_open()
        answer = await self._calls.command("HMGET", redis_keys.placement(workspace), *_PLACEMENT)
        return redis_answers.placement(workspace, answer)

    async def held_by(self, worker: str) -> Sequence[Placement]:
        """See ``Placements.held_by``."""
        self._check_open()
        answer = await self._calls.command("SMEMBERS", redis_keys.WORKER_SETS + worker)
        workspaces = sorted(found.decode() for found in convert(answer, set[bytes]))
        answers = await self._calls.commands(
            [("HMGET", redis_keys.placement(workspace), *_PLACEMENT) for workspace in workspaces]
        )
        rows = [redis_answers.placement(*pair) for pair in zip(workspaces, answers, strict=True)]
        # Between the two looks another may have taken one.
        return [row for row in rows if row is not None and row.worker == worker]

    async def _release(self, worker: str, held: Sequence[Placement]) -> int:
        self._check_open()
        keys = [redis_keys.WORKER_SETS + worker]
        arguments: list[Argument] = [worker]
        for one in held:
            keys.append(redis_keys.placement(one.workspace))
            arguments += (one.workspace, one.fence)
        return convert(await self._calls.write("release", keys, arguments), int)


def _keys_of(append: StreamAppend) -> tuple[str, str, str]:
    return (
        redis_keys.placement(append.workspace),
        redis_keys.head(append.workspace, append.stream),
        redis_keys.log(append.workspace, append.stream),
    )


def _arguments_of(append: StreamAppend) -> list[Argument]:
    arguments: list[Argument] = [append.stream, append.workspace, append.fence, append.first_seq]
    arguments += [secrets.token_hex(8), int(append.meta is not None), append.meta or b"", len(append.entries)]
    for entry in append.entries:
        arguments += (entry.kind, entry.at, entry.payload)
    return arguments
