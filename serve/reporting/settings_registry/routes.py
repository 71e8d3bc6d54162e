"""The routes of the settings registry. A setting's ETag is its version."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records.models.values import is_storable
from actors.settings_registry.models import NewSetting, Setting, SettingChange, SettingPage
from actors.settings_registry.registry import SettingQuery
from serve.reporting.bodies import answer_json, read_body
from serve.reporting.operation import Answer, Operation, Parameter, route
from serve.reporting.protocol_requests import conditions_of
from serve.reporting.records.asked import Asked
from serve.reporting.records.parameters import CURSOR, LIMIT
from serve.reporting.settings_registry.desk import registry_of
from serve.rights import Identity, Right

MAX_BODY: Final = 64 * 1024
PATH: Final = "/api/v1/settings"


class WantedValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The value that a setting is to have; null: its default."""

    value: Any


class SettingHistory(msgspec.Struct, frozen=True, rename="camel"):
    """What was done to a setting, the newest first."""

    items: list[SettingChange]
    next_cursor: None = None


async def listed(request: Request, identity: Identity) -> Response:
    """A page of settings."""
    asked = Asked(request, [one.name for one in _FILTERS])
    query = SettingQuery(
        game_type=asked.text("gameType"),
        file_type=asked.text("fileType"),
        section=asked.text("section"),
        key=asked.text("key"),
        limit=asked.number("limit", 50, 200),
        cursor=asked.text("cursor"),
    )
    async with registry_of(identity.installation) as registry:
        return answer_json(await registry.page(identity.installation, query))


async def created(request: Request, identity: Identity) -> Response:
    """Make a setting known."""
    wanted = await read_body(request, NewSetting, MAX_BODY)
    async with registry_of(identity.installation) as registry:
        return _answer(await registry.create(identity.installation, wanted, identity.user), 201)


async def shown(request: Request, identity: Identity) -> Response:
    """One setting."""
    async with registry_of(identity.installation) as registry:
        return _answer(await registry.get(identity.installation, _id_of(request)))


async def described(request: Request, identity: Identity) -> Response:
    """Describe a setting anew."""
    wanted = await read_body(request, NewSetting, MAX_BODY)
    at, setting_id, version = identity.installation, _id_of(request), _version_of(request)
    async with registry_of(at) as registry:
        return _answer(await registry.describe(at, setting_id, wanted, identity.user, version))


async def given(request: Request, identity: Identity) -> Response:
    """Give a setting a value."""
    wanted = await read_body(request, WantedValue, MAX_BODY)
    at, setting_id, version = identity.installation, _id_of(request), _version_of(request)
    async with registry_of(at) as registry:
        return _answer(await registry.set(at, setting_id, wanted.value, identity.user, version))


async def deleted(request: Request, identity: Identity) -> Response:
    """Forget a setting."""
    at, setting_id, version = identity.installation, _id_of(request), _version_of(request)
    async with registry_of(at) as registry:
        await registry.delete(at, setting_id, identity.user, version)
    return Response(status_code=204)


async def history(request: Request, identity: Identity) -> Response:
    """What was done to a setting."""
    async with registry_of(identity.installation) as registry:
        found = await registry.history(identity.installation, _id_of(request))
    return answer_json(SettingHistory(found))


def _id_of(request: Request) -> str:
    setting_id: str = request.path_params["settingId"]
    if not is_storable(setting_id):
        raise errors.RecordNotFoundError("there is no setting of this settingId")
    return setting_id


def _version_of(request: Request) -> int | None:
    """That of If-Match. Raises InvalidRequestError."""
    return conditions_of(request, b"").version


def _answer(setting: Setting, status: int = 200) -> Response:
    answer = answer_json(setting, status)
    answer.headers["ETag"] = f'"{setting.version}"'
    return answer


_ID: Final = Parameter("settingId", {"type": "string"}, "The setting's id.", is_path=True)
_FILTERS: Final = (
    Parameter("gameType", {"type": "string"}, "Only those of this game type."),
    Parameter("fileType", {"type": "string"}, "Only those of this file type."),
    Parameter("section", {"type": "string"}, "Only those of this section."),
    Parameter("key", {"type": "string"}, "Only those of this key."),
    LIMIT,
    CURSOR,
)
_AWAY: Final = errors.RecordsUnavailableError
_DETAILS: Final = "With If-Match, the version that an ETag named, it is done to that version alone."
_CHANGING: Final = (
    errors.InvalidParamsError,
    errors.FrameTooLargeError,
    errors.RecordNotFoundError,
    errors.PreconditionError,
    errors.ConflictError,
    _AWAY,
)


def _operation(
    method: str,
    path: str,
    summary: str,
    answer: Answer,
    body: type[msgspec.Struct] | None = None,
) -> Operation:
    """One on a single setting."""
    changes = method != "GET"
    return Operation(
        method,
        f"{PATH}/{{settingId}}{path}",
        summary,
        "settings",
        answer,
        Right.SETTINGS_CHANGE if changes else Right.RECORDS_READ,
        details=_DETAILS if changes else "",
        parameters=(_ID,),
        body=body,
        faults=_CHANGING if changes else (errors.RecordNotFoundError, _AWAY),
    )


_LIST: Final = Operation(
    "GET",
    PATH,
    "The settings that are known, and their values.",
    "settings",
    Answer(SettingPage),
    Right.RECORDS_READ,
    parameters=_FILTERS,
    faults=(errors.InvalidParamsError, _AWAY),
)
_CREATE: Final = Operation(
    "POST",
    PATH,
    "Make a setting known.",
    "settings",
    Answer(Setting, 201),
    Right.SETTINGS_CHANGE,
    body=NewSetting,
    faults=(errors.InvalidParamsError, errors.FrameTooLargeError, errors.ConflictError, _AWAY),
)
_SHOW: Final = _operation("GET", "", "A setting, and its value.", Answer(Setting))
_DESCRIBE: Final = _operation(
    "PUT", "", "Describe a setting anew: all of it but its place and its value.", Answer(Setting), NewSetting
)
_DELETE: Final = _operation("DELETE", "", "Forget a setting.", Answer(None, 204, description="It is gone."))
_GIVE: Final = _operation(
    "PUT", "/value", "Give a setting a value, or its default again.", Answer(Setting), WantedValue
)
_HISTORY: Final = _operation(
    "GET", "/history", "Who did what to a setting: its last 200 versions.", Answer(SettingHistory)
)
_ALL: Final = (
    (_LIST, listed),
    (_CREATE, created),
    (_SHOW, shown),
    (_DESCRIBE, described),
    (_DELETE, deleted),
    (_GIVE, given),
    (_HISTORY, history),
)
OPERATIONS: Final = tuple(operation for operation, _ in _ALL)
ROUTES: Final = [route(operation, answering) for operation, answering in _ALL]
