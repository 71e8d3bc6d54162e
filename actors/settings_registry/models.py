"""A setting: which one it is, what values it takes, and the one that it has."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Key = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Section = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Scalar = bool | int | float | str


class ValueType(StrEnum):
    """What a value is. An array has values of one of the other types, mixed as one likes."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    ARRAY = "array"


class Constraints(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What a value must keep to, or each value of an array.

    ``min`` and ``max`` are for numbers, ``min_length``, ``max_length`` and ``pattern`` for texts. A pattern
    is for the whole text; which signs it knows is told in the documentation.
    """

    min: float | None = None
    max: float | None = None
    enum: Annotated[list[Scalar], Meta(min_length=1, max_length=200)] | None = None
    min_length: Annotated[int, Meta(ge=0, le=4000)] | None = None
    max_length: Annotated[int, Meta(ge=0, le=4000)] | None = None
    pattern: Annotated[str, Meta(max_length=200)] | None = None


class Place(Struct, frozen=True, rename="camel"):
    """Which setting it is: there is one of each within an installation."""

    game_type: Word
    file_type: Word
    section: Section
    key: Key


class NewSetting(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A setting that is to be known. ``section`` is empty for what stands at the top of its file."""

    game_type: Word
    file_type: Word
    key: Key
    value_type: ValueType
    section: Section = ""
    default_value: Any = None
    constraints: Constraints = Constraints()
    category: Word | None = None
    advanced: bool = False
    control_type: Word | None = None
    introduced_version: Word | None = None
    deprecated_version: Word | None = None
    description: Annotated[str, Meta(max_length=2000)] | None = None

    @property
    def place(self) -> Place:
        """Which one it is."""
        return Place(self.game_type, self.file_type, self.section, self.key)


class Setting(Struct, frozen=True, rename="camel"):
    """A setting that is known. ``value`` is left out unless one was set: then the default holds."""

    setting_id: str
    game_type: str
    file_type: str
    section: str
    key: str
    value_type: ValueType
    constraints: Constraints
    advanced: bool
    version: int
    created_at: datetime
    updated_at: datetime
    default_value: Any | UnsetType = UNSET
    value: Any | UnsetType = UNSET
    category: str | UnsetType = UNSET
    control_type: str | UnsetType = UNSET
    introduced_version: str | UnsetType = UNSET
    deprecated_version: str | UnsetType = UNSET
    description: str | UnsetType = UNSET

    @property
    def place(self) -> Place:
        """Which one it is."""
        return Place(self.game_type, self.file_type, self.section, self.key)


class What(StrEnum):
    """What was done to a setting."""

    CREATED = "created"
    DESCRIBED = "described"
    SET = "set"
    DELETED = "deleted"


class SettingChange(Struct, frozen=True, rename="camel"):
    """A version of a setting: who made it, and what it was before and after."""

    version: int
    what: What
    at: datetime
    changed_by: str
    before: Any
    after: Any


class SettingPage(Struct, frozen=True, rename="camel"):
    """A page of settings, in the order of their places. ``next_cursor`` is where the next one begins."""

    items: list[Setting]
    next_cursor: str | None
