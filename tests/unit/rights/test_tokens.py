"""Which tokens are taken, and which are not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from issuer import ALGORITHM_KEYS, AUDIENCE, EC_KEY, ISSUER, RSA_KEY, Issuer, claims, public, signed

from actors.errors import AuthenticationError
from serve.rights.key_set import KeySet
from serve.rights.roles import Role
from serve.rights.settings import TokenSettings
from serve.rights.tokens import MAX_PROVEN, TokenVerifier

STRANGER = ec.generate_private_key(ec.SECP256R1())
PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def verifier(issuer: Issuer | None = None, **settings: object) -> TokenVerifier:
    told = TokenSettings(issuer=ISSUER, audience=AUDIENCE, **settings)  # type: ignore[arg-type] # by name
    return TokenVerifier(told, KeySet((issuer or Issuer()).read))


def part(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", list(ALGORITHM_KEYS))
async def test_a_good_token_says_who_shows_it(algorithm: str):
    token = signed(algorithm)

    identity = await verifier().verify(token)

    assert (identity.installation, identity.user, identity.roles) == ("acme", "ann", {Role.USER})
    assert identity.expires_at == pytest.approx(time.time() + 603, abs=5)
    assert token not in repr(identity)


async def test_claims_have_the_names_that_the_settings_give_them():
    settings = {"installation_claim": "org", "user_claim": "email", "roles_claim": "scope"}
    token = signed(org="other", email="a@b", scope="admin openid auditor", installation=None, roles=None)

    identity = await verifier(**settings).verify(token)

    assert (identity.installation, identity.user) == ("other", "a@b")
    assert identity.roles == {Role.ADMIN, Role.AUDITOR}


@pytest.mark.parametrize("roles", [None, [], ["king"], 7, {"admin": True}, "adminx"])
async def test_a_token_without_a_role_of_ours_has_no_right(roles: object):
    identity = await verifier().verify(signed(roles=roles))

    assert identity.rights == frozenset()


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://issuer.example/"},
        {"iss": "HTTPS://issuer.example"},
        {"iss": None},
        {"aud": "lumilink2"},
        {"aud": ["others"]},
        {"aud": None},
        {"exp": None},
        {"exp": 1_000_000_000},
        {"nbf": 9_000_000_000},
        {"installation": None},
        {"installation": 7},
        {"installation": ""},
        {"installation": "a\nb"},
        {"sub": "x" * 201},
    ],
    ids=str,
)
async def test_a_token_for_others_or_for_another_time_is_refused(changed: dict[str, object]):
    with pytest.raises(AuthenticationError) as refused:
        await verifier().verify(signed(**changed))

    assert "acme" not in str(refused.value)


async def test_clocks_may_differ_by_the_leeway_and_no_more():
    late = signed(exp=time.time() - 20)

    assert (await verifier(leeway_s=60.0).verify(late)).installation == "acme"
    with pytest.raises(AuthenticationError):
        await verifier(leeway_s=10.0).verify(late)


async def test_a_token_for_several_audiences_is_taken_if_we_are_one():
    assert (await verifier().verify(signed(aud=["others", AUDIENCE]))).installation == "acme"


def forged() -> dict[str, str]:
    """Tokens that nobody signed who may."""
    good = signed("RS256")
    head, body, _ = good.split(".")
    by_hmac = part({"alg": "HS256", "kid": "RS256"})
    mac = hmac.digest(PEM, f"{by_hmac}.{body}".encode(), hashlib.sha256)
    return {
        "unsigned": f"{part({'alg': 'none'})}.{body}.",
        "unsigned, with a key": f"{part({'alg': 'none', 'kid': 'RS256'})}.{body}.",
        "unsigned, in other letters": f"{part({'alg': 'nOnE', 'kid': 'RS256'})}.{body}.",
        "by a secret that is our public key": (
            f"{by_hmac}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        ),
        "by a stranger": jwt.encode(claims(), STRANGER, "ES256", {"kid": "ES256"}),
        "by a stranger, who brings the key along": jwt.encode(
            claims(), STRANGER, "ES256", {"kid": "stranger", "jwk": public("stranger", STRANGER)}
        ),
        "with another key's id": jwt.encode(claims(), EC_KEY, "ES256", {"kid": "RS256"}),
        "by an algorithm that is not ours": jwt.encode(claims(), RSA_KEY, "RS512", {"kid": "RS256"}),
        "with an extension that we do not know": jwt.encode(
            claims(), EC_KEY, "ES256", {"kid": "ES256", "crit": ["exp2"], "exp2": 1}
        ),
        "without its signature": f"{head}.{body}.",
        "with other claims": f"{head}.{part(claims(installation='other'))}.{good.split('.')[2]}",
        "nothing": "",
        "no token": "a.b.c",
        "half of one": f"{head}.{body}",
        "nested deeply": base64.urlsafe_b64encode(b'{"a":' + b"[" * 5000).decode() + ".a.b",
        "not ASCII": "é.é.é",
    }


@pytest.mark.parametrize("token", forged().values(), ids=list(forged()))
async def test_a_forged_token_is_refused(token: str):
    with pytest.raises(AuthenticationError):
        await verifier().verify(token)


async def test_a_symmetric_key_in_the_set_is_not_used():
    issuer = Issuer()
    secret = base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")
    issuer.keys.append({"kty": "oct", "kid": "shared", "k": secret, "alg": "HS256"})

    with pytest.raises(AuthenticationError):
        await verifier(issuer).verify(jwt.encode(claims(), b"s" * 32, "HS256", {"kid": "shared"}))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_weak_key_and_one_for_encryption_are_not_used():
    issuer = Issuer()
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    issuer.keys += [public("weak", weak), public("enc", RSA_KEY, use="enc")]

    for key_id, key in (("weak", weak), ("enc", RSA_KEY)):
        with pytest.raises(AuthenticationError):
            await verifier(issuer).verify(jwt.encode(claims(), key, "RS256", {"kid": key_id}))


async def test_a_token_that_names_no_key_is_checked_by_the_only_one():
    issuer = Issuer()
    issuer.keys = [public("only", EC_KEY)]

    assert (await verifier(issuer).verify(signed(key_id=None))).user == "ann"


async def test_a_token_that_names_none_of_several_keys_is_refused():
    with pytest.raises(AuthenticationError):
        await verifier().verify(signed(key_id=None))


async def test_a_token_is_worked_out_once():
    found = verifier()
    token = signed()
    assert found.known(token) is None

    identity = await found.verify(token)

    assert found.known(token) is identity


async def test_a_token_that_was_good_is_not_when_it_has_expired_or_its_key_was_withdrawn():
    now = time.time()
    clock = iter([now, now + 700])
    keys = KeySet(Issuer().read)
    found = TokenVerifier(TokenSettings(issuer=ISSUER, audience=AUDIENCE), keys, lambda: next(clock))
    token = signed()
    await found.verify(token)

    assert found.known(token) is not None
    assert found.known(token) is None


async def test_what_is_remembered_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("serve.rights.tokens.MAX_PROVEN", 2)
    found = verifier()
    tokens = [signed(jti=str(number)) for number in range(3)]
    for token in tokens:
        await found.verify(token)

    assert [found.known(token) is not None for token in tokens] == [False, True, True]
    assert MAX_PROVEN <= 10_000
