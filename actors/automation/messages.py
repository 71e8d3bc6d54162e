"""What the automation of a workspace and the sessions there tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from actors.automation.order import Order
from actors.automation.record import News


@dataclass(frozen=True, slots=True)
class Automate:
    """Ask: carry an order out, once; answers with its ``Summary`` when the run has ended.

    Refused by MailboxFullError where too many wait.
    """

    order: Order


@dataclass(frozen=True, slots=True)
class SessionLoaded:
    """A session is here, and was told of all news up to ``after_seq``."""

    session_id: str
    after_seq: int


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session is over for good: its credentials are to be given back once its runs have ended."""

    session_id: str


@dataclass(frozen=True, slots=True)
class Approved:
    """What people said to the changes of a run."""

    key: str
    ok: bool


class GoOn:
    """Time to see what is to be done."""


PullRequestState = Literal["open", "closed", "merged", "review-requested"]


@dataclass(frozen=True, slots=True)
class PullRequestNews:
    """Ask: the forge told of a pull request; whether it is one of here, and news.

    ``delivery`` is the id of the telling, which may come twice; ``at`` is when it happened, ISO 8601.
    ``dead`` is a life of a worker that is known to be over.
    """

    delivery: str
    repository: str
    number: int
    state: PullRequestState
    at: str
    who: str = ""
    dead: str = ""


# ---------------------------------------------------------------------- to a session's connection


@dataclass(frozen=True, slots=True)
class AutomationNews:
    """Something to tell a session, unless it was told before."""

    news: News

    @property
    def session_id(self) -> str:
        """Whom."""
        return self.news.session_id


@dataclass(frozen=True, slots=True)
class AskApproval:
    """Ask people whether the changes of a run may be pushed; what they say is told by ``Approved``."""

    session_id: str
    key: str
    title: str
    diff: str
