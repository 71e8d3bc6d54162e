from __future__ import annotations

import socket
from pathlib import Path

import pytest

from actors.errors import PortInUseError, SettingsError
from topology.configuration_page import PAGE, page
from topology.settings import load
from topology.up import check_port


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch):
    for name in ("LUMILINK_PORT", "LUMILINK_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def test_the_page_in_docs_is_that_of_the_model():
    assert PAGE.read_text() == page()


def test_a_flag_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "lumilink.toml"
    file.write_text("port = 1001\nworkers = 2\nsessions_per_worker = 3\n")
    monkeypatch.setenv("LUMILINK_PORT", "1002")
    monkeypatch.setenv("LUMILINK_WORKERS", "5")

    settings = load(file, {"port": 1003})

    assert (settings.port, settings.workers, settings.sessions_per_worker) == (1003, 5, 3)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"port": 0}, "port: input should be greater than or equal to 1, got 0"),
        ({"workers": "many"}, "workers: input should be a valid integer"),
        ({"agent": "ftp://x"}, "agent: agent target 'ftp://x': unknown kind of target; accepted are"),
        ({"fallback_agent": "ws://h/acp"}, "fallback_agent: expected agentapi+http://HOST:PORT"),
        ({"agent": "ws://{host}/acp"}, "agent: agent target 'ws://{host}/acp': in braces stand"),
        ({"max_workers": 2, "workers": 3}, "max_workers: 2 is less than workers, 3"),
        ({"max_ingress_replicas": 1, "ingress_replicas": 2}, "max_ingress_replicas: 1 is less than"),
        ({"address": "auto"}, "journal: sqlite is on one machine"),
        ({"address": "auto", "journal": "redis://r", "gcs_redis": "r:1"}, "gcs_redis: it is for a Ray that"),
        ({"gcs_redis": "redis"}, "gcs_redis: expected HOST:PORT"),
        ({"speed": 9}, "speed: extra inputs are not permitted, got 9"),
        ({"host": "192.0.2.1"}, "host: 192.0.2.1 can be reached from other machines"),
        ({"auth": "password"}, "auth: input should be 'none', 'keys', 'jwt' or 'keys-and-jwt'"),
        ({"auth": "jwt", "jwt_audience": "a", "jwt_keys": "k"}, "jwt_issuer: auth jwt needs it"),
        ({"auth": "keys-and-jwt", "jwt_issuer": "i", "jwt_audience": "a"}, "jwt_keys: auth keys-and-jwt"),
        ({"jwt_keys": "http://issuer.example/keys"}, "jwt_keys: expected https://…, http://… on this"),
        ({"jwt_leeway_s": 61}, "jwt_leeway_s: input should be less than or equal to 60"),
        ({"records": "mysql://x"}, "records: expected sqlite or postgresql://"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_got_and_what_it_takes(flags: dict[str, object], told: str):
    with pytest.raises(SettingsError) as raised:
        load(None, flags)

    assert raised.value.detail.startswith(told)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "gateway.example"])
def test_other_machines_may_connect_where_they_have_to_show_a_credential(host: str):
    assert load(None, {"host": host, "auth": "keys"}).host == host


def test_every_wrong_setting_has_a_line_of_its_own():
    with pytest.raises(SettingsError) as raised:
        load(None, {"port": 0, "workers": 0})

    assert len(raised.value.detail.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"), [("port =", "not TOML"), (None, "cannot be read: No such file or directory")]
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, told: str):
    file = tmp_path / "settings.toml"
    if text is not None:
        file.write_text(text)

    with pytest.raises(SettingsError, match=told) as raised:
        load(file, {})

    assert str(file) in raised.value.detail


def test_an_agent_with_a_password_is_not_shown():
    settings = load(None, {"agent": "ws://user:canary@127.0.0.1/acp?token=canary"})

    assert "canary" not in repr(settings)
    with pytest.raises(SettingsError) as raised:
        load(None, {"agent": "nothing://user:canary@127.0.0.1/acp?token=canary"})
    assert "canary" not in raised.value.detail


@pytest.mark.parametrize(
    "name", ["alert_webhook_url", "alert_webhook_secret", "smtp_user", "smtp_password", "gcs_redis"]
)
def test_what_may_hold_a_secret_is_not_shown(name: str):
    with pytest.raises(SettingsError) as raised:
        load(None, {name: ["canary"]})

    assert raised.value.detail.startswith(name)
    assert "canary" not in raised.value.detail


def test_the_secrets_of_channels_are_not_shown():
    url = "https://user:canary@example.com/canary"
    settings = load(
        None, {"alert_webhook_url": url, "alert_webhook_secret": "canary", "smtp_password": "canary"}
    )

    assert settings.alert_webhook_secret.get_secret_value() == "canary"
    assert "canary" not in repr(settings)


def test_a_port_in_use_is_found_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortInUseError, match="in use by another process"):
            check_port("127.0.0.1", taken.getsockname()[1])


def test_a_host_that_is_not_ours_is_told():
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.77"):
        check_port("192.0.2.77", 8000)
