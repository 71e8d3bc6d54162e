"""The policy of one installation, as its one writer has it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import Final

import msgspec
from msgspec.structs import replace

from actors import errors
from actors.journal.clock import epoch_ms
from actors.journal.contract import Head, Journal, NewEntry
from actors.migration import policies, record
from actors.migration.policies import PolicyRecord
from actors.migration.policy import Phase, Policy
from actors.migration.record import KEPT_KEYS, KEY_TTL_S, UsedKey, used
from actors.migration.states import ProtocolState
from actors.migration.streams import WORKSPACES, WorkspaceName, owner_of, policy_stream
from actors.placement.leased_stream import LeasedStream
from actors.placement.leases import Leases
from actors.rollout.contract import PolicyChange, PolicyView

ENTRY: Final = "policy"
KEPT_ENTRIES: Final = 1_000
HEADS_AT_ONCE: Final = 500
MOST_NAMED: Final = 100


class PolicyBook:
    """Writes one stream, under a lease that it takes with its first write.

    ``default`` is the policy until it is changed. What is known of the stream is read anew after any failure,
    since a write whose answer was lost may have been done.
    """

    def __init__(self, journal: Journal, leases: Leases, installation: str, default: Policy) -> None:
        self._journal = journal
        self._installation = installation
        self._stream = LeasedStream(journal, leases, policy_stream(installation), "the policy", self._held)
        self._default = default
        self._writing = asyncio.Lock()
        self._record = PolicyRecord(default)

    async def read(self) -> PolicyView:
        """The policy, and where the installation's workspaces stand. Raises JournalUnavailableError."""
        head = await self._journal.head(self._stream.name)
        known = policies.decode(None if head is None else head.meta)
        return await self._view(self._default if known is None else known.policy)

    async def change(self, change: PolicyChange) -> PolicyView:
        """Take another policy.

        Raises InvalidParamsError for one that makes no sense, PreconditionError for another version,
        ConflictError where its key came with another change before, JournalUnavailableError,
        WorkerUnavailableError where another process writes; it may be repeated then.
        """
        _check(change.policy)
        async with self._writing:
            await self._stream.hold()
            now_ms = epoch_ms()
            known = self._record
            if change.key and used(known.keys, change.key, change.digest, now_ms / 1000):
                return await self._view(known.policy)
            version = known.policy.version
            if change.version is not None and change.version != version:
                raise errors.PreconditionError(f"the version is {version}, and you named {change.version}")
            if change.dry_run:
                return replace(await self._view(replace(change.policy, version=version)), applied=False)
            policy = replace(change.policy, version=version + 1)
            await self._append(policy, change, now_ms)
        return await self._view(policy)

    async def release(self) -> None:
        """Give the stream back, so that the next writer need not wait."""
        await self._stream.release()

    async def _held(self, head: Head | None) -> None:
        self._record = policies.decode(None if head is None else head.meta) or PolicyRecord(self._default)

    async def _append(self, policy: Policy, change: PolicyChange, now_ms: int) -> None:
        keys = [one for one in self._record.keys if now_ms / 1000 - one.at_s < KEY_TTL_S]
        if change.key:
            keys.append(UsedKey(change.key, change.digest, now_ms / 1000))
        after = PolicyRecord(policy, tuple(keys[-KEPT_KEYS:]))
        told = msgspec.json.encode({"policy": policy, "before": self._record.policy, "user": change.user})
        await self._stream.append([NewEntry(ENTRY, told, now_ms)], policies.encode(after))
        self._record = after
        await self._journal.trim(self._stream.name, keep_count=KEPT_ENTRIES)

    async def _view(self, policy: Policy) -> PolicyView:
        """Where the workspaces stand, and which of them move by this policy."""
        standing: Counter[str] = Counter()
        moves: list[str] = []
        count = 0
        prefix, after = WORKSPACES + WorkspaceName(self._installation, "").key, ""
        while True:
            heads = await self._journal.heads(prefix, after, HEADS_AT_ONCE)
            for head in heads:
                if head.meta is None:
                    continue
                state = record.decode(head.meta).state
                name = owner_of(head.stream)
                standing[state] += 1
                if state is ProtocolState.HTTP and policy.reaches(name.key, math.inf):
                    count += 1
                    moves += [name.workspace_id] if len(moves) < MOST_NAMED else []
            if len(heads) < HEADS_AT_ONCE:
                told = {name: getattr(policy, name) for name in Policy.__struct_fields__}
                return PolicyView(
                    **told,
                    installation_id=self._installation,
                    workspaces=moves,
                    workspaces_count=count,
                    standing=dict(standing),
                )
            after = heads[-1].stream


def _check(policy: Policy) -> None:
    if policy.phase is Phase.SCHEDULED and policy.scheduled_at is None:
        raise errors.InvalidParamsError("scheduledAt: a scheduled rollout needs its moment")
