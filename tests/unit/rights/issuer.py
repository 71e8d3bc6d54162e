"""An issuer of tokens, with keys that can be rotated."""

from __future__ import annotations

import json
import time
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "lumilink"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

RSA_KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY: Final = ec.generate_private_key(ec.SECP256R1())
ED_KEY: Final = ed25519.Ed25519PrivateKey.generate()
ALGORITHM_KEYS: Final[dict[str, PrivateKey]] = {"RS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}


def public(key_id: str, key: PrivateKey, **more: str) -> dict[str, object]:
    """A key as the issuer's set has it."""
    if isinstance(key, rsa.RSAPrivateKey):
        described = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        described = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        described = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**described, "kid": key_id, **more}


class Issuer:
    """Its set of keys is read by ``read``; ``reads`` counts how often."""

    def __init__(self) -> None:
        self.keys: list[dict[str, object]] = [public(name, key) for name, key in ALGORITHM_KEYS.items()]
        self.reads = 0
        self.fault: Exception | None = None

    async def read(self) -> bytes:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        return json.dumps({"keys": self.keys}).encode()


def claims(**changed: object) -> dict[str, object]:
    """What a good token says, with changes; None leaves a claim out."""
    now = time.time()
    good: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + 600,
        "sub": "ann",
        "installation": "acme",
        "roles": ["user"],
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def signed(algorithm: str = "ES256", key_id: str | None = "", **changed: object) -> str:
    """A token by a key of the issuer's; ``key_id`` None names none."""
    headers = {} if key_id is None else {"kid": key_id or algorithm}
    return jwt.encode(claims(**changed), ALGORITHM_KEYS[algorithm], algorithm, headers)
