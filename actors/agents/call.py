"""Our own requests to an agent: which are open, and which answer belongs to which."""

from __future__ import annotations

import asyncio
from typing import Final

from actors.errors import AgentTimeoutError, LumiLinkError, MailboxFullError
from actors.protocol.envelope import Envelope

MAX_PENDING: Final = 512


class AgentCaller:
    """Matches answers to requests on one link. It sends nothing and reads nothing but ids.

    Use: ``open`` a request, send it under its id, ``wait`` for the answer; whoever receives the agent's
    messages hands each answer to ``resolve``, and the end of the link to ``fail_all``.
    """

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        self._max_pending = max_pending
        self._last_id = 0
        self._pending: dict[int, asyncio.Future[Envelope]] = {}

    @property
    def pending(self) -> int:
        """How many requests await their answer."""
        return len(self._pending)

    def open(self) -> int:
        """Give the next request its id; raises MailboxFullError if too many await an answer."""
        if len(self._pending) >= self._max_pending:
            raise MailboxFullError(f"{self._max_pending} requests to the agent await their answer already")
        self._last_id += 1
        self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        return self._last_id

    async def wait(self, request_id: int, within_s: float) -> Envelope:
        """Wait for the answer, be it a result or an error response; the id is used up afterwards.

        Raises AgentTimeoutError after ``within_s`` seconds, and what ``fail_all`` was given.
        """
        try:
            async with asyncio.timeout(within_s):
                return await self._pending[request_id]
        except TimeoutError:
            raise AgentTimeoutError(f"the agent did not answer within {within_s:g} s") from None
        finally:
            self.forget(request_id)

    def resolve(self, answer: Envelope) -> bool:
        """Hand an answer to whoever waits for it; false if nobody does (any more)."""
        if not isinstance(answer.id, int | float):
            return False
        future = self._pending.get(int(answer.id)) if answer.id == int(answer.id) else None
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def forget(self, request_id: int) -> None:
        """Give up a request that was not sent, or whose answer nobody wants; its answer is not taken then."""
        future = self._pending.pop(request_id, None)
        if future is not None:
            future.cancel()

    def fail_all(self, error: LumiLinkError) -> None:
        """Let every request that awaits its answer fail."""
        for future in self._pending.values():
            if not future.done():
                future.set_exception(error)
                future.exception()  # asyncio complains of errors that nobody looked at; some wait no more
