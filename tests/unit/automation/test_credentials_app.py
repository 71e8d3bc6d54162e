"""Tokens of a GitHub App, from the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.github_server import GitHubServer, github_server
from support.github_state import GitHubState

from actors.automation.contract import RepositoryName
from actors.automation.credentials.app import PERMISSIONS, AppTokens
from actors.automation.credentials.kept import KeptCredentials
from actors.automation.forge.client import Api, ForgeClient
from actors.automation.forge.github import GitHubForge
from actors.errors import (
    CredentialMissingError,
    CredentialRefusedError,
    ForgeForbiddenError,
    RepositoryUnknownError,
)

APP = RepositoryName("acme", "app")
NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


@pytest.fixture
async def server(tmp_path: Path, key: rsa.RSAPrivateKey) -> AsyncIterator[GitHubServer]:
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    state = GitHubState(tmp_path / "github", clock=lambda: NOW, app_key=public.decode())
    state.add_repository("acme", "app")
    state.add_repository("acme", "other")
    async with github_server(state) as serving:
        yield serving


@pytest.fixture
async def client(server: GitHubServer) -> AsyncIterator[ForgeClient]:
    client = ForgeClient(Api(server.api, deadline_s=5.0), clock=lambda: NOW)
    yield client
    await client.aclose()


@pytest.fixture
def key_file(tmp_path: Path, key: rsa.RSAPrivateKey) -> Path:
    file = tmp_path / "app.pem"
    file.write_bytes(private_pem(key))
    return file


@pytest.fixture
def kept(client: ForgeClient, key_file: Path) -> KeptCredentials:
    return KeptCredentials(AppTokens(client, "4711", key_file), clock=lambda: NOW)


async def test_a_token_opens_its_repository_and_no_other(kept: KeptCredentials, client: ForgeClient):
    token = await kept.token("s", APP)
    forge = GitHubForge(client)
    assert (await forge.facts(APP, token)).may_push
    with pytest.raises(RepositoryUnknownError):
        await forge.facts(RepositoryName("acme", "other"), token)


async def test_a_token_has_the_rights_of_a_run_and_ends_in_an_hour(
    kept: KeptCredentials, server: GitHubServer
):
    token = await kept.token("s", APP)
    assert token.expires_at == NOW + 3600
    assert server.state.tokens[token.value].permissions == PERMISSIONS


async def test_a_session_s_end_ends_its_token_at_github(kept: KeptCredentials, client: ForgeClient):
    token = await kept.token("s", APP)
    await kept.revoke("s")
    with pytest.raises(CredentialRefusedError):
        await GitHubForge(client).facts(APP, token)


async def test_an_app_that_is_not_installed_is_a_missing_credential(
    kept: KeptCredentials, server: GitHubServer
):
    server.state.repositories["acme/app"].installed = False
    with pytest.raises(CredentialMissingError, match="not installed on acme/app"):
        await kept.token("s", APP)


async def test_an_app_without_a_right_that_a_run_needs_is_forbidden(
    kept: KeptCredentials, server: GitHubServer
):
    server.state.refused_permissions = {"issues"}
    with pytest.raises(ForgeForbiddenError, match="not granted"):
        await kept.token("s", APP)


async def test_a_key_of_another_app_is_refused(kept: KeptCredentials, key_file: Path):
    key_file.write_bytes(private_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    with pytest.raises(CredentialRefusedError):
        await kept.token("s", APP)


@pytest.mark.parametrize("content", [b"nonsense", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"])
async def test_a_file_that_is_no_key_is_refused_without_telling_its_content(
    kept: KeptCredentials, key_file: Path, content: bytes
):
    key_file.write_bytes(content)
    with pytest.raises(CredentialRefusedError) as raised:
        await kept.token("s", APP)
    assert "AAAA" not in str(raised.value)
    assert "nonsense" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_a_key_file_that_cannot_be_read_is_a_missing_credential(
    kept: KeptCredentials, key_file: Path, content: bytes | None
):
    key_file.unlink()
    if content is not None:
        key_file.write_bytes(content)
    with pytest.raises(CredentialMissingError, match="cannot be read"):
        await kept.token("s", APP)


async def test_a_key_that_was_replaced_is_taken_at_once(
    kept: KeptCredentials, key_file: Path, key: rsa.RSAPrivateKey
):
    key_file.write_bytes(b"nonsense")
    with pytest.raises(CredentialRefusedError):
        await kept.token("s", APP)
    key_file.write_bytes(private_pem(key))
    assert (await kept.token("s", APP)).value
