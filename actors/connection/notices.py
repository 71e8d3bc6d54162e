"""What clients are told of disruptions, recoveries and changes: every kind, with its text.

A notice has three lives: a toast for whoever is there (``_lumilink/notice``), an entry of the session's
transcript, and a live event. All three come from the one event of the session's stream that
``Session.notice`` appends, so none of them can be forgotten. A toast has at most 140 characters, and nothing
in a notice is a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from actors.protocol import compose
from actors.protocol.redaction import redact

METHOD: Final = "_lumilink/notice"
TOAST_CHARS: Final = 140


class Severity(StrEnum):
    """How bad it is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Entry(StrEnum):
    """What it is in the transcript."""

    AUTOMATION = "automation"
    TOAST = "toast"
    ROLLBACK = "rollback"
    INFO = "info"


class NoticeKind(StrEnum):
    """Every kind that a connection tells of by itself."""

    AGENT_WAITS = "agent-waits"
    AGENT_CLOSED = "agent-closed"
    AGENT_BACK = "agent-back"
    AGENT_LOST = "agent-lost"
    AGENT_FORGOT = "agent-forgot"
    AGENT_DIVERGED = "agent-diverged"
    AGENT_DEGRADED = "agent-degraded"
    AGENT_RECOVERED = "agent-recovered"
    AGENT_WEDGED = "agent-wedged"
    ANSWER_UNHEARD = "answer-unheard"
    CHOICE_LOST = "choice-lost"
    FELL_BACK = "fell-back"
    SWITCHED = "switched"
    JOURNAL_AWAY = "journal-away"
    JOURNAL_BACK = "journal-back"
    REFUSED = "refused"
    AUTOMATION_DONE = "automation-done"
    AUTOMATION_SKIPPED = "automation-skipped"
    AUTOMATION_FAILED = "automation-failed"
    AUTOMATION_DEFERRED = "automation-deferred"
    AUTOMATION_PULL_REQUEST = "automation-pull-request"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. Make it with ``notice``, or with ``told`` where its text is another's."""

    kind: str
    severity: Severity
    toast: str
    entry: Entry


_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

_TABLE: Final[Mapping[NoticeKind, tuple[Severity, Entry, str]]] = MappingProxyType(
    {
        NoticeKind.AGENT_WAITS: (_INFO, Entry.TOAST, "The agent waits for memory{queue}."),
        NoticeKind.AGENT_CLOSED: (_ERROR, Entry.TOAST, "The agent ended unexpectedly."),
        NoticeKind.AGENT_BACK: (_INFO, Entry.TOAST, "The agent is back, and so is the session."),
        NoticeKind.AGENT_LOST: (
            _ERROR,
            Entry.TOAST,
            "The agent could not be reached again. Prompt to try anew.",
        ),
        NoticeKind.AGENT_FORGOT: (
            _WARNING,
            Entry.TOAST,
            "The agent was started anew and does not remember the conversation so far.",
        ),
        NoticeKind.AGENT_DIVERGED: (
            _WARNING,
            Entry.TOAST,
            "The agent remembers the conversation otherwise than it was shown here.",
        ),
        NoticeKind.AGENT_DEGRADED: (_WARNING, Entry.TOAST, "The agent answers slowly or not at all."),
        NoticeKind.AGENT_RECOVERED: (_INFO, Entry.TOAST, "The agent answers as it should again."),
        NoticeKind.AGENT_WEDGED: (
            _ERROR,
            Entry.TOAST,
            "The agent has said nothing for long and is stopped. Prompt it again.",
        ),
        NoticeKind.ANSWER_UNHEARD: (
            _WARNING,
            Entry.TOAST,
            "The agent went away before it heard the answer, and did not ask again.",
        ),
        NoticeKind.CHOICE_LOST: (
            _WARNING,
            Entry.TOAST,
            "The agent did not take {what} again that was set before.",
        ),
        NoticeKind.FELL_BACK: (
            _WARNING,
            Entry.ROLLBACK,
            "The agent cannot be reached over ACP. The session goes on over HTTP, with its conversation.",
        ),
        NoticeKind.SWITCHED: (_INFO, Entry.ROLLBACK, "The session goes on over {protocol} from now on."),
        NoticeKind.JOURNAL_AWAY: (
            _WARNING,
            Entry.INFO,
            "The journal is away: what happens is shown when it is back.",
        ),
        NoticeKind.JOURNAL_BACK: (_INFO, Entry.INFO, "The journal is back."),
        NoticeKind.REFUSED: (_WARNING, Entry.INFO, "{why}"),
        NoticeKind.AUTOMATION_DONE: (_INFO, Entry.AUTOMATION, "{toast}"),
        NoticeKind.AUTOMATION_SKIPPED: (_INFO, Entry.AUTOMATION, "{toast}"),
        NoticeKind.AUTOMATION_FAILED: (_ERROR, Entry.AUTOMATION, "{toast}"),
        NoticeKind.AUTOMATION_DEFERRED: (_WARNING, Entry.AUTOMATION, "{toast}"),
        NoticeKind.AUTOMATION_PULL_REQUEST: (_INFO, Entry.AUTOMATION, "{toast}"),
    }
)


def notice(kind: NoticeKind, **words: str) -> Notice:
    """The notice of a kind; ``words`` fill its text."""
    severity, entry, text = _TABLE[kind]
    return Notice(kind.value, severity, _toast(text.format(**words)), entry)


def told(kind: str, toast: str, severity: Severity) -> Notice:
    """A notice of a change of protocol whose text the workspace gives."""
    return Notice(kind, severity, _toast(toast), Entry.ROLLBACK)


def frame(session_id: str, of: Notice, more: Mapping[str, object]) -> bytes:
    """The notification that clients get. Texts in ``more`` are freed of secrets, too."""
    said = {name: redact(value) if isinstance(value, str) else value for name, value in more.items()}
    params = {
        "sessionId": session_id,
        "kind": of.kind,
        "severity": of.severity.value,
        "toast": of.toast,
        "entry": of.entry.value,
        **said,
    }
    return compose.notification(METHOD, params)


def _toast(text: str) -> str:
    text = redact(text)
    return text if len(text) <= TOAST_CHARS else text[: TOAST_CHARS - 1] + "…"
