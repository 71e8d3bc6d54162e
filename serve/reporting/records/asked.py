"""Reading a query string: each parameter once, known, and of its type."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from starlette.requests import Request

from actors import errors
from actors.records.models.values import is_storable

E = TypeVar("E", bound=StrEnum)
MAX_CHARS: Final = 2000
_FIRST: Final = datetime(1971, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9998, 1, 1, tzinfo=UTC)


class Asked:
    """The parameters of a request. Raises InvalidParamsError for one that is unknown, twice or no text."""

    def __init__(self, request: Request, known: Sequence[str]) -> None:
        self._given: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                expected = ", ".join(known) or "none"
                raise errors.InvalidParamsError(f"{name[:40]!r} is no parameter here; known are: {expected}")
            if name in self._given:
                raise errors.InvalidParamsError(f"{name}: expected once")
            if len(value) > MAX_CHARS or not is_storable(value):
                raise errors.InvalidParamsError(f"{name}: expected a text of at most {MAX_CHARS} characters")
            self._given[name] = value

    def text(self, name: str) -> str | None:
        """The value, None if it is not given."""
        return self._given.get(name)

    def number(self, name: str, default: int, most: int) -> int:
        """An integer of 1 to ``most``."""
        value = self._given.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit()) or not 1 <= int(value[:9]) <= most:
            raise errors.InvalidParamsError(f"{name}: expected 1 to {most}")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """``true`` or ``false``."""
        value = self._given.get(name)
        if value not in (None, "true", "false"):
            raise errors.InvalidParamsError(f"{name}: expected true or false")
        return None if value is None else value == "true"

    def choice(self, name: str, kind: type[E]) -> E | None:
        """A value of an enumeration."""
        value = self._given.get(name)
        try:
            return None if value is None else kind(value)
        except ValueError:
            raise errors.InvalidParamsError(f"{name}: expected one of {', '.join(kind)}") from None

    def moment(self, name: str) -> datetime | None:
        """A moment in ISO 8601 with its zone; one that no record can have is the nearest that it could."""
        value = self._given.get(name)
        if value is None:
            return None
        try:
            # A plus that was not escaped arrives as a space.
            found = datetime.fromisoformat(value.replace(" ", "+"))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise errors.InvalidParamsError(f"{name}: expected a moment such as 2026-01-31T12:00:00Z")
        if _FIRST.year < found.year < _LAST.year:
            return found
        return _FIRST if found.year <= _FIRST.year else _LAST
