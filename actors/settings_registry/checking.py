"""Whether a value is one that its setting takes."""

from __future__ import annotations

import math
from typing import Any, Final

from actors.errors import InvalidParamsError
from actors.protocol.redacted_json import redact_json
from actors.records.models.values import encoded
from actors.settings_registry.models import Constraints, NewSetting, ValueType
from actors.settings_registry.patterns import compiled, matches

MAX_VALUE_BYTES: Final = 8 * 1024
MAX_ITEMS: Final = 1_000
MAX_NUMBER: Final = 2**53 - 1
"""The largest integer that every reader of JSON takes for itself."""


def check_setting(setting: NewSetting) -> None:
    """Raises InvalidParamsError for constraints that make no sense, or a default that they do not let."""
    constraints = setting.constraints
    if constraints.pattern is not None:
        compiled(constraints.pattern)
    for low, high in (
        (constraints.min, constraints.max),
        (constraints.min_length, constraints.max_length),
    ):
        if low is not None and high is not None and low > high:
            raise InvalidParamsError("constraints: the least is more than the most")
    for value in constraints.enum or ():
        _check_type("constraints.enum", _items_of(setting.value_type), value)
    if setting.default_value is not None:
        check_value(setting.key, setting.value_type, constraints, setting.default_value)


def check_value(key: str, value_type: ValueType, constraints: Constraints, value: Any) -> None:
    """Raises InvalidParamsError, which says what is expected, for a value that the setting does not take."""
    if value_type is ValueType.ARRAY:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise InvalidParamsError(f"{key}: expected an array of at most {MAX_ITEMS} values")
        for one in value:
            _check_type(key, None, one)
            _check_constraints(key, constraints, one)
    else:
        _check_type(key, value_type, value)
        _check_constraints(key, constraints, value)
    if len(encoded(value)) > MAX_VALUE_BYTES:
        raise InvalidParamsError(f"{key}: expected at most {MAX_VALUE_BYTES} bytes")
    if redact_json({key: value}) != {key: value}:
        raise InvalidParamsError(f"{key}: holds a credential, which has no place among settings")


def _items_of(value_type: ValueType) -> ValueType | None:
    return None if value_type is ValueType.ARRAY else value_type


def _check_type(key: str, value_type: ValueType | None, value: Any) -> None:
    """``value_type`` None: any but an array."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_moderate(value)
    fits = {
        ValueType.STRING: isinstance(value, str),
        ValueType.INT: is_number and isinstance(value, int),
        ValueType.FLOAT: is_number,
        ValueType.BOOL: isinstance(value, bool),
    }
    if not (any(fits.values()) if value_type is None else fits[value_type]):
        expected = "text, number, true or false" if value_type is None else value_type
        raise InvalidParamsError(f"{key}: expected a value of type {expected}")


def _is_moderate(value: float) -> bool:
    return (isinstance(value, int) or math.isfinite(value)) and abs(value) <= MAX_NUMBER


def _check_constraints(key: str, constraints: Constraints, value: Any) -> None:
    if constraints.enum is not None and not any(_is_same(value, one) for one in constraints.enum):
        raise InvalidParamsError(f"{key}: expected one of those that constraints.enum names")
    if isinstance(value, str):
        _check_text(key, constraints, value)
    elif not isinstance(value, bool):
        low, high = constraints.min, constraints.max
        if (low is not None and value < low) or (high is not None and value > high):
            raise InvalidParamsError(f"{key}: expected {_range(low, high)}")


def _check_text(key: str, constraints: Constraints, value: str) -> None:
    least, most = constraints.min_length, constraints.max_length
    if (least is not None and len(value) < least) or (most is not None and len(value) > most):
        raise InvalidParamsError(f"{key}: expected a text of {_range(least, most)} characters")
    if constraints.pattern is not None and not matches(constraints.pattern, value):
        raise InvalidParamsError(f"{key}: expected a text of the pattern {constraints.pattern}")


def _is_same(value: object, other: object) -> bool:
    # True is 1 to Python, but not to JSON.
    return isinstance(value, bool) is isinstance(other, bool) and value == other


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
