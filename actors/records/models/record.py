"""What all records share: how they are written, how they are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from actors.errors import InvalidParamsError
from actors.protocol.redaction import redact
from actors.records.models.values import Identifier


class Part(BaseModel):
    """A value within a record. Names are camelCase in JSON; unknown members are refused.

    What was wrong is said without the value that was, since that may be a credential.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )


class Record(Part):
    """A row of a projection, of one installation."""

    by_reference: ClassVar[tuple[str, ...]] = ()
    """Members that may be larger than 32 KB. Such a value is kept apart; ``<member>_ref`` is its SHA-256."""

    installation_id: Identifier


R = TypeVar("R", bound=Record)


def checked(model: type[R], members: Mapping[str, object]) -> R:
    """A record from what somebody sent. Raises InvalidParamsError, which names the members that are wrong."""
    try:
        return model.model_validate(members)
    except ValidationError as error:
        raise InvalidParamsError(f"{model.__name__}: {_complaint(error)}") from None


def _complaint(error: ValidationError) -> str:
    said = error.errors(include_url=False, include_context=False, include_input=False)
    parts = [(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in said]
    return redact("; ".join(": ".join(filter(None, part)) for part in parts))
