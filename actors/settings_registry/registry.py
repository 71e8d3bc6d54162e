"""The registry of an installation: settings made, described, set and deleted, each change a version."""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import and_, delete, func, insert, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors import errors
from actors.records.database import Database
from actors.records.models.values import is_storable
from actors.records.tables import SETTING_CHANGES, SETTING_REGISTRY
from actors.settings_registry.checking import check_setting, check_value
from actors.settings_registry.models import NewSetting, Place, Setting, SettingChange, SettingPage, What
from actors.settings_registry.own import OWN
from actors.settings_registry.rows import S, change_of, columns_of, setting_of, snapshot

MAX_SETTINGS: Final = 10_000
KEPT_CHANGES: Final = 200
"""Of each setting; those before are forgotten."""
_H: Final = SETTING_CHANGES.c
_OWN_PLACES: Final = frozenset(one.place for one in OWN)
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class SettingQuery:
    """What to list; ``limit`` is 1 to 200, ``cursor`` the ``next_cursor`` of the page before."""

    game_type: str | None = None
    file_type: str | None = None
    section: str | None = None
    key: str | None = None
    limit: int = 50
    cursor: str | None = None


class Registry:
    """All methods raise JournalUnavailableError if the database does not answer.

    A ``version`` is the one that the caller has seen, None if any will do; if it has passed, what is asked
    for raises PreconditionError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def furnish(self, installation: str) -> None:
        """See that LumiLink's own settings are there."""
        async with self._database.transaction() as connection:
            there = await connection.execute(
                select(S.game_type, S.file_type, S.section, S.key).where(
                    S.installation_id == installation, S.game_type == OWN[0].game_type
                )
            )
            known = {Place(*row) for row in there}
        for wanted in OWN:
            if wanted.place not in known:
                await self._make(installation, wanted, "lumilink", or_leave=True)

    async def create(self, installation: str, wanted: NewSetting, user: str) -> Setting:
        """Make a setting known.

        Raises InvalidParamsError for what makes no sense, ConflictError where it is known already, there are
        10,000, or it would be one of LumiLink's own.
        """
        check_setting(wanted)
        if wanted.game_type == OWN[0].game_type:
            raise errors.ConflictError(f"gameType {wanted.game_type!r} is LumiLink's own")
        return await self._make(installation, wanted, user, or_leave=False)

    async def get(self, installation: str, setting_id: str) -> Setting:
        """One setting. Raises RecordNotFoundError."""
        async with self._database.transaction() as connection:
            return await _read(connection, installation, setting_id)

    async def page(self, installation: str, query: SettingQuery) -> SettingPage:
        """Settings in the order of their places. Raises InvalidParamsError for a cursor that is none."""
        asked = select(SETTING_REGISTRY).where(S.installation_id == installation)
        for column in (S.game_type, S.file_type, S.section, S.key):
            if (value := getattr(query, column.name)) is not None:
                asked = asked.where(column == value)
        order = (S.game_type, S.file_type, S.section, S.key)
        if query.cursor is not None:
            asked = asked.where(tuple_(*order) > tuple_(*map(literal, _place(query.cursor))))
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked.order_by(*order).limit(query.limit + 1))).mappings().all()
        found = [setting_of(row) for row in rows[: query.limit]]
        return SettingPage(found, _cursor(found[-1].place) if len(rows) > query.limit else None)

    async def describe(
        self, installation: str, setting_id: str, wanted: NewSetting, user: str, version: int | None
    ) -> Setting:
        """Describe a setting anew; which one it is stays.

        Raises RecordNotFoundError, PreconditionError, InvalidParamsError, or ConflictError for another
        place, for LumiLink's own, and where its value would not be let any more.
        """
        check_setting(wanted)

        def change(seen: Setting) -> dict[str, Any]:
            _check_not_own(seen)
            if wanted.place != seen.place:
                raise errors.ConflictError("a setting stays where it is; delete it, and make another")
            if seen.value is not UNSET:
                try:
                    check_value(seen.key, wanted.value_type, wanted.constraints, seen.value)
                except errors.InvalidParamsError as error:
                    raise errors.ConflictError(f"its value would not be let: {error.detail}") from None
            return columns_of(wanted)

        return await self._change(installation, setting_id, What.DESCRIBED, user, version, change)

    async def set(
        self, installation: str, setting_id: str, value: Any, user: str, version: int | None
    ) -> Setting:
        """Give a setting a value; None: its default holds again.

        Raises RecordNotFoundError, PreconditionError, and InvalidParamsError for what it does not take.
        """

        def change(seen: Setting) -> dict[str, Any]:
            if value is not None:
                check_value(seen.key, seen.value_type, seen.constraints, value)
            return {"value": value}

        return await self._change(installation, setting_id, What.SET, user, version, change)

    async def delete(self, installation: str, setting_id: str, user: str, version: int | None) -> None:
        """Forget a setting; what was done to it stays known.

        Raises RecordNotFoundError, PreconditionError, ConflictError for LumiLink's own.
        """
        for _ in range(_TRIES):
            async with self._database.transaction() as connection:
                seen = await _read(connection, installation, setting_id)
                _check_not_own(seen)
                _check_version(seen, version)
                done = await connection.execute(delete(SETTING_REGISTRY).where(_as_seen(installation, seen)))
                if done.rowcount:
                    note = _note(installation, seen, seen.version + 1, What.DELETED, user, None)
                    await connection.execute(insert(SETTING_CHANGES).values(note))
                    return
        raise _busy()

    async def history(self, installation: str, setting_id: str) -> list[SettingChange]:
        """What was done to a setting, the newest first: the last 200. Raises RecordNotFoundError."""
        ours = and_(_H.installation_id == installation, _H.setting_id == setting_id)
        asked = select(SETTING_CHANGES).where(ours).order_by(_H.version.desc()).limit(KEPT_CHANGES)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).mappings().all()
        if not rows:
            raise _unknown(setting_id)
        return [change_of(row) for row in rows]

    async def values(self, installation: str, section: str) -> dict[str, Any]:
        """The values of LumiLink's own settings of a section that were set, by their keys."""
        own = and_(S.game_type == OWN[0].game_type, S.file_type == OWN[0].file_type, S.section == section)
        asked = select(S.key, S.value).where(S.installation_id == installation, own)
        async with self._database.transaction() as connection:
            return {row.key: row.value for row in await connection.execute(asked) if row.value is not None}

    async def _make(self, installation: str, wanted: NewSetting, user: str, *, or_leave: bool) -> Setting:
        setting_id, moment = str(uuid.uuid4()), _now()
        row = columns_of(wanted) | {"version": 1, "created_at": moment, "updated_at": moment}
        try:
            async with self._database.transaction() as connection:
                ours = select(func.count()).where(S.installation_id == installation)
                if (await connection.scalar(ours) or 0) >= MAX_SETTINGS:
                    raise errors.ConflictError(f"the installation has {MAX_SETTINGS} settings already")
                await connection.execute(
                    insert(SETTING_REGISTRY).values(
                        installation_id=installation, setting_id=setting_id, **row
                    )
                )
                made = await _read(connection, installation, setting_id)
                note = _note(installation, None, 1, What.CREATED, user, made)
                await connection.execute(insert(SETTING_CHANGES).values(note))
                return made
        except errors.InvalidParamsError:
            # The rule that there is one in each place was hurt; all else was checked before.
            found = await self._at(installation, wanted.place)
            if or_leave and found is not None:
                return found
            raise errors.ConflictError("there is a setting in this place already") from None

    async def _at(self, installation: str, place: Place) -> Setting | None:
        query = SettingQuery(place.game_type, place.file_type, place.section, place.key, 1)
        found = (await self.page(installation, query)).items
        return found[0] if found else None

    async def _change(
        self,
        installation: str,
        setting_id: str,
        what: What,
        user: str,
        version: int | None,
        change: Callable[[Setting], dict[str, Any]],
    ) -> Setting:
        for _ in range(_TRIES):
            async with self._database.transaction() as connection:
                seen = await _read(connection, installation, setting_id)
                _check_version(seen, version)
                values = change(seen) | {"version": seen.version + 1, "updated_at": _now()}
                done = await connection.execute(
                    update(SETTING_REGISTRY).where(_as_seen(installation, seen)).values(**values)
                )
                if done.rowcount:
                    now = await _read(connection, installation, setting_id)
                    note = _note(installation, seen, now.version, what, user, now)
                    await connection.execute(insert(SETTING_CHANGES).values(note))
                    await _forget_old(connection, installation, now)
                    return now
        raise _busy()


async def _find(connection: AsyncConnection, installation: str, setting_id: str) -> Setting | None:
    ours = and_(S.installation_id == installation, S.setting_id == setting_id)
    row = (await connection.execute(select(SETTING_REGISTRY).where(ours))).mappings().one_or_none()
    return None if row is None else setting_of(row)


async def _read(connection: AsyncConnection, installation: str, setting_id: str) -> Setting:
    found = await _find(connection, installation, setting_id)
    if found is None:
        raise _unknown(setting_id)
    return found


async def _forget_old(connection: AsyncConnection, installation: str, setting: Setting) -> None:
    ours = and_(_H.installation_id == installation, _H.setting_id == setting.setting_id)
    await connection.execute(
        delete(SETTING_CHANGES).where(ours, _H.version <= setting.version - KEPT_CHANGES)
    )


def _as_seen(installation: str, seen: Setting) -> Any:
    return and_(S.installation_id == installation, S.setting_id == seen.setting_id, S.version == seen.version)


def _note(
    installation: str, before: Setting | None, version: int, what: What, user: str, after: Setting | None
) -> dict[str, Any]:
    setting = after or before
    assert setting is not None
    return {
        "installation_id": installation,
        "setting_id": setting.setting_id,
        "version": version,
        "what": what,
        "before": None if before is None else snapshot(before),
        "after": None if after is None else snapshot(after),
        "changed_by": user,
        "at": _now(),
    }


def _check_version(seen: Setting, version: int | None) -> None:
    if version is not None and version != seen.version:
        raise errors.PreconditionError(f"the setting is at version {seen.version}")


def _check_not_own(setting: Setting) -> None:
    if setting.place in _OWN_PLACES:
        raise errors.ConflictError("the setting is LumiLink's own; only its value can be changed")


def _cursor(place: Place) -> str:
    named = [place.game_type, place.file_type, place.section, place.key]
    return base64.urlsafe_b64encode(msgspec.json.encode(named)).decode().rstrip("=")


def _place(cursor: str) -> list[str]:
    """Where a page begins. Raises InvalidParamsError."""
    try:
        named = msgspec.json.decode(
            base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=list[str]
        )
    except (binascii.Error, ValueError, msgspec.DecodeError):
        named = []
    if len(named) != 4 or not all(map(is_storable, named)):
        raise errors.InvalidParamsError("cursor: expected the nextCursor of a page of settings")
    return named


def _unknown(setting_id: str) -> errors.RecordNotFoundError:
    return errors.RecordNotFoundError(f"there is no setting of settingId {setting_id[:80]!r}")


def _busy() -> errors.ConflictError:
    return errors.ConflictError("the setting changes faster than it can be read; try again")


def _now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
