"""A session whose agent is at a runner: the worker's socket on one side, the runner's line on the other.

The worker's socket is an ordinary WebSocket to an agent. The runner's may be cut, and comes back: what was
said meanwhile waits in the line.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from actors import errors
from actors.runner_link.line import Line

COME_S: Final = 20.0
"""How long a runner may take to come for a session."""
COME_BACK_S: Final = 60.0
"""How long it may stay away after a cut."""
GREET_S: Final = 10.0
END_S: Final = 5.0
MAX_MEETINGS: Final = 1_000
MAX_FOR_WORKER: Final = 64

Receive = Callable[[], Awaitable[bytes | None]]
Send = Callable[[bytes], Awaitable[None]]


class Meeting:
    """One session's. ``Receive`` gives the next message of a socket, None at its end."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self._line = Line()
        self._for_worker: asyncio.Queue[bytes] = asyncio.Queue(MAX_FOR_WORKER)
        self._present: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()
        self.has_come = False
        """Whether a runner was ever there."""

    # ------------------------------------------------------------------ the worker's side

    async def serve_worker(self, receive: Receive, send: Send) -> str:
        """Until either side ends it, or the runner stays away; returns why."""
        loop = asyncio.get_running_loop()
        tasks = {
            loop.create_task(self._hear_worker(receive)),
            loop.create_task(self._tell_worker(send)),
            loop.create_task(self._watch()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        reasons = [one for one in results if isinstance(one, str)]
        return reasons[0] if reasons else "the gateway has left the session"

    async def close(self, reason: str) -> None:
        """Tell a runner that is there that it is over, and wait a little until it has heard it."""
        self._line.end(reason)
        present = self._present
        if present is not None:
            await asyncio.wait({present}, timeout=END_S)
            present.cancel()

    async def _hear_worker(self, receive: Receive) -> str:
        while (message := await receive()) is not None:
            self._line.push(message)
            # Serve reads a socket whether or not we do, so a worker cannot be held.
            if self._line.is_overfull:
                return "the runner takes too little"
        return "the gateway has let the agent go"

    async def _tell_worker(self, send: Send) -> None:
        while True:
            await send(await self._for_worker.get())
            self._for_worker.task_done()

    async def _watch(self) -> str:
        """Returns when the runner has ended the session, or stays away for too long."""
        while self._line.reason is None:
            self._moved.clear()
            limit = None if self._present is not None else COME_BACK_S if self.has_come else COME_S
            try:
                async with asyncio.timeout(limit):
                    await self._moved.wait()
            except TimeoutError:
                return "the runner has not come back" if self.has_come else "the runner did not come"
        # What the agent said last is still on its way to the worker.
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._for_worker.join()
        return self._line.reason

    # ------------------------------------------------------------------ the runner's side

    async def serve_runner(self, receive: Receive, send: Send) -> None:
        """Until this socket is cut, another takes its place, or the line has ended.

        Raises AgentProtocolError for what the runner cannot have said.
        """
        if self._present is not None:
            # The runner knows of a cut before we do.
            self._present.cancel()
            await asyncio.wait({self._present})
        task = asyncio.get_running_loop().create_task(self._serve_runner(receive, send))
        self._present, self.has_come = task, True
        self._moved.set()
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            if self._present is task:
                self._present = None
            self._moved.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _serve_runner(self, receive: Receive, send: Send) -> None:
        await send(self._line.greeting())
        async with asyncio.timeout(GREET_S):
            greeting = await receive()
        if greeting is None:
            return
        after = self._line.greeted(greeting)
        loop = asyncio.get_running_loop()
        tasks = {
            loop.create_task(self._hear_runner(receive)),
            loop.create_task(self._line.write(send, after)),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, errors.LumiLinkError):
                raise result

    async def _hear_runner(self, receive: Receive) -> None:
        while (frame := await receive()) is not None:
            await self._line.hear(frame, self._for_worker.put)
            if self._line.heard_end:
                return


class Meetings:
    """All meetings of a process, by their jobs."""

    def __init__(self) -> None:
        self._meetings: dict[str, Meeting] = {}

    @asynccontextmanager
    async def held(self, meeting: Meeting) -> AsyncIterator[Meeting]:
        """A meeting, to be found while it is held. Raises MailboxFullError over 1,000."""
        if len(self._meetings) >= MAX_MEETINGS:
            raise errors.MailboxFullError(f"{MAX_MEETINGS} sessions are at runners already", 5.0)
        self._meetings[meeting.job_id] = meeting
        try:
            yield meeting
        finally:
            del self._meetings[meeting.job_id]

    def find(self, job_id: str) -> Meeting:
        """The meeting for a job. Raises RecordNotFoundError."""
        found = self._meetings.get(job_id)
        if found is None:
            raise errors.RecordNotFoundError("no session waits for this job; its worker has let it go")
        return found
