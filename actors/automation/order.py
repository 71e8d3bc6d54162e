"""What is asked of an automation: by a turn's end, by a client's request, or by a wish beside a prompt."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from actors import errors
from actors.protocol.redaction import redact

SUBJECT_CHARS: Final = 72
TITLE_CHARS: Final = 256
BODY_CHARS: Final = 60_000
_IDS: Final = uuid.UUID("2f4cf0b2-5d54-5f0e-8d0b-7d6c7cf0a3a1")


class Trigger(StrEnum):
    """Why a run was asked for."""

    TURN = "turn"
    """A turn of the agent ended."""
    REQUEST = "request"
    """A client or an API's caller asked for it."""


class IssueWish(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An issue that is to be opened; what is empty comes from the templates."""

    title: str = ""
    body: str = ""


class Wish(Struct, frozen=True, omit_defaults=True):
    """What somebody wants of a run. ``is_wanted``: None where nothing was said of that."""

    is_wanted: bool | None = None
    issue: IssueWish | None = None
    title: str = ""
    body: str = ""


class Order(Struct, frozen=True, omit_defaults=True):
    """A run, as it is journalled before anything is done for it.

    The same ``key`` asks for the same run, however often. ``at_ms`` is when it was asked for, epoch
    milliseconds; ``subject`` the beginning of what the user asked of the agent; ``turn`` is 0 where no turn
    was the cause.
    """

    key: str
    session_id: str
    cwd: str
    at_ms: int
    trigger: Trigger = Trigger.TURN
    turn: int = 0
    subject: str = ""
    wish: Wish = Wish()

    @property
    def run_id(self) -> str:
        """The id of the run and of its summary, the same for the same key: a UUID."""
        return str(uuid.uuid5(_IDS, self.key))

    @property
    def at(self) -> int:
        """When it was asked for, epoch seconds: the date of its commit."""
        return self.at_ms // 1000


def key_of_turn(session_id: str, turn: int) -> str:
    """The key of the run that a turn's end asks for."""
    return f"{session_id}/turn/{turn}"


def key_of_request(session_id: str, *parts: str) -> str:
    """The key of a run that was asked for; ``parts`` tell one request from another."""
    return f"{session_id}/request/{uuid.uuid5(_IDS, chr(0).join(parts))}"


class _Body(Struct, forbid_unknown_fields=True):
    issue: IssueWish | bool | None = None
    title: str = ""
    body: str = ""


class _Params(_Body, rename="camel"):
    session_id: str = ""
    meta: Raw | None = msgspec.field(default=None, name="_meta")


class _Ours(Struct):
    automation: _Body | bool | Literal["off", "on"] | None = None


class _Meta(Struct):
    lumilink: _Ours = msgspec.field(default_factory=_Ours)


def wish_beside_prompt(meta: bytes) -> Wish:
    """``_meta.lumilink.automation`` of a prompt: false, true, or an object as of a request.

    Raises InvalidParamsError.
    """
    try:
        said = msgspec.json.decode(meta, type=_Meta).lumilink.automation
    except msgspec.ValidationError as error:
        raise errors.InvalidParamsError(f"params._meta.lumilink.automation: {error}") from None
    if isinstance(said, _Body):
        return _checked(said)
    return Wish(None if said is None else said in (True, "on"))


def wish_of_params(params: bytes) -> Wish:
    """The params of ``_lumilink/automation/run``. Raises InvalidParamsError."""
    try:
        return _checked(msgspec.json.decode(params, type=_Params))
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f"params: {error}") from None


def wish_of_body(body: bytes) -> Wish:
    """The body of the same over HTTP; an empty one wishes nothing special. Raises InvalidParamsError."""
    try:
        return _checked(msgspec.json.decode(body or b"{}", type=_Body))
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f"the body: {error}") from None


def _checked(said: _Body) -> Wish:
    issue = said.issue
    if isinstance(issue, bool):
        issue = IssueWish() if issue else None
    titles = (said.title, issue.title if issue else "")
    bodies = (said.body, issue.body if issue else "")
    if any(len(title) > TITLE_CHARS or "\n" in title for title in titles):
        raise errors.InvalidParamsError(f"title: expected one line of at most {TITLE_CHARS} characters")
    if any(len(body) > BODY_CHARS for body in bodies):
        raise errors.InvalidParamsError(f"body: expected at most {BODY_CHARS} characters")
    return Wish(is_wanted=True, issue=issue, title=said.title, body=said.body)


class _Block(Struct):
    type: str = ""
    text: str = ""


def subject_of(prompt: list[Raw]) -> str:
    """The first line of what a prompt says, without credentials, at most 72 characters."""
    for raw in prompt:
        try:
            block = msgspec.json.decode(raw, type=_Block)
        except msgspec.ValidationError:
            continue
        line = next((line.strip() for line in block.text.splitlines() if line.strip()), "")
        if block.type == "text" and line:
            line = " ".join(redact(line).split())
            return line if len(line) <= SUBJECT_CHARS else f"{line[: SUBJECT_CHARS - 1]}…"
    return ""
