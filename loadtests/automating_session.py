"""A session whose turn ends in an automation: prompted once, and told what came of it."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from actors.errors import LumiLinkError
from loadtests.client_session import ClientSession
from loadtests.wire import Frame, Orders

SUCCESS: Final = "success"
DEFERRED: Final = "automation-deferred"
_ENDS: Final = frozenset({"automation-done", "automation-skipped", "automation-failed"})
_ORDERS: Final = Orders(updates=5, interval=0.02)
_REPEAT_S: Final = 0.5


class _Error(msgspec.Struct):
    code: str = ""


class _Told(msgspec.Struct, rename="camel"):
    status: str = ""
    summary_id: str = ""
    skip_reason: str = ""
    error: _Error = msgspec.field(default_factory=_Error)


class _LumiLink(msgspec.Struct):
    automation: _Told = msgspec.field(default_factory=_Told)


class _Meta(msgspec.Struct):
    lumilink: _LumiLink = msgspec.field(default_factory=_LumiLink)


class _Answer(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _Notice(msgspec.Struct, rename="camel"):
    kind: str = ""
    status: str = ""
    summary_id: str = ""
    skip_reason: str = ""
    code: str = ""


class AutomatedSession(ClientSession):
    """``outcomes`` has how each of its runs ended, by the summary's id; ``ended_s`` when it first heard of an
    end, as ``time.monotonic``. ``ends`` and ``deferrals`` count notices; ``waited`` is whether the answer
    said that the run goes on, ``refused`` why there was no turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, str] = {}
        self.prompted_s = 0.0
        self.ended_s = 0.0
        self.ends = 0
        self.deferrals = 0
        self.waited = False
        self.refused = ""
        self._over = asyncio.Event()

    async def turn(self) -> None:
        """Prompt, and wait until the run has ended. The caller sets the deadline."""
        self.prompted_s = time.monotonic()
        try:
            answer = await self._answered()
        except LumiLinkError as error:
            self.refused = f"{type(error).__name__}"
            return
        if answer.error is not None:
            self.refused = answer.error.message
            return
        told = msgspec.json.decode(answer.result, type=_Answer).meta.lumilink.automation
        self.waited = told.status == "pending"
        if not self.waited:
            self._end(told.summary_id, told.status, told.skip_reason or told.error.code)
        await self._over.wait()

    async def _answered(self) -> Frame:
        """The answer; a prompt that was not taken is sent again where the answer advises it."""
        while True:
            answer = await self.prompt(_ORDERS)
            error = answer.error
            if error is None or error.data is None or not error.data.retryable:
                return answer
            await asyncio.sleep(_REPEAT_S)

    def _answer(self, message: Frame) -> None:
        if message.method == "_lumilink/notice":
            self._notice(msgspec.json.decode(message.params, type=_Notice))
        else:
            super()._answer(message)

    def _notice(self, notice: _Notice) -> None:
        self.deferrals += notice.kind == DEFERRED
        if notice.kind in _ENDS:
            self.ends += 1
            self._end(notice.summary_id, notice.status, notice.skip_reason or notice.code)

    def _end(self, summary_id: str, status: str, why: str) -> None:
        self.outcomes[summary_id] = f"{status}, {why}" if why else status
        self.ended_s = self.ended_s or time.monotonic()
        self._over.set()
