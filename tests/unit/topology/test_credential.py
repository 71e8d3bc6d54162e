"""The credential that a command shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.agents.websocket import _authorization
from actors.errors import SettingsError
from topology.connect.endpoint import acp_target
from topology.credential import MAX_CHARS, VARIABLE, credential


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_it_comes_from_a_file_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "key"
    file.write_text("lk_from_file\n")
    assert credential(None) == ""

    monkeypatch.setenv(VARIABLE, " lk_from_environment ")

    assert credential(None) == "lk_from_environment"
    assert credential(file) == "lk_from_file"


@pytest.mark.parametrize(
    "text", ["", "\n", "two words", "two\nlines", "canary\x00", "cänary", "x" * (MAX_CHARS + 1)]
)
def test_a_file_that_holds_none_is_refused_without_being_told(tmp_path: Path, text: str):
    file = tmp_path / "key"
    file.write_text(text)

    with pytest.raises(SettingsError) as refused:
        credential(file)

    assert refused.value.detail.startswith("--key-file: ")
    assert not text.strip() or text not in refused.value.detail


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(SettingsError, match="No such file"):
        credential(tmp_path / "none")


def test_it_is_shown_to_the_gateway_and_to_nobody_else():
    target = acp_target("http://127.0.0.1:8000", "lk_canary")

    assert _authorization(target) == {"Authorization": "Bearer lk_canary"}
    assert "canary" not in f"{target} {target!r} {target.label} {target.url}"
    assert _authorization(acp_target("http://127.0.0.1:8000")) == {}
