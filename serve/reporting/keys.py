"""``/api/v1/keys``: the API keys of the caller's own installation, for its admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.rights.api_keys import mint
from serve.rights.gate import Keys, gate
from serve.rights.identity import Identity
from serve.rights.key_views import KeyView, view
from serve.rights.roles import Right, Role

MAX_BODY: Final = 4096


class KeyList(msgspec.Struct, frozen=True, rename="camel"):
    """All keys of an installation, the newest first."""

    items: list[KeyView]
    next_cursor: None = None


class NewKey(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is asked for."""

    user: str
    roles: list[Role]
    expires_at: datetime | None = None


async def listed(_: Request, identity: Identity) -> Response:
    """All keys of the installation."""
    found = await _keys().owned_by(identity.installation)
    return _json(KeyList([view(key) for key in found]))


async def made(request: Request, identity: Identity) -> Response:
    """Make a key."""
    wanted = _read(await _body(request))
    key, text = mint(identity.installation, wanted.user, wanted.roles, _aware(wanted.expires_at))
    await _keys().add(key)
    answer = _json(msgspec.structs.replace(view(key), key=text), 201)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def revoked(request: Request, identity: Identity) -> Response:
    """Let a key be good no more. What it has opened is closed within 5 s, on all replicas."""
    key_id = request.path_params["id"]
    if not await _keys().revoke(identity.installation, key_id):
        raise errors.RecordNotFoundError("the installation has no API key with this id")
    return Response(status_code=204)


def _keys() -> Keys:
    keys = gate().keys
    if keys is None:
        raise errors.InvalidRequestError("this gateway takes no API keys; see the setting auth")
    return keys


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise errors.FrameTooLargeError(f"expected at most {MAX_BODY} bytes")
    return body


def _read(body: bytes) -> NewKey:
    try:
        return msgspec.json.decode(body, type=NewKey)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f'expected {{"user": …, "roles": […]}}: {error}') from None


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


_FAULTS: Final = (errors.InvalidParamsError, errors.RightsUnavailableError)
_LIST: Final = Operation(
    "GET",
    "/api/v1/keys",
    "The API keys of the installation, the newest first, without their secrets.",
    "rights",
    Answer(KeyList),
    Right.KEYS_CHANGE,
    faults=_FAULTS,
)
_MAKE: Final = Operation(
    "POST",
    "/api/v1/keys",
    "Make an API key.",
    "rights",
    Answer(KeyView, 201, description="The key; its whole text is told this once and never again."),
    Right.KEYS_CHANGE,
    body=NewKey,
    faults=(*_FAULTS, errors.FrameTooLargeError),
)
_REVOKE: Final = Operation(
    "DELETE",
    "/api/v1/keys/{id}",
    "Revoke an API key; what was opened with it is closed within 5 s.",
    "rights",
    Answer(None, 204, description="It is revoked."),
    Right.KEYS_CHANGE,
    parameters=(Parameter("id", {"type": "string"}, "The key's id, without its secret.", is_path=True),),
    faults=(*_FAULTS, errors.RecordNotFoundError),
)
OPERATIONS: Final = (_LIST, _MAKE, _REVOKE)
ROUTES: Final = [route(_LIST, listed), route(_MAKE, made), route(_REVOKE, revoked)]
