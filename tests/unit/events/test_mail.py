"""Alerts as e-mail: to a server that takes them, encrypted where that was asked for."""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from feed_world import ALERT
from msgspec.structs import replace
from support.mail_server import MailServer, mail_server

from actors.events.delivery import NotDeliveredError
from actors.events.mail import Mail, MailSettings
from actors.events.record import Delivery

OPENED = Delivery("email", "opened", ALERT)


def settings(port: int, *, starttls: bool = False, user: str = "") -> MailSettings:
    return MailSettings(
        "127.0.0.1",
        ("ops@example.com", "more@example.com"),
        "gateway@example.com",
        port,
        starttls,
        user,
        "canary",
    )


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


async def test_a_mail_says_what_is_full_and_how_full(server: MailServer):
    await Mail(settings(server.port)).deliver(OPENED)

    [mailed] = server.mailed
    assert mailed.recipients == ["TO:<ops@example.com>", "TO:<more@example.com>"]
    assert "Subject: LumiLink: Capacity warning: 85% taken by 17 sessions (cluster)." in mailed.text
    assert "X-LumiLink-Alert: a1:opened" in mailed.text
    assert not mailed.encrypted


async def test_a_mail_says_that_it_is_over(server: MailServer):
    over = replace(ALERT, resolved_at="2026-01-01T00:10:00.000Z")

    await Mail(settings(server.port)).deliver(Delivery("email", "resolved", over))

    assert "There is room again (cluster)." in server.mailed[0].text
    assert "Resolved: 2026-01-01T00:10:00.000Z" in server.mailed[0].text


@pytest.mark.parametrize(("refusal", "lasting"), [("451 canary", False), ("550 canary", True)])
async def test_a_refusal_is_told_by_its_number_alone(server: MailServer, refusal: str, lasting: bool):
    server.refusal = refusal

    with pytest.raises(NotDeliveredError, match=refusal[:3]) as raised:
        await Mail(settings(server.port)).deliver(OPENED)

    assert raised.value.lasting is lasting
    assert "canary" not in str(raised.value)


async def test_a_server_that_is_not_there_is_asked_again_later():
    with pytest.raises(NotDeliveredError) as raised:
        await Mail(settings(9)).deliver(OPENED)

    assert not raised.value.lasting


async def test_a_mail_that_is_to_be_encrypted_is_not_sent_in_the_clear(server: MailServer):
    with pytest.raises(NotDeliveredError):
        await Mail(settings(server.port, starttls=True, user="me")).deliver(OPENED)

    assert server.mailed == []


class TestEncrypted:
    async def test_user_and_password_are_told_once_it_is_encrypted(self, tmp_path: Path):
        serving, trusting = _contexts(tmp_path)
        async with mail_server(serving) as server:
            await Mail(settings(server.port, starttls=True, user="me"), trusting).deliver(OPENED)

        [mailed] = server.mailed
        assert (mailed.encrypted, mailed.user, mailed.password) == (True, "me", "canary")

    async def test_a_server_that_is_not_trusted_gets_nothing(self, tmp_path: Path):
        serving, _ = _contexts(tmp_path)
        async with mail_server(serving) as server:
            with pytest.raises(NotDeliveredError):
                await Mail(settings(server.port, starttls=True)).deliver(OPENED)

        assert server.mailed == []


def test_neither_user_nor_password_is_shown():
    shown = repr(settings(25, user="canary-user"))

    assert "canary" not in shown


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """That of a server with a certificate of its own, and that of a client which trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "test.crt", folder / "test.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate_file, key_file)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.load_verify_locations(certificate_file)
    return serving, trusting
