"""Erasing an installation, or what one of its users has opened: orders, and how far they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records.models import ErasureScope
from actors.retention.client import RetentionClient
from actors.retention.contract import ErasureOrder, ErasureView
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.reporting.protocol_requests import DRY_RUN, conditions_of
from serve.rights import Identity, Right

MAX_USER: Final = 200


async def installation_erased(request: Request, identity: Identity) -> Response:
    """Order that all of the caller's installation is erased."""
    if request.path_params["id"] != identity.installation:
        raise errors.ForbiddenError("the credential is not of this installation")
    return await _ordered(request, identity, ErasureScope.INSTALLATION, "")


async def subject_erased(request: Request, identity: Identity) -> Response:
    """Order that what a user of the caller's installation has opened is erased."""
    user: str = request.path_params["user"]
    if len(user) > MAX_USER or not user.isprintable():
        raise errors.InvalidParamsError(f"user: expected at most {MAX_USER} printable characters")
    return await _ordered(request, identity, ErasureScope.SUBJECT, user)


async def shown(request: Request, identity: Identity) -> Response:
    """How far an erasure is."""
    return _answer(await RetentionClient().find(identity.installation, request.path_params["id"]))


async def _ordered(request: Request, identity: Identity, scope: ErasureScope, subject: str) -> Response:
    conditions = conditions_of(request, b"")
    order = ErasureOrder(
        scope, subject, identity.credential, conditions.key, conditions.digest, conditions.dry_run
    )
    return _answer(await RetentionClient().order(identity.installation, order))


def _answer(view: ErasureView) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(view), headers=headers, media_type="application/json")


_DETAILS: Final = (
    "Sessions that live are ended first. The order is kept until all is gone, whatever ends meanwhile; then "
    "a receipt stays, with numbers and no names. It cannot be taken back. A request that is repeated with "
    "the same Idempotency-Key within a day is carried out once."
)
_DRY_RUN: Final = Parameter(DRY_RUN, {"type": "boolean"}, "Only say what there is to erase.")
_FAULTS: Final = (
    errors.InvalidParamsError,
    errors.ConflictError,
    errors.MailboxFullError,
    errors.WorkerUnavailableError,
    errors.JournalUnavailableError,
)
_INSTALLATION: Final = Operation(
    "DELETE",
    "/api/v1/installations/{id}",
    "Erase all that is kept of the installation, but API keys and receipts.",
    "erasure",
    Answer(ErasureView, description="The order as it stands."),
    Right.ERASE,
    details=_DETAILS,
    parameters=(
        Parameter("id", {"type": "string"}, "The installation: the caller's own.", is_path=True),
        _DRY_RUN,
    ),
    faults=_FAULTS,
)
_SUBJECT: Final = Operation(
    "DELETE",
    "/api/v1/subjects/{user}",
    "Erase the sessions that a user has opened, and all that is kept of them.",
    "erasure",
    Answer(ErasureView, description="The order as it stands."),
    Right.ERASE,
    details=_DETAILS,
    parameters=(Parameter("user", {"type": "string"}, "The user.", is_path=True), _DRY_RUN),
    faults=_FAULTS,
)
_SHOW: Final = Operation(
    "GET",
    "/api/v1/erasures/{id}",
    "How far an erasure is that waits or was done lately.",
    "erasure",
    Answer(ErasureView),
    Right.ERASE,
    parameters=(Parameter("id", {"type": "string"}, "Its erasureId.", is_path=True),),
    faults=(
        errors.RecordNotFoundError,
        errors.WorkerUnavailableError,
        errors.JournalUnavailableError,
    ),
)
OPERATIONS: Final = (_INSTALLATION, _SUBJECT, _SHOW)
ROUTES: Final = [
    route(_INSTALLATION, installation_erased),
    # The name of a user is whatever an issuer calls it, slashes included.
    route(replace(_SUBJECT, path="/api/v1/subjects/{user:path}"), subject_erased),
    route(_SHOW, shown),
]
