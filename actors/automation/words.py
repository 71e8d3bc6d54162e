"""What people are told of automations: a toast of at most 140 characters, and a note for the transcript."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

TOAST_CHARS: Final = 140


class SkipReason(StrEnum):
    """Why an automation did nothing."""

    REPO_BLOCKED = "repo-blocked"
    MISSING_CREDENTIAL = "missing-credential"
    AUTOMATION_DISABLED = "automation-disabled"
    RATE_LIMITED = "rate-limited"
    NOTHING_CHANGED = "nothing-changed"
    OTHER = "other"


class NewsKind(StrEnum):
    """What a session is told of; each is the kind of a notice."""

    DONE = "automation-done"
    SKIPPED = "automation-skipped"
    FAILED = "automation-failed"
    DEFERRED = "automation-deferred"
    PULL_REQUEST = "automation-pull-request"


_SKIPPED: Final = MappingProxyType(
    {
        SkipReason.REPO_BLOCKED: "the repository takes no changes from here",
        SkipReason.MISSING_CREDENTIAL: "there is no credential for the repository",
        SkipReason.AUTOMATION_DISABLED: "it is turned off",
        SkipReason.RATE_LIMITED: "GitHub's rate limit is used up",
        SkipReason.NOTHING_CHANGED: "nothing has changed",
        SkipReason.OTHER: "",
    }
)


def toast(text: str) -> str:
    """The text as a toast."""
    return text if len(text) <= TOAST_CHARS else f"{text[: TOAST_CHARS - 1]}…"


def skipped(reason: SkipReason, why: str) -> tuple[str, str]:
    """Toast and note of a run that was skipped; ``why`` says more."""
    said = _SKIPPED[reason] or why
    return toast(f"GitHub automation skipped: {said}."), f"GitHub automation was skipped ({reason}): {why}."


def failed(code: str, message: str, recovery: str) -> tuple[str, str]:
    """Toast and note of a run that came to nothing."""
    return toast(f"GitHub automation failed: {message}"), (
        f"GitHub automation failed ({code}): {message} What helps: {recovery}"
    )


def deferred(why: str, wait_s: float) -> tuple[str, str]:
    """Toast and note of a run that has to wait."""
    minutes = max(1, round(wait_s / 60))
    text = f"GitHub automation goes on by itself in about {minutes} min"
    return toast(f"{text}."), f"{text}: {why}"


def done(pull_request: str, issue: str, files: int) -> tuple[str, str]:
    """Toast and note of a run that was carried out."""
    made = [f"pull request {pull_request}"] if pull_request else []
    made += [f"issue {issue}"] if issue else []
    count = "1 file" if files == 1 else f"{files} files"
    what = " and ".join(made) or "a commit"
    return toast(f"GitHub: {count} committed, {what}."), f"GitHub automation committed {count}: {what}."


def pull_request(number: int, state: str, who: str = "") -> tuple[str, str]:
    """Toast and note of what somebody did with a pull request."""
    if state == "review-requested":
        text = f"A review of pull request #{number} was asked for"
    else:
        text = f"Pull request #{number} was {'reopened' if state == 'open' else state}"
    return toast(f"{text}."), f"{text}{f' by {who}' if who else ''}."
