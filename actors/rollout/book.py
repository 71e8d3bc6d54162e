"""The policy of one installation, as its one writer has it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from typing import Final

import msgspec
from msgspec.structs import replace

from actors import errors
from actors.journal.clock import epoch_ms
from actors.journal.contract import Journal, NewEntry, Refused, StreamAppend
from actors.migration import policies, record
from actors.migration.policies import PolicyRecord
from actors.migration.policy import Phase, Policy
from actors.migration.record import KEPT_KEYS, KEY_TTL_S, UsedKey, used
from actors.migration.states import ProtocolState
from actors.migration.streams import WORKSPACES, WorkspaceName, owner_of, policy_stream
from actors.placement.leases import HeldElsewhereError, Lease, Leases
from actors.rollout.contract import PolicyChange, PolicyView

log = logging.getLogger("lumilink.rollout")

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
        self._leases = leases
        self._installation = installation
        self._stream = policy_stream(installation)
        self._default = default
        self._writing = asyncio.Lock()
        self._lease: Lease | None = None
        self._last_seq = 0
        self._record = PolicyRecord(default)

    async def read(self) -> PolicyView:
        """The policy, and where the installation's workspaces stand. Raises JournalUnavailableError."""
        head = await self._journal.head(self._stream)
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
            lease = await self._held()
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
            await self._append(lease, policy, change, now_ms)
        return await self._view(policy)

    async def release(self) -> None:
        """Give the stream back, so that the next writer need not wait."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await self._leases.release(lease)

    async def _held(self) -> Lease:
        """The lease; taken, and the record read, if need be."""
        if self._lease is not None:
            return self._lease
        try:
            lease = await self._leases.acquire(self._stream, self._lost)
        except HeldElsewhereError:
            raise errors.WorkerUnavailableError("another process writes the policy", 5.0) from None
        head = await self._journal.head(self._stream)
        self._last_seq = 0 if head is None else head.last_seq
        self._record = policies.decode(None if head is None else head.meta) or PolicyRecord(self._default)
        self._lease = lease
        return lease

    async def _append(self, lease: Lease, policy: Policy, change: PolicyChange, now_ms: int) -> None:
        keys = [one for one in self._record.keys if now_ms / 1000 - one.at_s < KEY_TTL_S]
        if change.key:
            keys.append(UsedKey(change.key, change.digest, now_ms / 1000))
        after = PolicyRecord(policy, tuple(keys[-KEPT_KEYS:]))
        told = msgspec.json.encode({"policy": policy, "before": self._record.policy, "user": change.user})
        entries = [NewEntry(ENTRY, told, now_ms)]
        meta = policies.encode(after)
        append = StreamAppend(self._stream, self._stream, lease.fence, self._last_seq + 1, entries, meta)
        try:
            [result] = await self._journal.append([append])
        except BaseException:
            self._lease = None  # nobody knows whether it was done
            raise
        if isinstance(result, Refused):
            self._lease = None
            log.warning("a policy was not taken: %s", result.error)
            raise errors.WorkerUnavailableError("the policy is being taken over", 0.5)
        self._last_seq, self._record = result.last_seq, after
        await self._journal.trim(self._stream, keep_count=KEPT_ENTRIES)

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

    def _lost(self) -> None:
        self._lease = None


def _check(policy: Policy) -> None:
    if policy.phase is Phase.SCHEDULED and policy.scheduled_at is None:
        raise errors.InvalidParamsError("scheduledAt: a scheduled rollout needs its moment")
