"""Tokens of sessions: one flight, renewed in time, ended with the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from actors.automation.contract import RepositoryName, Token
from actors.automation.credentials.kept import KeptCredentials
from actors.automation.credentials.personal import PersonalCredentials
from actors.errors import CredentialMissingError, ForgeUnreachableError, LumiLinkError

APP = RepositoryName("acme", "app")
HOUR = 3600.0


class CountingMint:
    """Mints tokens with numbers, each good for an hour; waits for ``go``, and fails once with ``fault``."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.go.set()
        self.started = asyncio.Event()
        self.fault: LumiLinkError | None = None
        self.minted: list[RepositoryName] = []
        self.ended: list[str] = []

    async def mint(self, repository: RepositoryName, now: float) -> Token:
        self.minted.append(repository)
        number = len(self.minted)
        self.started.set()
        await self.go.wait()
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        return Token(f"ghs_{number}", now + HOUR)

    async def end(self, token: Token) -> None:
        self.ended.append(token.value)
        if self.fault is not None:
            raise self.fault


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mint() -> CountingMint:
    return CountingMint()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(mint: CountingMint, clock: Clock) -> KeptCredentials:
    return KeptCredentials(mint, clock)


async def test_a_session_is_given_the_same_token_again(kept: KeptCredentials, mint: CountingMint):
    first = await kept.token("s", APP)
    assert await kept.token("s", APP) == first
    assert len(mint.minted) == 1


async def test_sessions_and_repositories_have_tokens_of_their_own(kept: KeptCredentials):
    other = RepositoryName("acme", "other")
    tokens = [await kept.token(*key) for key in (("s", APP), ("t", APP), ("s", other))]
    assert len({token.value for token in tokens}) == 3


async def test_all_who_ask_at_once_wait_for_one_flight(kept: KeptCredentials, mint: CountingMint):
    mint.go.clear()
    asking = [asyncio.create_task(kept.token("s", APP)) for _ in range(20)]
    await mint.started.wait()
    mint.go.set()
    assert {token.value for token in await asyncio.gather(*asking)} == {"ghs_1"}
    assert len(mint.minted) == 1


async def test_one_who_stops_waiting_takes_the_flight_from_nobody(kept: KeptCredentials, mint: CountingMint):
    mint.go.clear()
    first = asyncio.create_task(kept.token("s", APP))
    await mint.started.wait()
    second = asyncio.create_task(kept.token("s", APP))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    mint.go.set()
    assert (await second).value == "ghs_1"


@pytest.mark.parametrize(("left_s", "is_renewed"), [(301.0, False), (300.0, True), (-1.0, True)])
async def test_a_token_is_renewed_five_minutes_before_it_expires(
    kept: KeptCredentials, clock: Clock, left_s: float, is_renewed: bool
):
    first = await kept.token("s", APP)
    clock.now += HOUR - left_s
    assert (await kept.token("s", APP) != first) is is_renewed


async def test_a_flight_that_fails_is_tried_again_by_who_asks_next(kept: KeptCredentials, mint: CountingMint):
    mint.fault = ForgeUnreachableError("no")
    with pytest.raises(ForgeUnreachableError):
        await kept.token("s", APP)
    assert (await kept.token("s", APP)).value == "ghs_2"


async def test_a_session_s_end_ends_its_tokens_and_no_others(kept: KeptCredentials, mint: CountingMint):
    await kept.token("s", APP)
    await kept.token("t", APP)
    await kept.revoke("s")
    await kept.revoke("s")
    assert mint.ended == ["ghs_1"]
    assert (await kept.token("t", APP)).value == "ghs_2"


async def test_a_token_that_is_being_minted_when_its_session_ends_is_ended_too(
    kept: KeptCredentials, mint: CountingMint
):
    mint.go.clear()
    asking = asyncio.create_task(kept.token("s", APP))
    await mint.started.wait()
    ending = asyncio.create_task(kept.revoke("s"))
    mint.go.set()
    await asyncio.gather(asking, ending)
    assert mint.ended == ["ghs_1"]


async def test_a_token_that_cannot_be_ended_is_forgotten(kept: KeptCredentials, mint: CountingMint):
    await kept.token("s", APP)
    mint.fault = ForgeUnreachableError("no")
    await kept.revoke("s")
    mint.fault = None
    assert (await kept.token("s", APP)).value == "ghs_2"


async def test_closing_ends_every_token(kept: KeptCredentials, mint: CountingMint):
    await kept.token("s", APP)
    await kept.token("t", APP)
    await kept.aclose()
    assert sorted(mint.ended) == ["ghs_1", "ghs_2"]


async def test_tokens_that_expired_are_not_kept(kept: KeptCredentials, mint: CountingMint, clock: Clock):
    await kept.token("old", APP)
    clock.now += 2 * HOUR
    await kept.token("new", APP)
    await kept.revoke("old")
    assert mint.ended == []


async def test_a_personal_token_is_given_to_every_session_and_never_ended():
    personal = PersonalCredentials(" ghp_secret\n")
    assert (await personal.token("s", APP)).value == "ghp_secret"
    await personal.revoke("s")
    assert (await personal.token("t", APP)).value == "ghp_secret"


async def test_without_a_personal_token_the_credential_is_missing():
    with pytest.raises(CredentialMissingError, match="acme/app"):
        await PersonalCredentials("").token("s", APP)


@pytest.mark.parametrize("shown", [repr, str, lambda token: f"{token}"])
def test_a_token_does_not_show_its_value(shown: Callable[[Token], str]):
    assert "secret" not in shown(Token("ghs_secret", 1.0))
