"""A worker is called dead only if it is, and nothing is said while nothing can be known."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from actors import errors
from actors.capacity import whereabouts as whereabouts_module
from actors.capacity.ledger import WORKER_SILENCE_S, Ledger, Place, WorkerReport
from actors.capacity.roll import NOBODY
from actors.capacity.whereabouts import SETTLE_S, SILENT_TIMES, Whereabouts


class Books:
    """A ledger, its whereabouts, and a clock that stands still unless it is moved.

    ``ended`` are the workers that were ended; the last one's port is closed by that.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.ledger = Ledger()
        self.whereabouts = Whereabouts(self.ledger, lambda: self.now, self.end_worker)
        self.ended: list[str] = []
        self.server: asyncio.Server | None = None
        self.failure: errors.LumiLinkError | None = None

    async def end_worker(self, worker_id: str) -> None:
        self.ended.append(worker_id)
        if self.failure is not None:
            raise self.failure
        if self.server is not None:
            self.server.close()

    def report(self, worker: str, port: int, sessions: tuple[str, ...] = ()) -> Place:
        life = f"gw:{worker}:1"
        self.ledger.report(
            WorkerReport(worker, life, "127.0.0.1", port, 1, "n", 10, 0, dict.fromkeys(sessions, NOBODY)),
            self.now,
        )
        return Place(worker, life, "127.0.0.1", port)


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def open_port(books: Books) -> AsyncIterator[int]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    books.server = server
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def closed_port() -> int:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_fresh_books_do_not_call_anyone_dead_and_give_no_places(books: Books):
    books.report("w1", 1, ("s1",))
    with pytest.raises(errors.WorkerUnavailableError):
        books.whereabouts.whereis("gw:w2:1")
    with pytest.raises(errors.WorkerUnavailableError):
        books.whereabouts.locate("s2")
    with pytest.raises(errors.WorkerUnavailableError):
        books.whereabouts.find("s2")
    with pytest.raises(errors.WorkerUnavailableError):
        await books.whereabouts.relocate(["s2"], "gw:w2:1")

    assert books.whereabouts.locate("s1").worker_id == "w1", "but what they know they tell"
    books.now = SETTLE_S
    assert books.whereabouts.whereis("gw:w2:1") is None
    assert books.whereabouts.find("s2") is None
    assert books.whereabouts.locate("s2").worker_id == "w1"


async def test_whoever_was_called_dead_stays_dead(books: Books):
    books.now = SETTLE_S
    assert books.whereabouts.whereis("gw:w1:1") is None
    books.report("w1", 1)

    assert books.whereabouts.whereis("gw:w1:1") is None


async def test_a_worker_that_takes_connections_and_reports_keeps_its_sessions(books: Books, open_port: int):
    place = books.report("w1", open_port, ("s1",))
    books.report("w2", 1)

    assert await books.whereabouts.relocate(["s1"], place.life) == {"s1": place}
    assert books.ended == []


async def test_a_worker_whose_port_is_closed_is_dead(books: Books, closed_port: int):
    lost = books.report("w1", closed_port, ("s1",))
    other = books.report("w2", 1)

    assert await books.whereabouts.relocate(["s1"], lost.life) == {"s1": other}
    assert books.ledger.whereis(lost.life) is None
    assert books.ended == [], "there is nothing left to end"


async def test_a_worker_that_fell_silent_is_dead_even_if_its_port_takes_connections(
    books: Books, open_port: int
):
    lost = books.report("w1", open_port, ("s1",))
    books.now = WORKER_SILENCE_S + 1.0
    other = books.report("w2", 1)

    assert await books.whereabouts.relocate(["s1"], lost.life) == {"s1": other}
    assert books.ended == ["w1"], "it may be stopped, and hold what others wait for"


async def test_many_that_look_for_a_silent_worker_end_it_once(books: Books, open_port: int):
    lost = books.report("w1", open_port, ("s1", "s2"))
    books.now = WORKER_SILENCE_S + 1.0
    other = books.report("w2", 1)
    asked = (books.whereabouts.relocate([one], lost.life) for one in ("s1", "s2"))

    assert await asyncio.gather(*asked) == [{"s1": other}, {"s2": other}]
    assert books.ended == ["w1"]


async def test_a_silent_worker_that_cannot_be_ended_is_dead_all_the_same(books: Books, open_port: int):
    lost = books.report("w1", open_port, ("s1",))
    books.now = WORKER_SILENCE_S + 1.0
    other = books.report("w2", 1)
    books.failure = errors.WorkerUnavailableError("its machine is away")

    assert await books.whereabouts.relocate(["s1"], lost.life) == {"s1": other}
    assert books.whereabouts.whereis(lost.life) is None


async def test_a_silent_worker_whose_process_does_not_end_is_waited_for_in_bounds(
    books: Books, open_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(whereabouts_module, "END_LIMIT_S", 0.02)
    books.server = None
    lost = books.report("w1", open_port, ("s1",))
    books.now = WORKER_SILENCE_S + 1.0
    other = books.report("w2", 1)

    assert await books.whereabouts.relocate(["s1"], lost.life) == {"s1": other}


async def test_a_worker_that_stays_silent_is_ended_though_nobody_looks_for_it(books: Books, open_port: int):
    lost = books.report("w1", open_port, ("s1",))
    books.now = WORKER_SILENCE_S + 1.0
    books.report("w2", 1)
    for _ in range(SILENT_TIMES - 1):
        await books.whereabouts.look_for_silent()
    assert books.ended == []
    await books.whereabouts.look_for_silent()

    assert books.ended == ["w1"]
    assert books.whereabouts.whereis(lost.life) is None


async def test_a_silent_worker_that_is_gone_is_forgotten_without_being_ended(books: Books, closed_port: int):
    lost = books.report("w1", closed_port, ("s1",))
    books.now = WORKER_SILENCE_S + 1.0
    for _ in range(SILENT_TIMES):
        await books.whereabouts.look_for_silent()

    assert books.ended == []
    assert books.whereabouts.whereis(lost.life) is None


async def test_a_worker_that_reports_between_two_looks_is_left_alone(books: Books, open_port: int):
    for _ in range(3 * SILENT_TIMES):
        books.report("w1", open_port)
        await books.whereabouts.look_for_silent()
        books.now += WORKER_SILENCE_S + 1.0
        await books.whereabouts.look_for_silent()

    assert books.ended == []


async def test_a_host_that_does_not_answer_is_given_up_in_time(books: Books, monkeypatch: pytest.MonkeyPatch):
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(whereabouts_module, "PROBE_LIMIT_S", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", never)
    monkeypatch.setattr(whereabouts_module, "END_LIMIT_S", 0.01)
    lost = books.report("w1", 1, ("s1",))
    other = books.report("w2", 1)

    assert await books.whereabouts.relocate(["s1"], lost.life) == {"s1": other}
    assert books.ended == ["w1"]


async def test_a_worker_that_comes_back_while_it_is_looked_for_is_not_taken_for_its_former_life(
    books: Books, monkeypatch: pytest.MonkeyPatch
):
    lost = books.report("w1", 1, ("s1",))

    async def refuse(*_: object) -> None:
        successor = WorkerReport("w1", "gw:w1:2", "127.0.0.1", 2, 2, "n", 10, 0, {})
        books.ledger.report(successor, books.now)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "open_connection", refuse)
    found = await books.whereabouts.relocate(["s1"], lost.life)
    assert found["s1"].life == "gw:w1:2"
