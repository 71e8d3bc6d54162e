"""How a run ended: its summary, as clients and records get it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import msgspec
from msgspec import Struct

from actors import errors
from actors.automation import words
from actors.automation.contract import Issue, PullRequest
from actors.automation.order import Order
from actors.automation.words import NewsKind, SkipReason
from actors.protocol.redaction import redact

Status = Literal["success", "skipped", "error"]


class IssueTold(Struct, frozen=True):
    """An issue, as a summary tells it."""

    id: int
    number: int
    url: str
    title: str


class PullRequestTold(Struct, frozen=True):
    """A pull request, as a summary tells it; ``state`` is open, closed or merged."""

    number: int
    url: str
    branch: str
    state: str = "open"


class CommitTold(Struct, frozen=True):
    """A commit, as a summary tells it."""

    sha: str
    message: str


class ErrorTold(Struct, frozen=True):
    """What went wrong; ``recovery`` is in the transcript note."""

    code: str
    message: str
    retryable: bool


class Line(Struct, frozen=True):
    """One thing that was done: when (epoch milliseconds), which step, and what came of it."""

    at: int
    step: str
    said: str


class Summary(Struct, frozen=True, rename="camel"):
    """What one run did, or why it did nothing. JSON of the record, but for its installation."""

    summary_id: str
    session_id: str
    workspace_id: str
    status: Status
    created_at: str
    duration_ms: int
    issue: IssueTold | None = None
    pull_request: PullRequestTold | None = None
    commit: CommitTold | None = None
    skip_reason: SkipReason | None = None
    toast_message: str | None = None
    transcript_note: str | None = None
    error: ErrorTold | None = None
    logs: tuple[Line, ...] = ()

    @property
    def kind(self) -> NewsKind:
        """Which kind of news it is."""
        return {"success": NewsKind.DONE, "skipped": NewsKind.SKIPPED, "error": NewsKind.FAILED}[self.status]


class Made(Struct):
    """What a run has made or found so far: journalled after each step, and not made again.

    ``parent`` and ``tree`` are what the commit is made of; ``approved``: people have let it through.
    """

    commit: str = ""
    message: str = ""
    files: int = 0
    listed: str = ""
    is_pushed: bool = False
    issue: IssueTold | None = None
    pull_request: PullRequestTold | None = None
    parent: str = ""
    tree: str = ""
    approved: bool = False
    lines: list[Line] = msgspec.field(default_factory=list)


class SkippedError(Exception):
    """Within a run: nothing is to be done, or may be. ``why`` is a sentence without its full stop."""

    def __init__(self, reason: SkipReason, why: str) -> None:
        super().__init__(reason, why)
        self.reason = reason
        self.why = why


class ApprovalNeededError(Exception):
    """Within a run: people have to see the changes before they are pushed."""

    def __init__(self, title: str, diff: str) -> None:
        super().__init__(title, diff)
        self.title = title
        self.diff = diff


def succeeded(order: Order, workspace_id: str, made: Made, now: float) -> Summary:
    """The summary of a run that was carried out."""
    told = made.pull_request
    number = f"#{told.number}" if told is not None else ""
    toast, note = words.done(number, f"#{made.issue.number}" if made.issue else "", made.files)
    return _summary(order, workspace_id, made, now, "success", toast, note)


def skipped(order: Order, workspace_id: str, made: Made, now: float, error: SkippedError) -> Summary:
    """The summary of a run that did nothing."""
    toast, note = words.skipped(error.reason, redact(error.why))
    summary = _summary(order, workspace_id, made, now, "skipped", toast, note)
    return msgspec.structs.replace(summary, skip_reason=error.reason)


def failed(order: Order, workspace_id: str, made: Made, now: float, error: errors.LumiLinkError) -> Summary:
    """The summary of a run that came to nothing."""
    message = redact(error.detail)
    toast, note = words.failed(error.code, message, error.recovery)
    summary = _summary(order, workspace_id, made, now, "error", toast, note)
    return msgspec.structs.replace(summary, error=ErrorTold(error.code, message, error.retryable))


def issue_told(issue: Issue) -> IssueTold:
    """The issue as a summary tells it."""
    return IssueTold(issue.id, issue.number, issue.url, issue.title)


def pull_request_told(found: PullRequest) -> PullRequestTold:
    """The pull request as a summary tells it."""
    return PullRequestTold(found.number, found.url, found.branch, found.state)


def _summary(
    order: Order, workspace_id: str, made: Made, now: float, status: Status, toast: str, note: str
) -> Summary:
    return Summary(
        order.run_id,
        order.session_id,
        workspace_id,
        status,
        datetime.fromtimestamp(order.at_ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        max(0, round(now * 1000) - order.at_ms),
        issue=made.issue,
        pull_request=made.pull_request,
        commit=CommitTold(made.commit, made.message) if made.is_pushed else None,
        toast_message=toast,
        transcript_note=note,
        logs=tuple(made.lines),
    )
