"""Alerts as signed POST requests.

The signature covers the time and the body, so that neither can be changed or sent again much later:
``LumiLink-Signature: t=SECONDS,v1=HEX`` with the HMAC-SHA256 of ``SECONDS.BODY`` under the secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx
import msgspec

from actors.events.delivery import NotDeliveredError
from actors.events.record import Delivery
from actors.journal.clock import epoch_ms
from actors.protocol.capacity_alert import EVENT_OF

ATTEMPT_S: Final = 10.0
SIGNATURE: Final = "LumiLink-Signature"
IDEMPOTENCY: Final = "Idempotency-Key"
_MAY_PASS: Final = frozenset({408, 425, 429})
"""Refusals of the 4xx kind that another attempt may not meet."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to, and the secret that it is signed with; "" leaves the signature out."""

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)


class Webhook:
    """The channel ``webhook``. ``clock`` gives epoch milliseconds."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings, clock: Callable[[], int] = epoch_ms) -> None:
        self._settings = settings
        self._clock = clock
        # Made once: to read the machine's list of authorities takes a tenth of a second.
        self._tls = ssl.create_default_context()

    async def deliver(self, delivery: Delivery) -> None:
        """See ``Channel.deliver``: any answer of the 2xx kind within 10 s is a receipt."""
        body = msgspec.json.encode({"event": EVENT_OF[delivery.state], "data": delivery.alert})
        headers = {"Content-Type": "application/json", IDEMPOTENCY: delivery.key}
        if self._settings.secret:
            headers[SIGNATURE] = signature(self._settings.secret, self._clock() // 1000, body)
        try:
            # What httpx waits for is each step; the whole attempt has to end too.
            async with (
                asyncio.timeout(ATTEMPT_S),
                httpx.AsyncClient(timeout=ATTEMPT_S, verify=self._tls) as http,
            ):
                answer = await http.post(self._settings.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # The text of the error may name the URL, and that may hold a token.
            raise NotDeliveredError(f"the receiver cannot be reached: {type(error).__name__}") from None
        if not answer.is_success:
            lasting = answer.status_code < 500 and answer.status_code not in _MAY_PASS
            raise NotDeliveredError(f"the receiver answered {answer.status_code}", lasting=lasting)


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of ``LumiLink-Signature`` for a body that is sent at a time, epoch seconds."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"
