"""Where analytics go is said by settings, and the password by the environment alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.errors import SettingsError
from topology.analytics import analytics_settings
from topology.settings import load

SIGNED = {"kafka": "k:9092", "kafka_sasl": "SCRAM-SHA-512", "kafka_user": "lumi"}


def test_without_kafka_nothing_goes_anywhere() -> None:
    assert analytics_settings(load(None, {})) is None


def test_the_settings_of_kafka_reach_the_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMILINK_KAFKA_PASSWORD", "c4n4ry")

    found = analytics_settings(load(None, {**SIGNED, "kafka_tls": True, "kafka_topic_prefix": "acme"}))

    assert found is not None
    assert (found.servers, found.topic_prefix, found.is_encrypted) == ("k:9092", "acme", True)
    assert (found.mechanism, found.user, found.password) == ("SCRAM-SHA-512", "lumi", "c4n4ry")


def test_a_password_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lumilink.toml"
    file.write_text('kafka_password = "c4n4ry"')

    with pytest.raises(SettingsError, match="LUMILINK_KAFKA_PASSWORD") as refused:
        load(file, {})
    assert "c4n4ry" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kafka": "localhost"}, "kafka: expected HOST:PORT"),
        ({"kafka": "a:1,b"}, "kafka: expected HOST:PORT"),
        ({"kafka": "a:1", "kafka_topic_prefix": "a b"}, "kafka_topic_prefix"),
        (SIGNED, "kafka_sasl: it needs"),
        ({"kafka": "a:1", "journal": "memory"}, "kafka: journal memory"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(None, given)


def test_a_password_is_not_told_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMILINK_KAFKA_PASSWORD", "c4n4ry")

    with pytest.raises(SettingsError, match="needs kafka_tls"):
        load(None, {**SIGNED, "kafka_sasl": "PLAIN"})
