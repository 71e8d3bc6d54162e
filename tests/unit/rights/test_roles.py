"""The table of roles and rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.errors import ForbiddenError
from serve.rights.identity import EVERYBODY, Identity, demand
from serve.rights.roles import MEANINGS, RIGHTS, Right, Role, table

PAGE = Path(__file__).parents[3] / "docs" / "rights.md"


def caller(*roles: Role) -> Identity:
    return Identity("acme", "ann", frozenset(roles), "key")


def test_the_table_in_the_documentation_is_that_of_the_code():
    assert table() in PAGE.read_text()


def test_every_role_and_every_right_is_in_the_table():
    assert set(RIGHTS) == set(Role)
    assert set(MEANINGS) == set(Right)
    assert set().union(*RIGHTS.values()) == set(Right)


def test_an_admin_may_do_everything_and_each_of_the_others_something_less():
    assert RIGHTS[Role.ADMIN] == set(Right)
    assert all(rights < set(Right) for role, rights in RIGHTS.items() if role is not Role.ADMIN)


def test_who_only_looks_changes_nothing():
    changing = {
        Right.SESSIONS_USE,
        Right.PROTOCOL_CHANGE,
        Right.WORKERS_CHANGE,
        Right.KEYS_CHANGE,
        Right.ERASE,
    }

    assert not RIGHTS[Role.VIEWER] & changing
    assert not RIGHTS[Role.AUDITOR] & changing


def test_keys_and_erasure_are_for_admins_alone():
    for right in (Right.KEYS_CHANGE, Right.ERASE):
        assert [role for role in Role if right in RIGHTS[role]] == [Role.ADMIN]


def test_a_right_that_is_missing_is_named():
    with pytest.raises(ForbiddenError, match="protocol-change"):
        demand(caller(Role.VIEWER, Role.AUDITOR), Right.PROTOCOL_CHANGE)


def test_several_roles_have_the_rights_of_all_of_them():
    demand(caller(Role.VIEWER, Role.AUDITOR), Right.AUDIT_EXPORT)
    demand(caller(Role.VIEWER, Role.AUDITOR), Right.SESSIONS_READ)


def test_nobody_without_a_role_may_do_anything():
    assert caller().rights == frozenset()


def test_without_authentication_everybody_may_do_everything():
    assert EVERYBODY.rights == set(Right)
    assert (EVERYBODY.installation, EVERYBODY.user) == ("default", "")


def test_an_identity_survives_its_way_between_processes():
    identity = Identity("acme", "ann", frozenset({Role.USER, Role.AUDITOR}), "key", 17.5)

    assert Identity.from_wire(identity.wire()) == identity
    assert Identity.from_wire(identity.wire()).rights == identity.rights


@pytest.mark.parametrize(
    "wire",
    [[], [1], ["a", "b", "user", "k", None], ["a", "b", ["king"], "k", None], ["a", "b", [], "k", "x"]],
)
def test_what_is_no_identity_is_not_taken_for_one(wire: list[object]):
    with pytest.raises(ValueError):  # noqa: PT011 - of unpacking, of the enumeration, and ours
        Identity.from_wire(wire)
