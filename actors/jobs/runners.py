"""The runners of an installation: who may ask for jobs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from sqlalchemy import func, insert, or_, select, update

from actors import errors
from actors.jobs.models import Runner
from actors.jobs.rows import now, runner_of
from actors.records.database import Database
from actors.records.models.values import is_storable
from actors.records.tables import RUNNERS

MAX_RUNNERS: Final = 1_000
SEEN_EVERY: Final = timedelta(seconds=10)
"""How exact ``last_seen_at`` is: a runner that asks more often costs no write."""
_C: Final = RUNNERS.c


class Runners:
    """All methods raise JournalUnavailableError if the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, installation: str, name: str, user: str) -> tuple[Runner, bool]:
        """The runner of this name, and whether it is new.

        Raises ConflictError if it was switched off, is another user's, or there are 1,000.
        """
        found = await self._found(installation, name)
        if found is None:
            try:
                return await self._make(installation, name, user), True
            except errors.InvalidParamsError:
                # Another has just registered it: the rule that names are their own was hurt.
                found = await self._found(installation, name)
                if found is None:
                    raise
        return _usable(found, user), False

    async def get(self, installation: str, agent_id: str) -> Runner:
        """One runner. Raises RecordNotFoundError."""
        async with self._database.transaction() as connection:
            asked = select(RUNNERS).where(_C.installation_id == installation, _C.agent_id == agent_id)
            row = (await connection.execute(asked)).mappings().one_or_none()
        if row is None:
            raise errors.RecordNotFoundError(f"there is no runner of agentId {agent_id[:80]!r}")
        return runner_of(row)

    async def active(self, installation: str, agent_id: str) -> Runner:
        """One that is switched on. Raises RecordNotFoundError, or ConflictError if it is switched off."""
        found = await self.get(installation, agent_id)
        if not found.active:
            raise errors.ConflictError(f"the runner {found.name!r} is switched off")
        return found

    async def named(self, installation: str, name: str) -> Runner:
        """The one of this name that is switched on. Raises RecordNotFoundError, or ConflictError."""
        found = await self._found(installation, name) if is_storable(name) else None
        if found is None:
            raise errors.RecordNotFoundError(f"there is no runner {name[:80]!r}")
        return await self.active(installation, found.agent_id)

    async def spoken_for(self, installation: str, agent_id: str, user: str) -> Runner:
        """One that is switched on and that this user registered.

        Raises RecordNotFoundError, ConflictError, or ForbiddenError for what is another user's.
        """
        return _usable(await self.get(installation, agent_id), user)

    async def listed(self, installation: str) -> list[Runner]:
        """All runners, by name."""
        asked = select(RUNNERS).where(_C.installation_id == installation).order_by(_C.name)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).mappings().all()
        return [runner_of(row) for row in rows]

    async def switch(self, installation: str, agent_id: str, *, on: bool) -> Runner:
        """Switch a runner on or off; one that is so already stays so. Raises RecordNotFoundError."""
        theirs = (_C.installation_id == installation) & (_C.agent_id == agent_id)
        wanted = update(RUNNERS).where(theirs).values(deactivated_at=None if on else now())
        async with self._database.transaction() as connection:
            await connection.execute(wanted if on else wanted.where(_C.deactivated_at.is_(None)))
        return await self.get(installation, agent_id)

    async def seen(self, installation: str, agent_id: str) -> None:
        """It has just asked for work."""
        moment = now()
        long_ago = or_(_C.last_seen_at.is_(None), _C.last_seen_at < moment - SEEN_EVERY)
        theirs = (_C.installation_id == installation) & (_C.agent_id == agent_id)
        async with self._database.transaction() as connection:
            await connection.execute(update(RUNNERS).where(theirs, long_ago).values(last_seen_at=moment))

    async def _found(self, installation: str, name: str) -> Runner | None:
        asked = select(RUNNERS).where(_C.installation_id == installation, _C.name == name)
        async with self._database.transaction() as connection:
            row = (await connection.execute(asked)).mappings().one_or_none()
        return None if row is None else runner_of(row)

    async def _make(self, installation: str, name: str, user: str) -> Runner:
        ours, agent_id = _C.installation_id == installation, str(uuid.uuid4())
        async with self._database.transaction() as connection:
            if (await connection.scalar(select(func.count()).where(ours)) or 0) >= MAX_RUNNERS:
                raise errors.ConflictError(f"the installation has {MAX_RUNNERS} runners already")
            row = {"agent_id": agent_id, "name": name, "user_id": user, "created_at": now()}
            await connection.execute(insert(RUNNERS).values(installation_id=installation, **row))
        return await self.get(installation, agent_id)


def _usable(runner: Runner, user: str) -> Runner:
    if runner.user != user:
        raise errors.ForbiddenError(f"the runner {runner.name!r} was registered by another user")
    if not runner.active:
        raise errors.ConflictError(f"the runner {runner.name!r} is switched off")
    return runner
