"""A setting takes the values that its type and its constraints let, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from actors.errors import InvalidParamsError
from actors.settings_registry.checking import check_setting, check_value
from actors.settings_registry.models import Constraints, NewSetting, ValueType

V = ValueType


@pytest.mark.parametrize(
    ("value_type", "constraints", "good", "bad"),
    [
        (V.INT, Constraints(min=1, max=5), [1, 5], [0, 6, 1.5, True, "1", 2**60, 10**400]),
        (V.FLOAT, Constraints(min=0), [0, 2.5], [-0.1, True, "x", float("inf")]),
        (V.BOOL, Constraints(), [True, False], [0, 1, "true"]),
        (V.STRING, Constraints(min_length=2, max_length=3), ["ab", "abc"], ["a", "abcd", 12]),
        (V.STRING, Constraints(enum=["low", "high"]), ["low"], ["middle", ""]),
        (V.INT, Constraints(enum=[0, 1]), [0, 1], [2, False, True]),
        (V.STRING, Constraints(pattern=r"[a-z]+\d?"), ["abc", "abc1"], ["1", "abc12"]),
        (V.ARRAY, Constraints(max=3), [[], [1, 2], ["a", True]], [[4], "x", [[1]], [None], [0] * 1001]),
        (V.STRING, Constraints(), ["x" * 8000], ["x" * 8200]),
    ],
)
def test_values(value_type: ValueType, constraints: Constraints, good: list[Any], bad: list[Any]):
    for value in good:
        check_value("key", value_type, constraints, value)
    for value in bad:
        with pytest.raises(InvalidParamsError, match="key"):
            check_value("key", value_type, constraints, value)


def test_a_credential_has_no_place_among_settings():
    for key, value in (("ServerPassword", "hunter2"), ("note", "ghp_" + "a1B2" * 9)):
        with pytest.raises(InvalidParamsError, match="credential") as refused:
            check_value(key, V.STRING, Constraints(), value)
        assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("value_type", "default", "constraints"),
    [
        (V.INT, None, Constraints(min=2, max=1)),
        (V.INT, 9, Constraints(max=5)),
        (V.INT, None, Constraints(enum=["a"])),
        (V.STRING, None, Constraints(pattern="(")),
        (V.STRING, None, Constraints(min_length=3, max_length=1)),
    ],
)
def test_constraints_that_make_no_sense_are_refused(
    value_type: ValueType, default: object, constraints: Constraints
):
    wanted = NewSetting("ASA", "Game.ini", "key", value_type, default_value=default, constraints=constraints)
    with pytest.raises(InvalidParamsError):
        check_setting(wanted)
