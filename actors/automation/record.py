"""What the journal keeps of a workspace's automations: enough to go on with them in another process."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct, field

from actors import errors
from actors.automation.order import Order
from actors.automation.outcome import Made, Summary
from actors.automation.words import NewsKind

MOST_BRANCHES: Final = 256
MOST_ENDED: Final = 64
MOST_NEWS: Final = 64
MOST_DELIVERIES: Final = 128


class Branch(Struct, omit_defaults=True):
    """The branch of one session: the last commit that was pushed, and its pull request's number, if any.

    ``state_at`` is the moment of the newest thing that the forge has told of the pull request.
    """

    name: str
    repository: str
    commit: str = ""
    pull_request: int = 0
    state_at: str = ""


class OpenRun(Struct, omit_defaults=True):
    """A run that has not ended. ``not_before`` is when it may go on, epoch seconds; ``tries`` counts how
    often in a row the forge was away.
    """

    order: Order
    made: Made = field(default_factory=Made)
    not_before: float = 0.0
    tries: int = 0


class EndedRun(Struct):
    """A run that has ended, by the key that asked for it."""

    key: str
    repository: str
    summary: Summary


class News(Struct, frozen=True):
    """Something that a session is told, once. ``seq`` is that of the entry it comes from, and so grows.

    ``about`` is for programs.
    """

    seq: int
    session_id: str
    kind: NewsKind
    toast: str
    note: str
    summary_id: str = ""
    about: dict[str, str | int | float | bool | None] = field(default_factory=dict)


class AutomationRecord(Struct, omit_defaults=True):
    """The automations of one workspace. ``due`` is when somebody has to look after the open ones, epoch
    seconds; 0: never.
    """

    due: float = 0.0
    runs: list[OpenRun] = field(default_factory=list)
    branches: dict[str, Branch] = field(default_factory=dict)
    ended: list[EndedRun] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    deliveries: list[str] = field(default_factory=list)

    def remember_branch(self, session_id: str, branch: Branch) -> None:
        """Keep a session's branch; of too many the one that was used longest ago is forgotten."""
        self.branches.pop(session_id, None)
        self.branches[session_id] = branch
        while len(self.branches) > MOST_BRANCHES:
            del self.branches[next(iter(self.branches))]

    def add_news(self, news: News) -> None:
        """Keep something that a session is to be told."""
        self.news = [*self.news, news][-MOST_NEWS:]

    def ended_run(self, key: str) -> EndedRun | None:
        """The run that this key asked for, if it has ended and is not forgotten."""
        return next((one for one in self.ended if one.key == key), None)

    def open_run(self, key: str) -> OpenRun | None:
        """The run that this key asked for, if it goes on."""
        return next((one for one in self.runs if one.order.key == key), None)

    def end(self, run: OpenRun, repository: str, summary: Summary) -> None:
        """The run has ended."""
        self.runs.remove(run)
        self.ended = [*self.ended, EndedRun(run.order.key, repository, summary)][-MOST_ENDED:]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(AutomationRecord)


def encode(record: AutomationRecord) -> bytes:
    """The record as the journal keeps it."""
    return _encoder.encode(record)


def decode(meta: bytes) -> AutomationRecord:
    """The record that the journal kept. Raises InternalError for what is none."""
    try:
        return _decoder.decode(meta)
    except msgspec.MsgspecError:
        raise errors.InternalError("the journal's record of automations cannot be read") from None
