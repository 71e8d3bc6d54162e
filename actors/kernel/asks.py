"""An ask on its way: the message, and the place where its one answer goes."""

from __future__ import annotations

import asyncio

from actors.errors import AskDeadlineError, LumiLinkError


class Ask:
    """A message whose sender waits. It ends once: by an answer, an error, its deadline or its caller."""

    __slots__ = ("answered", "message")

    def __init__(self, message: object, answered: asyncio.Future[object]) -> None:
        self.message = message
        self.answered = answered

    @property
    def ended(self) -> bool:
        """Whether nobody waits any more."""
        return self.answered.done()

    def answer(self, reply: object) -> None:
        """End it with ``reply``; too late is no error."""
        if not self.answered.done():
            self.answered.set_result(reply)

    def refuse(self, error: LumiLinkError) -> None:
        """End it with ``error``; too late is no error."""
        if not self.answered.done():
            self.answered.set_exception(error)

    def expire(self, detail: str) -> None:
        """End it because its deadline passed."""
        self.refuse(AskDeadlineError(detail))
