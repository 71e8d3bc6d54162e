"""The erasures of one installation, as their one writer has them.

An order is durable before it is answered. It stands in the stream's record until it is done; then a receipt
is written, and with it the record without whom it was about.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors import errors
from actors.events.contract import timestamp
from actors.journal.clock import epoch_ms
from actors.journal.contract import Head, Journal, NewEntry
from actors.migration.record import KEY_TTL_S
from actors.placement.leased_stream import LeasedStream
from actors.placement.leases import Leases
from actors.records.models import ErasureScope
from actors.retention.contract import RECEIPT, ErasureOrder, ErasureState, ErasureView, erasure_stream

KEPT_DONE: Final = 100
MOST_PENDING: Final = 100


class Target(Struct, frozen=True):
    """A stream that is being erased; ``session_id`` is empty for one that is no session's."""

    stream: str
    session_id: str
    epoch: str = ""
    entries: int = 0


class Order(Struct, frozen=True):
    """An order and how far it is. Moments are epoch milliseconds; ``completed_at`` is 0 until it is done.

    ``under_way`` are counted already, and may be gone. ``subject`` is empty once it is done.
    """

    erasure_id: str
    scope: ErasureScope
    subject: str
    ordered_by: str
    ordered_at: int
    key: str = ""
    request_digest: str = ""
    completed_at: int = 0
    sessions: int = 0
    entries: int = 0
    records: int = 0
    digest: str = "0" * 64
    under_way: tuple[Target, ...] = ()

    def begun(self, targets: tuple[Target, ...]) -> Order:
        """The order once these are being erased."""
        digest = self.digest
        for target in targets:
            digest = hashlib.sha256(f"{digest}\n{target.stream}\n{target.epoch}".encode()).hexdigest()
        return replace(
            self,
            under_way=targets,
            sessions=self.sessions + sum(1 for target in targets if target.session_id),
            entries=self.entries + sum(target.entries for target in targets),
            digest=digest,
        )

    def view(self, installation: str, state: ErasureState | None = None) -> ErasureView:
        """The order as it is shown."""
        known = ErasureState.DONE if self.completed_at else ErasureState.ORDERED
        return ErasureView(
            self.erasure_id,
            installation,
            self.scope,
            state or known,
            self.ordered_by or None,
            timestamp(self.ordered_at),
            timestamp(self.completed_at) if self.completed_at else None,
            self.sessions,
            self.entries,
            self.records,
            self.digest,
        )


class _Record(Struct, frozen=True):
    orders: tuple[Order, ...] = ()


class OrderBook:
    """Writes one stream. Each method raises JournalUnavailableError and WorkerUnavailableError."""

    def __init__(self, journal: Journal, leases: Leases, installation: str) -> None:
        self.installation = installation
        self._journal = journal
        self._stream = LeasedStream(journal, leases, erasure_stream(installation), "the erasures", self._held)
        self._writing = asyncio.Lock()
        self._orders: tuple[Order, ...] = ()

    async def take(self, asked: ErasureOrder) -> Order:
        """Take an order, or find the one that was taken under its key.

        Raises ConflictError where the key came with another order, MailboxFullError where 100 wait.
        """
        async with self._writing:
            await self._stream.hold()
            now = epoch_ms()
            known = self._by_key(asked.key, now)
            if known is not None and known.request_digest != asked.digest:
                raise errors.ConflictError("the Idempotency-Key was used for another request")
            if known is not None:
                return known
            if sum(not one.completed_at for one in self._orders) >= MOST_PENDING:
                raise errors.MailboxFullError(f"{MOST_PENDING} erasures wait", 60.0)
            order = new_order(asked, now)
            await self._write((*self._orders, order))
            return order

    async def find(self, erasure_id: str) -> Order | None:
        """An order that waits, or was done lately."""
        head = await self._journal.head(self._stream.name)
        return next((one for one in _decoded(head) if one.erasure_id == erasure_id), None)

    async def pending(self) -> Order | None:
        """The oldest order that is not done."""
        async with self._writing:
            await self._stream.hold()
            return next((one for one in self._orders if not one.completed_at), None)

    async def save(self, order: Order) -> None:
        """An order got further."""
        async with self._writing:
            await self._stream.hold()
            await self._write(self._with(order))

    async def complete(self, order: Order) -> Order:
        """An order is done: its receipt is written, and whom it was about is forgotten."""
        done = replace(order, completed_at=epoch_ms(), subject="", under_way=())
        async with self._writing:
            await self._stream.hold()
            receipt = NewEntry(RECEIPT, _receipt(self.installation, done), done.completed_at)
            await self._write(self._with(done), receipt)
        return done

    async def release(self) -> None:
        """Give the stream back, so that the next writer need not wait."""
        await self._stream.release()

    # ------------------------------------------------------------------ within

    async def _held(self, head: Head | None) -> None:
        self._orders = _decoded(head)

    async def _write(self, orders: tuple[Order, ...], *entries: NewEntry) -> None:
        done = [one for one in orders if one.completed_at]
        too_many = {one.erasure_id for one in done[: max(0, len(done) - KEPT_DONE)]}
        kept = tuple(one for one in orders if one.erasure_id not in too_many)
        await self._stream.append(entries, msgspec.msgpack.encode(_Record(kept)))
        self._orders = kept

    def _with(self, order: Order) -> tuple[Order, ...]:
        return tuple(order if one.erasure_id == order.erasure_id else one for one in self._orders)

    def _by_key(self, key: str, now: int) -> Order | None:
        since = now - KEY_TTL_S * 1000
        return next((one for one in self._orders if key and one.key == key and one.ordered_at > since), None)


def new_order(asked: ErasureOrder, now: int) -> Order:
    """An order that was just made."""
    made = str(uuid.uuid4())
    return Order(made, asked.scope, asked.subject, asked.ordered_by, now, asked.key, asked.digest)


def has_pending(head: Head) -> bool:
    """Whether a stream of orders has one that is not done."""
    return any(not one.completed_at for one in _decoded(head))


def _decoded(head: Head | None) -> tuple[Order, ...]:
    if head is None or head.meta is None:
        return ()
    return msgspec.msgpack.decode(head.meta, type=_Record).orders


def _receipt(installation: str, done: Order) -> bytes:
    told = msgspec.to_builtins(done.view(installation))
    del told["state"]
    return msgspec.json.encode(told)
