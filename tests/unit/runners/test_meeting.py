"""A worker and a runner meet: what either says reaches the other, over cuts of the runner's line."""

from __future__ import annotations

import asyncio

import pytest

from actors.errors import AgentProtocolError, MailboxFullError, RecordNotFoundError
from serve.reporting.runners import meeting as meeting_module
from serve.reporting.runners.meeting import Meeting, Meetings


class Socket:
    """Both ends of a socket: ``receive`` and ``send`` are those of the server."""

    def __init__(self) -> None:
        self.to_server: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.to_client: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes | None:
        return await self.to_server.get()

    async def send(self, frame: bytes) -> None:
        await self.to_client.put(frame)

    async def next(self) -> bytes:
        async with asyncio.timeout(1):
            return await self.to_client.get()


@pytest.fixture(autouse=True)
def _haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting_module, "COME_S", 0.05)
    monkeypatch.setattr(meeting_module, "COME_BACK_S", 0.05)
    monkeypatch.setattr(meeting_module, "END_S", 0.5)


class Scene:
    def __init__(self) -> None:
        self.meeting = Meeting("job")
        self.worker, self.runner = Socket(), Socket()
        self.working = asyncio.ensure_future(self._work())
        self.running: asyncio.Future[None] | None = None

    async def _work(self) -> str:
        reason = await self.meeting.serve_worker(self.worker.receive, self.worker.send)
        await self.meeting.close(reason)
        return reason

    async def runner_comes(self, greeting: bytes) -> bytes:
        self.runner = Socket()
        self.running = asyncio.ensure_future(self.meeting.serve_runner(self.runner.receive, self.runner.send))
        found = await self.runner.next()
        await self.runner.to_server.put(greeting)
        return found

    async def ended(self) -> str:
        async with asyncio.timeout(2):
            return await self.working


async def test_what_the_worker_says_waits_for_the_runner_and_answers_come_back():
    scene = Scene()
    await scene.worker.to_server.put(b'{"id": 1}')
    assert await scene.runner_comes(b"h 0") == b"h 0"

    assert await scene.runner.next() == b'm 1 {"id": 1}'
    await scene.runner.to_server.put(b'm 1 {"result": 1}')
    assert await scene.worker.next() == b'{"result": 1}'
    assert await scene.runner.next() == b"a 1"
    scene.working.cancel()


async def test_a_runner_that_was_cut_off_goes_on_where_it_was():
    scene = Scene()
    await scene.runner_comes(b"h 0")
    await scene.runner.to_server.put(b"m 1 {}")
    await scene.worker.next()
    await scene.runner.to_server.put(None)
    await scene.worker.to_server.put(b"[]")

    assert await scene.runner_comes(b"h 0") == b"h 1"
    assert await scene.runner.next() == b"m 1 []"
    scene.working.cancel()


async def test_a_second_socket_takes_the_place_of_one_whose_cut_was_not_noticed():
    scene = Scene()
    await scene.runner_comes(b"h 0")
    first = scene.running
    await scene.runner_comes(b"h 0")
    assert first is not None
    await first
    await scene.worker.to_server.put(b"[]")

    assert await scene.runner.next() == b"m 1 []"
    scene.working.cancel()


async def test_when_the_worker_leaves_the_runner_is_told():
    scene = Scene()
    await scene.runner_comes(b"h 0")
    await scene.worker.to_server.put(None)

    assert await scene.runner.next() == b"e the gateway has let the agent go"
    assert await scene.ended() == "the gateway has let the agent go"


async def test_when_the_agent_ends_all_that_it_said_reaches_the_worker_first():
    scene = Scene()
    await scene.runner_comes(b"h 0")
    for frame in (b"m 1 [1]", b"m 2 [2]", b"e the agent exited with code 1"):
        await scene.runner.to_server.put(frame)

    assert await scene.ended() == "the agent exited with code 1"
    assert [await scene.worker.next() for _ in range(2)] == [b"[1]", b"[2]"]


async def test_a_runner_that_does_not_come_or_come_back_ends_it():
    assert await Scene().ended() == "the runner did not come"
    scene = Scene()
    await scene.runner_comes(b"h 0")
    await scene.runner.to_server.put(None)
    assert await scene.ended() == "the runner has not come back"


async def test_a_runner_that_says_what_it_cannot_have_said_is_refused():
    scene = Scene()
    await scene.runner_comes(b"h 7")
    assert scene.running is not None
    with pytest.raises(AgentProtocolError):
        await scene.running
    scene.working.cancel()


async def test_meetings_are_found_while_they_are_held_and_are_not_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(meeting_module, "MAX_MEETINGS", 1)
    meetings = Meetings()
    async with meetings.held(Meeting("a")) as held:
        assert meetings.find("a") is held
        with pytest.raises(MailboxFullError):
            async with meetings.held(Meeting("b")):
                pass
    with pytest.raises(RecordNotFoundError):
        meetings.find("a")


async def test_a_runner_that_takes_too_little_loses_the_session(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("actors.runner_link.line.MAX_FRAMES", 2)
    scene = Scene()
    await scene.runner_comes(b"h 0")
    for _ in range(8):
        await scene.worker.to_server.put(b"[]")

    assert await scene.ended() == "the runner takes too little"


async def test_a_worker_that_takes_nothing_holds_the_runner(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(meeting_module, "MAX_FOR_WORKER", 2)
    meeting = Meeting("job")
    runner = Socket()
    running = asyncio.ensure_future(meeting.serve_runner(runner.receive, runner.send))
    assert await runner.next() == b"h 0"
    await runner.to_server.put(b"h 0")
    for number in range(1, 6):
        await runner.to_server.put(b"m %d []" % number)
    for _ in range(20):
        await asyncio.sleep(0)

    assert runner.to_server.qsize() == 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
