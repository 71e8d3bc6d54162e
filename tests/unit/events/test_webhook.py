"""Alerts as requests: signed, marked for repeats, and without a secret in any text of ours."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator

import pytest
from feed_world import ALERT
from support.webhook_receiver import WebhookReceiver, webhook_receiver

from actors.events.delivery import NotDeliveredError
from actors.events.record import Delivery
from actors.events.webhook import Webhook, WebhookSettings

SECRET = "canary-secret"
DELIVERY = Delivery("webhook", "opened", ALERT)


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver() as receiver:
        yield receiver


def webhook(url: str, secret: str = SECRET) -> Webhook:
    return Webhook(WebhookSettings(url, secret), clock=lambda: 1_700_000_000_123)


async def test_the_receiver_can_check_who_sent_what_and_when(receiver: WebhookReceiver):
    await webhook(receiver.url).deliver(DELIVERY)

    [request] = receiver.received
    signed = hmac.new(SECRET.encode(), b"1700000000." + request.body, hashlib.sha256).hexdigest()
    assert request.headers["lumilink-signature"] == f"t=1700000000,v1={signed}"
    assert request.headers["content-type"] == "application/json"
    body = json.loads(request.body)
    assert body["event"] == "capacity-alert:opened"
    assert body["data"]["alertId"] == "a1"
    assert body["data"]["capacityPercent"] == 0.85


async def test_a_repeat_can_be_told_by_its_key(receiver: WebhookReceiver):
    await webhook(receiver.url).deliver(DELIVERY)
    await webhook(receiver.url).deliver(DELIVERY)

    assert [request.headers["idempotency-key"] for request in receiver.received] == ["a1:opened"] * 2


async def test_without_a_secret_there_is_no_signature(receiver: WebhookReceiver):
    await webhook(receiver.url, "").deliver(DELIVERY)

    assert "lumilink-signature" not in receiver.received[0].headers


@pytest.mark.parametrize(
    ("status", "lasting"), [(500, False), (503, False), (429, False), (404, True), (410, True)]
)
async def test_a_refusal_lasts_if_the_request_was_at_fault(
    receiver: WebhookReceiver, status: int, lasting: bool
):
    receiver.statuses = [status]

    with pytest.raises(NotDeliveredError, match=str(status)) as raised:
        await webhook(receiver.url).deliver(DELIVERY)

    assert raised.value.lasting is lasting


@pytest.mark.parametrize("where", ["closed", "nobody", "nonsense"])
async def test_a_receiver_that_cannot_be_reached_is_told_without_its_address(
    receiver: WebhookReceiver, where: str
):
    receiver.statuses = [0]
    url = {"closed": receiver.url, "nobody": "http://127.0.0.1:9/canary", "nonsense": "http://[canary"}[where]

    with pytest.raises(NotDeliveredError) as raised:
        await webhook(url).deliver(DELIVERY)

    assert "canary" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)
    assert not raised.value.lasting


def test_neither_address_nor_secret_is_shown():
    assert "canary" not in repr(WebhookSettings("https://canary@x/canary", SECRET))
