"""From what a user types to the endpoint, and the pauses between tries."""

from __future__ import annotations

from itertools import islice

import pytest

from actors.errors import SettingsError
from topology.connect.backoff import delays
from topology.connect.endpoint import acp_target


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/acp"),
        ("http://127.0.0.1:8000/", "ws://127.0.0.1:8000/acp"),
        ("http://host/acp", "ws://host/acp"),
        ("https://host/behind/proxy", "wss://host/behind/proxy/acp"),
        ("127.0.0.1:8000", "ws://127.0.0.1:8000/acp"),
        ("ws://host:1", "ws://host:1/acp"),
        ("wss://host/elsewhere?x=1", "wss://host/elsewhere?x=1"),
        ("http://[::1]:8000", "ws://[::1]:8000/acp"),
    ],
)
def test_a_gateways_address_gives_its_endpoint(url: str, socket: str) -> None:
    assert acp_target(url).url == socket


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "stdio:agent", "http://", "http://host:port", "http://h#x"]
)
def test_what_is_no_address_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(SettingsError, match=r"--url: .*accepted are http://HOST:PORT"):
        acp_target(url)


def test_credentials_are_used_and_never_shown() -> None:
    target = acp_target("https://me:c4n4ry@host")
    assert target.credentials == ("me", "c4n4ry")
    assert "c4n4ry" not in f"{target!r} {target} {target.label}"
    with pytest.raises(SettingsError) as caught:
        acp_target("ftp://me:c4n4ry@host")
    assert "c4n4ry" not in caught.value.detail


def test_pauses_double_up_to_the_most() -> None:
    assert list(islice(delays(0.1, 0.5, lambda: 1.0), 5)) == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])


def test_pauses_are_cut_by_at_most_a_half() -> None:
    assert list(islice(delays(1.0, 4.0, lambda: 0.0), 3)) == [0.5, 1.0, 2.0]
    assert all(0.5 <= delay <= 1.0 for delay in islice(delays(1.0, 1.0), 100))
