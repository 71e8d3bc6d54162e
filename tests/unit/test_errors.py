"""Every error keeps the promises that its tree makes."""

from __future__ import annotations

import pickle
import re

import pytest

from actors import errors
from actors.errors import (
    ApplicationFault,
    Category,
    ConnectionFault,
    LumiLinkError,
    ProtocolFault,
    SystemFault,
)

BRANCHES: dict[type[LumiLinkError], Category] = {
    ConnectionFault: Category.CONNECTION,
    ProtocolFault: Category.PROTOCOL,
    ApplicationFault: Category.APPLICATION,
    SystemFault: Category.SYSTEM,
}
LEAVES: list[type[LumiLinkError]] = [leaf for branch in BRANCHES for leaf in branch.__subclasses__()]


def drawn_tree() -> dict[str, list[str]]:
    """The branches and leaves of the drawing in the module's docstring."""
    tree: dict[str, list[str]] = {}
    for indent, name in re.findall(r"^    ([│ ]*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE):
        if indent:
            tree[list(tree)[-1]].append(name)
        else:
            tree[name] = []
    return tree


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {
        branch.__name__: [leaf.__name__ for leaf in branch.__subclasses__()]
        for branch in LumiLinkError.__subclasses__()
    }
    assert drawn_tree() == real


def test_no_leaf_has_leaves() -> None:
    assert [leaf.__name__ for leaf in LEAVES if leaf.__subclasses__()] == []


def test_no_code_is_used_twice() -> None:
    codes = [leaf.code for leaf in LEAVES]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_survives_a_pickle_round_trip(leaf: type[LumiLinkError]) -> None:
    error = pickle.loads(pickle.dumps(leaf("what was wrong", 2.5)))
    assert type(error) is leaf
    assert (error.detail, error.retry_after_s, str(error)) == ("what was wrong", 2.5, "what was wrong")
    assert error.args == ("what was wrong", 2.5)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_has_a_code_of_its_own_in_kebab_case(leaf: type[LumiLinkError]) -> None:
    assert "code" in vars(leaf)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", leaf.code)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_is_of_its_branch_s_category(leaf: type[LumiLinkError]) -> None:
    assert leaf.category is BRANCHES[leaf.__bases__[0]]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_tells_what_to_do_in_a_sentence(leaf: type[LumiLinkError]) -> None:
    assert re.fullmatch(r"[A-Z].{10,}\.", leaf.recovery)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_has_the_codes_of_both_wire_forms(leaf: type[LumiLinkError]) -> None:
    assert 400 <= leaf.http_status < 600
    reserved = range(-32899, -31999)
    assert leaf.rpc_code in reserved


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_tells_the_time_of_a_repeat_only_where_it_is_known(leaf: type[LumiLinkError]) -> None:
    told = {
        "code": leaf.code,
        "category": leaf.category.value,
        "retryable": leaf.retryable,
        "recovery": leaf.recovery,
    }
    assert leaf("no").data() == told
    assert leaf("no", 1.5).data() == {**told, "retryAfter": 1.5}
