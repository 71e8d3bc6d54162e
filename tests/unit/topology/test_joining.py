from __future__ import annotations

from pathlib import Path

import pytest

from topology.up import _token_environment


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_a_token_none_is_shown(home: Path) -> None:
    assert _token_environment() == {}


def test_the_users_token_is_shown(home: Path) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("canary")

    assert _token_environment() == {"RAY_AUTH_MODE": "token"}


def test_a_token_of_the_environment_is_shown_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "canary")

    assert _token_environment() == {"RAY_AUTH_MODE": "token"}


def test_what_the_operator_said_of_it_holds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "canary")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")

    assert _token_environment() == {}
