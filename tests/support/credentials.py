"""Credentials for a gateway that asks for them: keys by its command line, tokens by an issuer of ours."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm
from websockets.exceptions import InvalidStatus

from support.gateway_process import run_to_its_end
from support.http_peer import HttpPeer
from support.peer import DEADLINE_S
from support.websocket_peer import WebSocketPeer, websocket_peer

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "lumilink-test"
_SIGNING: Final = ed25519.Ed25519PrivateKey.generate()


def key_set(folder: Path) -> Path:
    """The file with the issuer's public key."""
    folder.mkdir(parents=True, exist_ok=True)
    public = OKPAlgorithm.to_jwk(_SIGNING.public_key(), as_dict=True)
    file = folder / "issuer.json"
    file.write_text(json.dumps({"keys": [{**public, "kid": "1"}]}))
    return file


def new_token(lives_s: float = 600.0, installation: str = "acme", **more: object) -> str:
    """A token of a user."""
    said = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + lives_s, "installation": installation}
    return jwt.encode({**said, "sub": "ann", "roles": ["user"], **more}, _SIGNING, "EdDSA", {"kid": "1"})


def new_key(folder: Path, installation: str, *roles: str, user: str = "ann") -> str:
    """A key for a gateway whose data is in ``folder``, made by its command."""
    named = [part for role in roles for part in ("--role", role)]
    ended = run_to_its_end(
        ["keys", "create", "--data-dir", "data", "--installation", installation, "--user", user, *named],
        folder,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def revoke_key(folder: Path, installation: str, key: str) -> None:
    """Revoke a key by the gateway's command."""
    ended = run_to_its_end(
        ["keys", "revoke", key_id_of(key), "--data-dir", "data", "--installation", installation], folder
    )
    assert ended.returncode == 0, ended.stderr


def key_id_of(key: str) -> str:
    """The part of a key that is no secret."""
    return key.split("_")[1]


def showing(credential: str) -> dict[str, str]:
    """The header that shows a credential."""
    return {"Authorization": f"Bearer {credential}"}


@asynccontextmanager
async def socket_with(url: str, credential: str) -> AsyncIterator[WebSocketPeer]:
    """An open socket that shows a credential, with ``initialize`` behind it."""
    async with websocket_peer(url, showing(credential)) as peer:
        await peer.begin()
        yield peer


async def refused_with(url: str, headers: dict[str, str] | None = None) -> int:
    """The HTTP status that a WebSocket's handshake is refused with; 101 if it is not."""
    try:
        async with websocket_peer(url, headers):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@asynccontextmanager
async def http_with(url: str, credential: str) -> AsyncIterator[HttpPeer]:
    """A streamable HTTP client that shows a credential, with ``initialize`` behind it."""
    timeout = httpx.Timeout(DEADLINE_S, read=None)
    async with httpx.AsyncClient(headers=showing(credential), timeout=timeout) as client:
        peer = HttpPeer(url, client)
        try:
            await peer.begin()
            yield peer
        finally:
            await peer.close()
