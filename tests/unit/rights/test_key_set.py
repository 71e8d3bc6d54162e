"""An issuer's keys: read, rotated, away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from issuer import EC_KEY, RSA_KEY, Issuer, public

from actors.errors import RightsUnavailableError, SettingsError
from serve.rights.key_set import AGAIN_S, FRESH_S, KEPT_S, MAX_BYTES, KeySet, reader_of


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.issuer = Issuer()
        self.keys = KeySet(self.issuer.read, lambda: self.now)


@pytest.fixture
def world() -> World:
    return World()


async def test_the_set_is_read_once_for_many_tokens(world: World):
    for _ in range(10):
        assert await world.keys.key("RS256") is not None

    assert world.issuer.reads == 1


async def test_a_new_key_is_found_and_unknown_ones_are_asked_for_every_thirty_seconds_at_most(world: World):
    await world.keys.key("RS256")
    world.issuer.keys.append(public("new", EC_KEY))

    for _ in range(100):
        assert await world.keys.key("new") is None
    assert world.issuer.reads == 1

    world.now += AGAIN_S
    assert await world.keys.key("new") is not None
    assert world.issuer.reads == 2


async def test_a_key_that_was_withdrawn_is_good_for_five_minutes_at_most(world: World):
    key = await world.keys.key("RS256")
    assert key is not None
    world.issuer.keys = [public("new", RSA_KEY)]

    world.now += FRESH_S + 1
    assert not world.keys.holds(key)
    assert await world.keys.key("RS256") is None
    assert not world.keys.holds(key)


async def test_an_issuer_that_is_away_leaves_its_keys_good_for_an_hour(world: World):
    await world.keys.key("RS256")
    world.issuer.fault = RightsUnavailableError("away")

    world.now += KEPT_S
    assert await world.keys.key("RS256") is not None
    world.now += 1
    with pytest.raises(RightsUnavailableError):
        await world.keys.key("RS256")


async def test_an_issuer_that_was_never_there_is_told_as_such_and_not_asked_for_each_token(world: World):
    world.issuer.fault = RightsUnavailableError("away")
    for _ in range(10):
        with pytest.raises(RightsUnavailableError):
            await world.keys.key("RS256")

    assert world.issuer.reads == 1


@pytest.mark.parametrize("body", [b"", b"[]", b'{"keys": 7}', b'{"keys": [7]}', b"\xff", b"{}"])
async def test_what_is_no_set_of_keys_changes_nothing(world: World, body: bytes):
    async def read() -> bytes:
        return body

    keys = KeySet(read, lambda: world.now)

    with pytest.raises(RightsUnavailableError):
        await keys.key("RS256")


async def test_a_key_that_cannot_be_read_does_not_hide_the_others(world: World):
    world.issuer.keys.insert(0, {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"})

    assert await world.keys.key("RS256") is not None
    assert await world.keys.key("broken") is None


async def test_a_set_can_be_a_file(tmp_path: Path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": Issuer().keys}))

    assert await KeySet(reader_of(str(file))).key("ES256") is not None
    with pytest.raises(RightsUnavailableError, match="No such file"):
        await reader_of(str(tmp_path / "none.json"))()


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "http://127.0.0.1.example/keys"])
def test_keys_do_not_come_over_plain_http_from_elsewhere(address: str):
    with pytest.raises(SettingsError, match="jwt_keys"):
        reader_of(address)


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/keys":
            body, status = json.dumps({"keys": Issuer().keys}).encode(), 200
        elif self.path == "/long":
            body, status = b" " * (MAX_BYTES + 1), 200
        else:
            body, status = b"", 302 if self.path == "/elsewhere" else 500
        self.send_response(status)
        self.send_header("Location", "/keys")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Server) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_set_can_be_at_an_address(address: str):
    assert await KeySet(reader_of(f"{address}/keys")).key("EdDSA") is not None


@pytest.mark.parametrize("path", ["/elsewhere", "/broken", "/long"])
async def test_what_an_address_answers_otherwise_is_no_set(address: str, path: str):
    with pytest.raises(RightsUnavailableError):
        await reader_of(f"{address}{path}?token=canary")()


async def test_an_address_with_a_secret_in_it_is_not_told(address: str):
    with pytest.raises(RightsUnavailableError) as refused:
        await reader_of(f"{address}/broken?token=canary")()

    assert "canary" not in str(refused.value)
