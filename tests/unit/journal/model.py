"""A journal as plain lists, and any sequence of steps held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st
from unit.journal.conformance import Store

from actors.errors import FenceRefusedError, SeqConflictError
from actors.journal import AppendResult, NewEntry, Refused, StreamAppend

WORKSPACES = ("v", "w")
STREAMS = ("session/a", "session/b", "workspace/c")
NEVER_S = 3600.0


@dataclass(frozen=True)
class Append:
    """To a stream under a fence that is so much older than the newest; off by ``skew`` from the next seq."""

    stream: str
    age: int
    skew: int
    payloads: tuple[bytes, ...]
    meta: bytes | None


@dataclass(frozen=True)
class Commit:
    appends: tuple[Append, ...]


@dataclass(frozen=True)
class Repeat:
    """The last commit once more, as after a lost answer."""


@dataclass(frozen=True)
class Take:
    """The workspace changes hands."""

    workspace: str


@dataclass(frozen=True)
class Trim:
    stream: str
    keep_count: int


@dataclass(frozen=True)
class Delete:
    stream: str


@dataclass(frozen=True)
class Read:
    stream: str
    after_seq: int
    limit_entries: int
    limit_bytes: int


@dataclass(frozen=True)
class Crash:
    """The journal is opened anew."""


Step = Commit | Repeat | Take | Trim | Delete | Read | Crash

_streams = st.sampled_from(STREAMS)
_appends = st.builds(
    Append,
    _streams,
    age=st.sampled_from((0, 0, 0, 1)),
    skew=st.sampled_from((0, 0, 0, 0, -1, 1)),
    payloads=st.lists(st.binary(max_size=8), max_size=4).map(tuple),
    meta=st.none() | st.binary(max_size=4),
)
steps = st.lists(
    st.one_of(
        st.builds(Commit, st.lists(_appends, min_size=1, max_size=4).map(tuple)),
        st.builds(Commit, st.lists(_appends, min_size=1, max_size=4).map(tuple)),
        st.builds(Repeat),
        st.builds(Take, st.sampled_from(WORKSPACES)),
        st.builds(Trim, _streams, st.integers(0, 4)),
        st.builds(Delete, _streams),
        st.builds(Read, _streams, st.integers(0, 12), st.integers(1, 5), st.integers(1, 20)),
        st.builds(Crash),
    ),
    max_size=25,
)


def workspace_of(stream: str) -> str:
    return WORKSPACES[STREAMS.index(stream) % len(WORKSPACES)]


@dataclass
class ModelStream:
    first_kept: int = 1
    entries: list[tuple[int, NewEntry]] = field(default_factory=list)
    last_seq: int = 0
    meta: bytes | None = None


class Model:
    """What should be in the store."""

    def __init__(self) -> None:
        self.streams: dict[str, ModelStream] = {}
        self.fences = dict.fromkeys(WORKSPACES, 0)
        self.clock = 0

    def to_append(self, step: Append, at_hand: dict[str, int]) -> StreamAppend:
        """``at_hand``: the next seq of each stream, as its writer counts them within one commit."""
        workspace = workspace_of(step.stream)
        stream = self.streams.get(step.stream, ModelStream())
        next_seq = at_hand.get(step.stream, stream.last_seq + 1)
        self.clock += 1
        new = [NewEntry("k", payload, self.clock) for payload in step.payloads]
        if step.age == 0 and step.skew == 0:
            at_hand[step.stream] = next_seq + len(new)
        fence = self.fences[workspace] - step.age
        return StreamAppend(step.stream, workspace, fence, next_seq + step.skew, new, step.meta)

    def append(self, one: StreamAppend) -> type[Exception] | int:
        """The refusal, or the last seq."""
        if one.fence < self.fences[one.workspace]:
            return FenceRefusedError
        stream = self.streams.get(one.stream, ModelStream())
        numbered = list(enumerate(one.entries, one.first_seq))
        if one.first_seq != stream.last_seq + 1:
            there = [pair for pair in stream.entries if one.first_seq <= pair[0] <= one.last_seq]
            return one.last_seq if there and there == numbered else SeqConflictError
        stream.entries += numbered
        stream.last_seq = one.last_seq
        stream.meta = stream.meta if one.meta is None else one.meta
        self.streams[one.stream] = stream
        return one.last_seq

    def trim(self, name: str, keep_count: int) -> int:
        stream = self.streams.get(name, ModelStream())
        stream.first_kept = max(stream.first_kept, stream.last_seq + 1 - keep_count)
        stream.entries = [pair for pair in stream.entries if pair[0] >= stream.first_kept]
        return stream.first_kept

    def page(self, step: Read) -> list[tuple[int, bytes]]:
        stream = self.streams.get(step.stream, ModelStream())
        after = [(seq, new.payload) for seq, new in stream.entries if seq > step.after_seq]
        taken: list[tuple[int, bytes]] = []
        for seq, payload in after[: step.limit_entries]:
            if taken and sum(len(one) for _, one in taken) + len(payload) > step.limit_bytes:
                break
            taken.append((seq, payload))
        return taken


async def run_against_model(store: Store, steps: Sequence[object]) -> None:
    """Do each step to the store and to a model, and compare."""
    model = Model()
    last: list[StreamAppend] = []
    for step in steps:
        match step:
            case Commit(appends):
                at_hand: dict[str, int] = {}
                last = [model.to_append(one, at_hand) for one in appends]
                await _commit(store, model, last)
            case Repeat():
                await _commit(store, model, last)
            case Take(workspace):
                await _take(store, model, workspace)
            case Trim(stream, keep_count):
                kept = await store.journal.trim(stream, keep_count=keep_count)
                assert kept == model.trim(stream, keep_count)
            case Delete(stream):
                await store.journal.delete(stream)
                model.streams.pop(stream, None)
            case Read():
                page = await store.journal.read(
                    step.stream, step.after_seq, step.limit_entries, step.limit_bytes
                )
                assert [(entry.seq, entry.payload) for entry in page.entries] == model.page(step)
            case Crash():
                await store.reopen()
    await _compare(store, model)


async def _commit(store: Store, model: Model, batch: list[StreamAppend]) -> None:
    results = await store.journal.append(batch)
    assert [_outcome(result) for result in results] == [model.append(one) for one in batch]


def _outcome(result: AppendResult) -> type[Exception] | int:
    return type(result.error) if isinstance(result, Refused) else result.last_seq


async def _take(store: Store, model: Model, workspace: str) -> None:
    standing = await store.journal.lookup(workspace)
    if standing is not None:
        assert await store.journal.release(standing)
    model.fences[workspace] += 1
    granted = await store.journal.acquire(workspace, f"worker-{model.fences[workspace]}", NEVER_S)
    assert granted.fence == model.fences[workspace]


async def _compare(store: Store, model: Model) -> None:
    assert await store.journal.streams() == sorted(model.streams)
    for name, stream in model.streams.items():
        page = await store.journal.read(name, 0, limit_entries=1000)
        assert [(entry.seq, entry.payload, entry.at) for entry in page.entries] == [
            (seq, new.payload, new.at) for seq, new in stream.entries
        ]
        assert (page.first_kept, page.last_seq) == (stream.first_kept, stream.last_seq)
        head = await store.journal.head(name)
        assert head is not None
        assert head.meta == stream.meta
        assert head.payload_bytes == sum(len(new.payload) for _, new in stream.entries)
    total = await store.journal.size()
    assert total.entries == sum(len(stream.entries) for stream in model.streams.values())
