"""``POST /api/v1/webhooks/github``: GitHub tells what became of pull requests.

A delivery is proven by its signature alone; nobody signs in. It is taken once, whenever and however often it
comes: the workspace that made the pull request keeps the ids of deliveries in the journal.

Source: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from actors.automation.messages import PullRequestNews, PullRequestState
from actors.capacity.client import CapacityClient
from actors.capacity.roll import Owner
from actors.migration.command import Elsewhere
from actors.protocol.redaction import redact
from actors.worker import WorkerClient
from serve.problem import problem
from serve.reporting.operation import Answer, Operation

log = logging.getLogger("lumilink.webhooks")

PATH: Final = "/api/v1/webhooks/github"
MAX_BODY: Final = 25 * 1024 * 1024
"""GitHub sends no more."""
READ_S: Final = 10.0
_MOVED: Final = 3
_STATES: Final[dict[str, PullRequestState]] = {
    "closed": "closed",
    "reopened": "open",
    "review_requested": "review-requested",
}


class _Place:
    """Where the process keeps what deliveries are signed with; empty: none are taken."""

    secret: str = ""


_place = _Place()


def use(secret: str) -> None:
    """Take deliveries that are signed with this."""
    _place.secret = secret


class _User(Struct):
    login: str = ""


class _PullRequest(Struct):
    number: int
    updated_at: str = ""
    merged: bool = False


class _Repository(Struct):
    full_name: str


class _Delivery(Struct):
    action: str
    pull_request: _PullRequest
    repository: _Repository
    sender: _User = msgspec.field(default_factory=_User)


class Taken(Struct, frozen=True):
    """Of how many workspaces a delivery told something new."""

    workspaces: int


async def delivered(request: Request) -> Response:
    """Take a delivery; 202 also for what nobody here wants to know."""
    try:
        body = await _body(request)
        _check(body, request.headers.get("x-hub-signature-256", ""))
        news = _news(request, body)
        taken = 0 if news is None else await _tell(news)
    except errors.LumiLinkError as error:
        return problem(error)
    return Response(msgspec.json.encode(Taken(taken)), status_code=202, media_type="application/json")


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    try:
        async with asyncio.timeout(READ_S):
            async for chunk in request.stream():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BODY:
                    raise errors.FrameTooLargeError(f"expected at most {MAX_BODY} bytes")
    except TimeoutError:
        raise errors.InvalidRequestError(f"the body did not come within {READ_S:g} s") from None
    return b"".join(chunks)


def _check(body: bytes, signature: str) -> None:
    """Raises ForbiddenError for a delivery that GitHub did not sign with our secret."""
    if not _place.secret:
        raise errors.ForbiddenError("no github_webhook_secret is set, so no delivery can be proven")
    expected = "sha256=" + hmac.new(_place.secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise errors.ForbiddenError("X-Hub-Signature-256 is not that of the body")


def _news(request: Request, body: bytes) -> PullRequestNews | None:
    """What a delivery tells of a pull request; None where it is about something else.

    Raises InvalidParamsError.
    """
    if request.headers.get("x-github-event") != "pull_request":
        return None
    try:
        told = msgspec.json.decode(body, type=_Delivery)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f"the delivery: {error}") from None
    state = _STATES.get(told.action)
    delivery = request.headers.get("x-github-delivery", "")
    if state is None:
        return None
    if not 1 <= len(delivery) <= 100:
        raise errors.InvalidParamsError("X-GitHub-Delivery: expected 1 to 100 characters")
    if state == "closed" and told.pull_request.merged:
        state = "merged"
    number, at = told.pull_request.number, told.pull_request.updated_at
    who = redact(told.sender.login[:100])
    return PullRequestNews(delivery, told.repository.full_name, number, state, at, who)


async def _tell(news: PullRequestNews) -> int:
    """Tell the workspaces that have the pull request; of how many it was news.

    Raises WorkerUnavailableError and JournalUnavailableError: GitHub shows that, and can deliver again.
    """
    capacity = CapacityClient()
    places = await capacity.places()
    if not places:
        raise errors.WorkerUnavailableError("no worker is there yet", 5.0)
    found = await WorkerClient(places[0].worker_id).with_pull_request(news.repository, news.number)
    told = [await _tell_one(capacity, Owner(*owner), news) for owner in found]
    return sum(told)


async def _tell_one(capacity: CapacityClient, owner: Owner, news: PullRequestNews) -> bool:
    place = await capacity.home_of(owner)
    for _ in range(_MOVED):
        told = await WorkerClient(place.worker_id).tell_news(*owner, news)
        if not isinstance(told, Elsewhere):
            return told
        there = await capacity.whereis(told.life)
        if there is None:
            news = replace(news, dead=told.life)
        place = there or place
    raise errors.WorkerUnavailableError("the workspace is being taken over by another worker", 5.0)


_DELIVER: Final = Operation(
    "POST",
    PATH,
    "GitHub tells of a pull request: closed, merged, reopened, a review requested.",
    "sessions",
    Answer(Taken, 202, description="It was taken, or is about nothing of here."),
    None,
    details="Signed by GitHub with github_webhook_secret (X-Hub-Signature-256).",
    faults=(
        errors.ForbiddenError,
        errors.InvalidParamsError,
        errors.InvalidRequestError,
        errors.FrameTooLargeError,
        errors.WorkerUnavailableError,
        errors.JournalUnavailableError,
    ),
)
OPERATIONS: Final = (_DELIVER,)
ROUTES: Final = [Route(PATH, delivered, methods=["POST"])]
