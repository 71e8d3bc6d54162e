"""The gate: whom it lets in, by what, and what it says of the others."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from issuer import AUDIENCE, ISSUER, Issuer, signed
from requests_of import request

from actors.errors import AuthenticationError, RateLimitedError
from actors.records import migrate
from serve.rights.api_keys import mint
from serve.rights.attempts import AT_ONCE
from serve.rights.guarded_gate import GuardedGate
from serve.rights.key_store import KeyStore
from serve.rights.roles import Role
from serve.rights.settings import Auth, AuthSettings, TokenSettings


class World:
    """A gate, and a store of keys beside it."""

    def __init__(self, gate: GuardedGate, store: KeyStore) -> None:
        self.gate = gate
        self.store = store

    async def key(self, *, lives: timedelta | None = None, installation: str = "acme") -> tuple[str, str]:
        key, text = mint(installation, "ann", [Role.USER], datetime.now(UTC) + lives if lives else None)
        await self.store.add(key)
        return key.key_id, text


def settings(folder: Path, mode: Auth = Auth.BOTH) -> AuthSettings:
    (folder / "keys.json").write_text(json.dumps({"keys": Issuer().keys}))
    tokens = TokenSettings(issuer=ISSUER, audience=AUDIENCE, keys=str(folder / "keys.json"))
    url = f"sqlite+aiosqlite:///{folder / 'records.db'}"
    return AuthSettings(mode, url, "the session key", tokens, "X-Forwarded-For")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    told = settings(tmp_path)
    await migrate(told.records_url)
    gate, store = GuardedGate(told), KeyStore(told.records_url)
    yield World(gate, store)
    await store.close()
    assert isinstance(gate.keys, KeyStore)
    await gate.keys.close()


async def test_a_key_lets_its_user_in(world: World):
    key_id, text = await world.key()

    for shown in (
        request(text),
        request(authorization=f"bearer   {text}"),
        request(protocols=f"lumilink, lumilink.bearer.{text}"),
        request(protocols=f"lumilink.bearer.{text}"),
    ):
        identity = await world.gate.identify(shown)
        assert (identity.installation, identity.user, identity.credential) == ("acme", "ann", key_id)


async def test_a_token_lets_its_user_in(world: World):
    identity = await world.gate.identify(request(signed()))
    again = await world.gate.identify(request(protocols=f"lumilink,lumilink.bearer.{signed()}"))

    assert (identity.installation, identity.user) == (again.installation, again.user) == ("acme", "ann")


async def test_a_browser_is_let_in_by_the_session_that_its_key_was_sealed_into(world: World):
    key_id, text = await world.key()
    cookie, _ = world.gate.seal(await world.gate.identify(request(text)))

    identity = await world.gate.identify(request(cookie=cookie))

    assert (identity.installation, identity.user, identity.credential) == ("acme", "ann", key_id)
    assert text not in cookie


async def test_a_browser_s_session_ends_when_its_key_is_revoked(world: World):
    key_id, text = await world.key()
    cookie, _ = world.gate.seal(await world.gate.identify(request(text)))
    await world.store.revoke("acme", key_id)
    await world.gate._book._poll()

    with pytest.raises(AuthenticationError, match="revoked"):
        await world.gate.identify(request(cookie=cookie))
    with pytest.raises(AuthenticationError, match="revoked"):
        await world.gate.identify(request(text))


async def test_a_key_in_the_address_is_not_seen(world: World):
    _, text = await world.key()

    with pytest.raises(AuthenticationError, match="no credential"):
        await world.gate.identify(request(query=f"key={text}&authorization=Bearer+{text}&token={text}"))


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "lk_1_2", "Bearer " + "x" * 9000, "Bearer \x00"]
)
async def test_what_is_no_credential_lets_nobody_in(world: World, authorization: str):
    with pytest.raises(AuthenticationError):
        await world.gate.identify(request(authorization=authorization))


async def test_a_wrong_header_is_not_made_up_for_by_a_cookie(world: World):
    _, text = await world.key()
    cookie, _ = world.gate.seal(await world.gate.identify(request(text)))

    with pytest.raises(AuthenticationError):
        await world.gate.identify(request("lk_0123456789abcdef_" + "0" * 64, cookie=cookie))


async def test_an_unknown_key_and_a_wrong_secret_are_told_alike(world: World):
    key_id, _ = await world.key()
    said = set()
    for text in (f"lk_{key_id}_{'0' * 64}", f"lk_{'f' * 16}_{'0' * 64}"):
        with pytest.raises(AuthenticationError) as refused:
            await world.gate.identify(request(text))
        said.add(str(refused.value))

    assert len(said) == 1


async def test_a_key_that_has_expired_lets_nobody_in(world: World):
    key, text = mint("acme", "ann", [Role.USER], datetime.now(UTC) + timedelta(hours=1))
    object.__setattr__(key, "expires_at", datetime.now(UTC) - timedelta(seconds=1))
    await world.store.add(key)

    with pytest.raises(AuthenticationError, match="expired"):
        await world.gate.identify(request(text))


async def test_whoever_tries_often_is_refused_and_others_are_not(world: World):
    _, text = await world.key()
    wrong = "lk_0123456789abcdef_" + "0" * 64
    for _ in range(int(AT_ONCE)):
        with pytest.raises(AuthenticationError):
            await world.gate.identify(request(wrong, forwarded_for="10.0.0.1, 192.0.2.9"))

    with pytest.raises(RateLimitedError):
        await world.gate.identify(request(text, forwarded_for="192.0.2.9"))
    assert (await world.gate.identify(request(text, forwarded_for="10.0.0.1"))).user == "ann"


async def test_a_key_that_is_in_use_is_not_held_up_by_what_others_try(world: World):
    key_id, text = await world.key()
    await world.gate.identify(request(text))
    for _ in range(int(AT_ONCE) + 5):
        with pytest.raises((AuthenticationError, RateLimitedError)):
            await world.gate.identify(request(f"lk_{key_id}_{'0' * 64}"))

    assert (await world.gate.identify(request(text))).user == "ann"


async def test_failed_attempts_are_logged_without_what_was_tried(
    world: World, caplog: pytest.LogCaptureFixture
):
    key_id, text = await world.key()
    secret = "0" * 64
    tried = [f"lk_{key_id}_{secret}", signed(aud="others"), "hunter2"]
    with caplog.at_level(logging.DEBUG):
        for one in tried:
            with pytest.raises(AuthenticationError):
                await world.gate.identify(request(one, forwarded_for="192.0.2.9"))
        await world.gate.identify(request(text))

    assert caplog.text.count("refused a caller") == len(tried)
    assert "192.0.2.9" in caplog.text
    assert not [one for one in (*tried, secret, text) if one in caplog.text]


@pytest.mark.parametrize(
    ("mode", "takes"), [(Auth.KEYS, (True, False)), (Auth.JWT, (False, True)), (Auth.BOTH, (True, True))]
)
async def test_a_gateway_takes_what_its_settings_say(tmp_path: Path, mode: Auth, takes: tuple[bool, bool]):
    told = settings(tmp_path, mode)
    await migrate(told.records_url)
    store = KeyStore(told.records_url)
    key, text = mint("acme", "ann", [Role.USER])
    await store.add(key)
    gate = GuardedGate(told)

    for shown, is_taken in zip((text, signed()), takes, strict=True):
        if is_taken:
            assert (await gate.identify(request(shown))).user == "ann"
        else:
            with pytest.raises(AuthenticationError, match="takes no"):
                await gate.identify(request(shown))
    await store.close()
    if gate.keys is not None:
        assert isinstance(gate.keys, KeyStore)
        await gate.keys.close()


def test_settings_do_not_show_what_is_secret_in_them(tmp_path: Path):
    shown = repr(settings(tmp_path))

    assert "the session key" not in shown
    assert "sqlite" not in shown
