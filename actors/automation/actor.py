"""The actor of a workspace's automations: takes orders, carries them out one at a time, and tells of it.

An order is in the journal before anything is done for it, and each step after it was done. So whoever has the
workspace goes on with what is open, and repeats at most one step, which does no harm.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from actors import errors
from actors.automation import outcome, pull_requests, stream, words
from actors.automation import record as records
from actors.automation.messages import (
    Approved,
    AskApproval,
    Automate,
    AutomationNews,
    GoOn,
    PullRequestNews,
    SessionClosed,
    SessionLoaded,
)
from actors.automation.order import Order
from actors.automation.outcome import ApprovalNeededError, Line, SkippedError, Summary
from actors.automation.record import News, OpenRun
from actors.automation.run import UNKNOWN_LIMIT_S, Hands, Place, Run
from actors.automation.stream import AutomationStream, EntryKind, Writer
from actors.automation.words import NewsKind, SkipReason
from actors.journal.contract import Journal
from actors.kernel.actor import Actor
from actors.kernel.timers import Timer
from actors.metrics.automation import count_run
from actors.placement.leases import Lease

log = logging.getLogger("lumilink.automation")

MOST_RUNS: Final = 64
"""Runs of a workspace that may be open; the next order is refused."""
RUN_S: Final = 600.0
LOOK_S: Final = 120.0
"""Somebody else may look after a run of which nothing was written for so long."""
TRIES: Final = 5
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0
JITTER: Final = 0.1
TOLD_FROM_S: Final = 30.0
"""A shorter pause is nothing that people have to know of."""


@dataclass(frozen=True, slots=True)
class AutomationScope:
    """Whose automations they are, and where they are kept.

    ``tell`` brings a message to the connection that holds a session, if one does.
    """

    installation: str
    workspace_id: str
    lease: Lease
    journal: Journal
    writer: Writer
    hands: Hands
    tell: Callable[[str, AutomationNews | AskApproval], None]


class AutomationActor(Actor):
    """A child of the workspace's actor; made when it is first needed, and let go when nothing is open."""

    def __init__(self, scope: AutomationScope) -> None:
        self._scope = scope
        self._hands = scope.hands
        self._ends: dict[str, asyncio.Future[Summary]] = {}
        self._approvals: dict[str, tuple[AskApproval, asyncio.Future[bool]]] = {}
        self._working: asyncio.Task[None] | None = None
        self._pause: Timer | None = None
        self._closed: set[str] = set()

    async def started(self) -> None:
        """Go on where the journal has it. Raises JournalUnavailableError."""
        scope = self._scope
        self._record, last_seq = await stream.find(scope.journal, scope.lease.workspace)
        self._stream = AutomationStream(scope.lease, scope.writer, self._describe, last_seq)
        self._go_on()

    def receive(self, message: object) -> object:
        """Take one message; see ``messages.py``."""
        match message:
            case Automate(order):
                return self.context.run(self._take(order), name="automate")
            case SessionLoaded():
                self._session_loaded(message)
            case SessionClosed(session_id):
                self._session_closed(session_id)
            case Approved(key, ok):
                self._approved(key, ok=ok)
            case PullRequestNews():
                return self.context.run(self._hear(message), name="hear of a pull request")
            case GoOn():
                self._pause = None
                self._go_on()
            case _:
                raise errors.InternalError(f"an automation actor takes no {type(message).__name__}")
        return None

    def may_passivate(self) -> bool:
        """While a run is open somebody has to look after it."""
        return not self._record.runs

    # ------------------------------------------------------------------ orders

    async def _take(self, order: Order) -> Summary:
        record = self._record
        ended = record.ended_run(order.key)
        if ended is not None:
            return ended.summary
        if record.open_run(order.key) is None:
            if len(record.runs) >= MOST_RUNS:
                raise errors.MailboxFullError(f"{MOST_RUNS} automations of the workspace wait")
            record.runs.append(OpenRun(order))
            await self._stream.write(EntryKind.REQUESTED, msgspec.json.encode(order))
            self._go_on()
        return await asyncio.shield(self._end_of(order.key))

    def _end_of(self, key: str) -> asyncio.Future[Summary]:
        return self._ends.setdefault(key, asyncio.get_running_loop().create_future())

    def _go_on(self) -> None:
        """Begin the first run that is open, or wait until it may go on."""
        runs = self._record.runs
        if self._working is not None or self._pause is not None or not runs:
            return
        wait_s = runs[0].not_before - self._hands.clock()
        if wait_s > 0:
            self._pause = self.context.after(wait_s, GoOn())
        else:
            self._working = self.context.run(self._work(runs[0]), name="carry out an automation")

    async def _work(self, run: OpenRun) -> None:
        try:
            summary = await self._attempt(run)
            if summary is not None:
                await self._end(run, summary)
        except (errors.WorkerUnavailableError, errors.JournalUnavailableError) as error:
            # Only our own stream raises these: whoever has the workspace next goes on.
            log.warning("automations of %s stop here: %s", self._scope.workspace_id, error)
            self.context.stop()
            return
        self._working = None
        self._go_on()

    async def _attempt(self, open_run: OpenRun) -> Summary | None:
        """Carry a run out as far as it goes; None: it waits."""
        scope, order, made = self._scope, open_run.order, open_run.made
        workspace_id = scope.workspace_id
        run = Run(
            order,
            made,
            self._record.branches.get(order.session_id),
            Place(scope.installation, workspace_id, self._directory(order)),
            self._hands,
            lambda: self._note(run, open_run),
        )
        try:
            await self._carry_out(run, open_run)
        except SkippedError as error:
            return outcome.skipped(order, workspace_id, made, self._hands.clock(), error)
        except TimeoutError:
            late = errors.ForgeUnreachableError(f"the run did not end in {RUN_S:g} s")
            return await self._away(open_run, late)
        except errors.ForgeLimitError as error:
            return await self._limited(open_run, error)
        except errors.ForgeUnreachableError as error:
            return await self._away(open_run, error)
        except (errors.WorkerUnavailableError, errors.JournalUnavailableError):
            raise
        except errors.LumiLinkError as error:
            return self._failed(open_run, error)
        except Exception as error:
            # Its text may hold what was handled, so only its type is told.
            log.exception("an automation of %s failed", workspace_id)
            return self._failed(open_run, errors.InternalError(f"a step failed: {type(error).__name__}"))
        return outcome.succeeded(order, workspace_id, made, self._hands.clock())

    async def _carry_out(self, run: Run, open_run: OpenRun) -> None:
        while True:
            try:
                async with self._hands.slots, asyncio.timeout(RUN_S):
                    await run.carry_out()
            except ApprovalNeededError as needed:
                # Others go on while people think.
                await self._ask(open_run, needed)
                await self._note(run, open_run)
            else:
                return

    def _directory(self, order: Order) -> str:
        """Where the checkout of a session should be."""
        pattern, scope = self._hands.settings.checkout, self._scope
        named = pattern.replace("{workspaceId}", scope.workspace_id)
        return named.replace("{installation}", scope.installation) or order.cwd

    def _failed(self, run: OpenRun, error: errors.LumiLinkError) -> Summary:
        return outcome.failed(run.order, self._scope.workspace_id, run.made, self._hands.clock(), error)

    async def _note(self, run: Run, open_run: OpenRun) -> None:
        open_run.tries = 0
        if run.branch is not None:
            self._record.remember_branch(open_run.order.session_id, run.branch)
        told = {"runId": open_run.order.run_id, "line": open_run.made.lines[-1]}
        await self._stream.write(EntryKind.STEP, msgspec.json.encode(told))

    # ------------------------------------------------------------------ what has to wait

    async def _limited(self, run: OpenRun, error: errors.ForgeLimitError) -> Summary | None:
        wait_s = UNKNOWN_LIMIT_S if error.retry_after_s is None else error.retry_after_s
        if wait_s > self._hands.settings.defer_most_s:
            skipped = SkippedError(
                SkipReason.RATE_LIMITED, f"{error.detail.rstrip('.')}; {wait_s:.0f} s to go"
            )
            return outcome.skipped(
                run.order, self._scope.workspace_id, run.made, self._hands.clock(), skipped
            )
        await self._defer(run, wait_s, error)
        return None

    async def _away(self, run: OpenRun, error: errors.ForgeUnreachableError) -> Summary | None:
        run.tries += 1
        if run.tries > TRIES:
            return self._failed(run, error)
        await self._defer(run, min(FIRST_PAUSE_S * 4.0 ** (run.tries - 1), LONGEST_PAUSE_S), error)
        return None

    async def _defer(self, run: OpenRun, wait_s: float, error: errors.LumiLinkError) -> None:
        # Not all at the very moment when the limit is reset.
        wait_s *= 1.0 + JITTER * self._hands.chance()
        run.not_before = self._hands.clock() + wait_s
        told = {
            "runId": run.order.run_id,
            "until": run.not_before,
            "code": error.code,
            "why": error.detail,
        }
        toast, note = words.deferred(error.detail, wait_s)
        about: dict[str, str | int | float | bool | None] = {"code": error.code, "until": run.not_before}
        is_told = wait_s >= TOLD_FROM_S
        news = (
            self._news(run.order.session_id, NewsKind.DEFERRED, toast, note, "", about) if is_told else None
        )
        await self._write(EntryKind.DEFERRED, msgspec.json.encode(told), [news] if news else [])

    # ------------------------------------------------------------------ what has ended

    async def _end(self, run: OpenRun, summary: Summary) -> None:
        branch = self._record.branches.get(run.order.session_id)
        self._record.end(run, branch.repository if branch is not None else "", summary)
        about: dict[str, str | int | float | bool | None] = {"status": summary.status}
        if summary.skip_reason is not None:
            about["skipReason"] = summary.skip_reason.value
        if summary.error is not None:
            about["code"] = summary.error.code
            about["retryable"] = summary.error.retryable
        if summary.pull_request is not None:
            about["pullRequest"] = summary.pull_request.url
        toast, note = summary.toast_message or "", summary.transcript_note or ""
        news = self._news(summary.session_id, summary.kind, toast, note, summary.summary_id, about)
        told = {"installationId": self._scope.installation, **msgspec.to_builtins(summary)}
        await self._write(EntryKind.ENDED, msgspec.json.encode(told), [news])
        count_run(summary.status, summary.duration_ms / 1000)
        ending = self._ends.pop(run.order.key, None)
        if ending is not None and not ending.done():
            ending.set_result(summary)
        self._give_back(summary.session_id)

    async def _hear(self, told: PullRequestNews) -> bool:
        """The forge told of a pull request."""
        changed = pull_requests.take(self._record, told)
        if changed is None:
            return False
        toast, note = words.pull_request(told.number, told.state, told.who)
        about: dict[str, str | int | float | bool | None] = {
            "state": told.state,
            "number": told.number,
            "repository": told.repository,
        }
        summaries = [
            {"installationId": self._scope.installation, **msgspec.to_builtins(one)}
            for one in changed.summaries
        ]
        payload = {
            "sessionIds": changed.sessions,
            "workspaceId": self._scope.workspace_id,
            **about,
            "at": told.at,
            "summaries": summaries,
        }
        # Each piece of news has a seq of its own, so each session that has the branch gets an entry.
        for session_id in changed.sessions:
            news = self._news(session_id, NewsKind.PULL_REQUEST, toast, note, changed.summary_id, about)
            await self._write(EntryKind.PULL_REQUEST, msgspec.json.encode(payload), [news])
        return True

    # ------------------------------------------------------------------ to the sessions

    def _news(
        self,
        session_id: str,
        kind: NewsKind,
        toast: str,
        note: str,
        summary_id: str,
        about: dict[str, str | int | float | bool | None],
    ) -> News:
        return News(self._stream.last_seq + 1, session_id, kind, toast, note, summary_id, about)

    async def _write(self, kind: EntryKind, payload: bytes, news: list[News]) -> None:
        """Journal an entry with the news that it is, then tell them."""
        for one in news:
            self._record.add_news(one)
        await self._stream.write(kind, payload)
        for one in news:
            self._scope.tell(one.session_id, AutomationNews(one))

    def _session_loaded(self, message: SessionLoaded) -> None:
        """Tell what was not told, and ask again what was not answered."""
        for news in self._record.news:
            if news.session_id == message.session_id and news.seq > message.after_seq:
                self._scope.tell(message.session_id, AutomationNews(news))
        for asking, _ in self._approvals.values():
            if asking.session_id == message.session_id:
                self._scope.tell(message.session_id, asking)

    def _session_closed(self, session_id: str) -> None:
        self._closed.add(session_id)
        for asking, said in self._approvals.values():
            if asking.session_id == session_id and not said.done():
                said.set_result(False)
        self._give_back(session_id)

    def _give_back(self, session_id: str) -> None:
        """The credentials of a session that is over are of no use to anybody once its runs are, too."""
        if session_id in self._closed and not any(
            run.order.session_id == session_id for run in self._record.runs
        ):
            self._closed.discard(session_id)
            self.context.run(self._revoke(session_id), name="give credentials back")

    async def _revoke(self, session_id: str) -> None:
        try:
            await self._hands.credentials.revoke(session_id)
        except errors.LumiLinkError as error:
            log.info("credentials of session %s end by themselves: %s", session_id, error.code)

    async def _ask(self, run: OpenRun, needed: ApprovalNeededError) -> None:
        """Ask the session's people, and wait for what they say. Raises SkippedError where it is no."""
        order = run.order
        said: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        asking = AskApproval(order.session_id, order.key, needed.title, needed.diff)
        self._approvals[order.key] = asking, said
        try:
            self._scope.tell(order.session_id, asking)
            async with asyncio.timeout(self._hands.settings.approval_wait_s):
                run.made.approved = await said
        except TimeoutError:
            raise SkippedError(SkipReason.OTHER, "nobody approved the changes in time") from None
        finally:
            del self._approvals[order.key]
        if not run.made.approved:
            raise SkippedError(SkipReason.OTHER, "the changes were not approved")
        run.made.lines.append(Line(round(self._hands.clock() * 1000), "approval", "approved"))

    def _approved(self, key: str, *, ok: bool) -> None:
        asked = self._approvals.get(key)
        if asked is not None and not asked[1].done():
            asked[1].set_result(ok)

    # ------------------------------------------------------------------ the journal

    def _describe(self) -> bytes:
        runs, now = self._record.runs, self._hands.clock()
        self._record.due = max(runs[0].not_before, now) + LOOK_S if runs else 0.0
        return records.encode(self._record)
