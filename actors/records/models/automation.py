"""The record of what one automation did on GitHub, or why it did nothing (FR-005, FR-006, FR-013)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from actors.records.models.record import Part, Record
from actors.records.models.values import (
    AnyJson,
    Code,
    Count,
    Digest,
    Identifier,
    Moment,
    Positive,
    Text,
    Toast,
    Url,
    UuidText,
)


class AutomationStatus(StrEnum):
    """How an automation ended."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    ERROR = "error"


class SkipReason(StrEnum):
    """Why an automation was not tried."""

    REPO_BLOCKED = "repo-blocked"
    MISSING_CREDENTIAL = "missing-credential"
    AUTOMATION_DISABLED = "automation-disabled"
    RATE_LIMITED = "rate-limited"
    NOTHING_CHANGED = "nothing-changed"
    OTHER = "other"


class IssueRef(Part):
    """An issue. ``id`` is GitHub's own, ``number`` the repository's."""

    id: Positive
    number: Positive
    url: Url
    title: Text


class PullRequestState(StrEnum):
    """What has become of a pull request."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


class PullRequestRef(Part):
    """A pull request and its branch; ``state`` is what GitHub has told of it last."""

    number: Positive
    url: Url
    branch: Identifier
    state: PullRequestState = PullRequestState.OPEN


class CommitRef(Part):
    """A commit, by its SHA-1 or SHA-256."""

    sha: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
    message: Text


class AutomationError(Part):
    """What went wrong, and whether trying again makes sense."""

    code: Code
    message: Text
    retryable: bool


class GitHubAutomationSummary(Record):
    """The outcome of the automation of one prompt. A session has as many as it had prompts with automation.

    ``logs`` is an array of structured entries. Where it is too large, ``logs_ref`` stands for it.
    """

    by_reference: ClassVar = ("logs",)

    summary_id: UuidText
    session_id: Identifier
    workspace_id: Identifier
    status: AutomationStatus
    issue: IssueRef | None = None
    pull_request: PullRequestRef | None = None
    commit: CommitRef | None = None
    skip_reason: SkipReason | None = None
    toast_message: Toast | None = None
    transcript_note: Annotated[Text | None, Field(repr=False)] = None
    duration_ms: Count
    error: AutomationError | None = None
    logs: Annotated[AnyJson, Field(repr=False)] = None
    logs_ref: Digest | None = None
    created_at: Moment

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.status is AutomationStatus.SKIPPED:
            told = {
                "skipReason": self.skip_reason,
                "toastMessage": self.toast_message,
                "transcriptNote": self.transcript_note,
            }
            missing = [name for name, value in told.items() if not value]
            if missing:
                raise ValueError(f"{', '.join(missing)}: needed where status is skipped")
        elif self.skip_reason is not None:
            raise ValueError("skipReason: only where status is skipped")
        if (self.error is not None) != (self.status is AutomationStatus.ERROR):
            raise ValueError("error: where status is error, and only there")
        return self
