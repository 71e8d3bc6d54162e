"""What the forge tells of pull requests that automations made, in whatever order it comes."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from actors.automation.messages import PullRequestNews
from actors.automation.outcome import Summary
from actors.automation.record import MOST_DELIVERIES, AutomationRecord


@dataclass(frozen=True, slots=True)
class Changed:
    """Whom it concerns: sessions, and the summaries that name the pull request as they are now."""

    sessions: list[str]
    summaries: list[Summary]

    @property
    def summary_id(self) -> str:
        """The newest of the summaries; empty where none is known any more."""
        return self.summaries[-1].summary_id if self.summaries else ""


def take(record: AutomationRecord, told: PullRequestNews) -> Changed | None:
    """Put what was told into the record; None where that was done, or it is about something else.

    What comes late, after something newer about the same pull request, changes nothing.
    """
    if told.delivery in record.deliveries:
        return None
    names = [
        (session_id, branch)
        for session_id, branch in record.branches.items()
        if branch.repository.lower() == told.repository.lower() and branch.pull_request == told.number
    ]
    fresh = [(session_id, branch) for session_id, branch in names if branch.state_at <= told.at]
    if not fresh:
        return None
    record.deliveries = [*record.deliveries, told.delivery][-MOST_DELIVERIES:]
    for _, branch in fresh:
        branch.state_at = told.at
    sessions = [session_id for session_id, _ in fresh]
    return Changed(sessions, _updated(record, told))


def _updated(record: AutomationRecord, told: PullRequestNews) -> list[Summary]:
    found: list[Summary] = []
    for ended in record.ended:
        summary = ended.summary
        request = summary.pull_request
        if request is None or request.number != told.number:
            continue
        if ended.repository.lower() != told.repository.lower():
            continue
        if told.state != "review-requested":
            ended.summary = replace(summary, pull_request=replace(request, state=told.state))
        found.append(ended.summary)
    return found


def names(record: AutomationRecord, repository: str, number: int) -> bool:
    """Whether one of the workspace's branches has this pull request."""
    return any(
        branch.repository.lower() == repository.lower() and branch.pull_request == number
        for branch in record.branches.values()
    )
