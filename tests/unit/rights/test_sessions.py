"""The cookies of browsers."""

from __future__ import annotations

import pytest

from actors.errors import AuthenticationError
from serve.rights.identity import Identity
from serve.rights.roles import Role
from serve.rights.sessions import LIFE_S, SessionSeal

ANN = Identity("acme", "ann", frozenset({Role.AUDITOR}), "0123456789abcdef")


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_one_replica_sealed_another_opens():
    cookie, life_s = SessionSeal("secret", Clock()).seal(ANN)
    opened = SessionSeal("secret", Clock()).open(cookie)

    assert (opened.installation, opened.user, opened.roles) == ("acme", "ann", ANN.roles)
    assert opened.expires_at == Clock.now + LIFE_S == Clock.now + life_s


def test_a_session_ends_with_its_credential_if_that_is_sooner():
    clock = Clock()
    identity = Identity("acme", "ann", ANN.roles, "token-1", clock.now + 60)
    seal = SessionSeal("secret", clock)
    cookie, life_s = seal.seal(identity)

    assert life_s == 60
    clock.now += 60
    with pytest.raises(AuthenticationError, match="has ended"):
        seal.open(cookie)


def test_a_session_that_another_gateway_sealed_is_not_taken():
    cookie, _ = SessionSeal("other", Clock()).seal(ANN)

    with pytest.raises(AuthenticationError, match="not valid"):
        SessionSeal("secret", Clock()).open(cookie)


def test_no_part_of_a_session_can_be_changed():
    seal = SessionSeal("secret", Clock())
    cookie, _ = seal.seal(ANN)

    for position in range(len(cookie)):
        changed = cookie[:position] + ("A" if cookie[position] != "A" else "B") + cookie[position + 1 :]
        try:
            assert seal.open(changed) == seal.open(cookie)  # the last bits of base64 may mean nothing
        except AuthenticationError:
            continue


@pytest.mark.parametrize("cookie", ["", ".", "a.b", "é.é", "e30.", "x" * 8000])
def test_what_is_no_session_is_refused(cookie: str):
    with pytest.raises(AuthenticationError):
        SessionSeal("secret", Clock()).open(cookie)


def test_a_cookie_has_no_key_in_it():
    cookie, _ = SessionSeal("the secret", Clock()).seal(ANN)

    assert "secret" not in cookie
