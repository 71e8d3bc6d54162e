"""What the settings say of GitHub automation."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors import errors
from topology.automating import automation_settings, forge_access
from topology.settings import SECRETIVE, Settings, load

TOKEN = "ghp_" + "a1B2" * 9


def test_it_is_off_until_somebody_turns_it_on():
    assert not automation_settings(Settings()).enabled
    assert automation_settings(Settings(automation="on")).is_on("any")


def test_the_author_is_taken_apart():
    made = automation_settings(Settings(automation_author="Ann Lee <ann@acme.test>"))

    assert (made.author_name, made.author_email) == ("Ann Lee", "ann@acme.test")
    assert made.author == "Ann Lee <ann@acme.test>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"automation_author": "nobody"},
        {"automation_author": "a\nb <a@b.c>"},
        {"automation_title": "$nope"},
        {"automation_branch": "main"},
        {"automation_trailers": ("no colon",)},
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(wrong: dict[str, object]):
    with pytest.raises(errors.SettingsError, match=next(iter(wrong))):
        automation_settings(Settings(**wrong))  # type: ignore[arg-type] # what settings take


def test_the_token_is_taken_from_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = tmp_path / "lumilink.toml"
    config.write_text(f'github_token = "{TOKEN}"\n')
    with pytest.raises(errors.SettingsError, match="environment") as refused:
        load(config, {})
    assert TOKEN not in str(refused.value)

    monkeypatch.setenv("LUMILINK_GITHUB_TOKEN", TOKEN)
    settings = load(None, {})
    access = forge_access(settings)
    assert access.token == TOKEN
    assert TOKEN not in repr(settings) + repr(access)
    assert "github_token" in SECRETIVE


def test_an_app_needs_its_key():
    with pytest.raises(errors.SettingsError, match="github_app_key"):
        load(None, {"github_app_id": "1"})
