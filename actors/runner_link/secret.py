"""How a worker shows the gateway that it is one of its own."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

_PURPOSE: Final = b"lumilink runner"


def runner_token(secret: str) -> str:
    """What is shown: made of the cluster's secret, which it does not tell."""
    return hmac.new(secret.encode(), _PURPOSE, sha256).hexdigest()
