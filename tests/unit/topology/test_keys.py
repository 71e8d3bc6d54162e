"""``lumilink keys``, without a gateway."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from actors.errors import InvalidParamsError
from serve.rights.api_keys import parts_of
from topology.cli import main
from topology.keys import expiry

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("life", "left"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("5m", timedelta(minutes=5)),
        ("1s", timedelta(0, 1)),
    ],
)
def test_a_life_is_a_number_and_a_unit(life: str, left: timedelta):
    assert expiry(life, NOW) == NOW + left


def test_a_key_that_is_given_no_life_has_no_end():
    assert expiry(None, NOW) is None


@pytest.mark.parametrize("life", ["", "0d", "d", "1", "-1d", "1w", "999999d", "1d1h"])
def test_what_is_no_life_is_refused(life: str):
    with pytest.raises(InvalidParamsError, match="--expires-in"):
        expiry(life, NOW)


class Shell:
    """Runs commands against one data directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, command: str, *more: str) -> Result:
        return CliRunner().invoke(main, ["keys", command, "--data-dir", str(self.folder / "data"), *more])

    def rows(self, installation: str = "default") -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(
            self.run("list", "--json", "--installation", installation).stdout
        )
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_key_is_told_once_listed_without_its_secret_and_revoked(shell: Shell):
    made = shell.run("create", "--role", "user", "--role", "auditor", "--user", "ann", "--expires-in", "1d")
    parts = parts_of(made.stdout.strip())
    assert parts is not None
    [row] = shell.rows()

    assert (row["id"], row["user"], row["roles"]) == (parts.key_id, "ann", ["auditor", "user"])
    assert row["revokedAt"] is None
    assert parts.secret not in shell.run("list").stdout + json.dumps(row)

    assert shell.run("revoke", parts.key_id).exit_code == 0
    [row] = shell.rows()
    assert row["revokedAt"] is not None


def test_a_key_goes_into_a_file_that_nobody_else_can_read(shell: Shell):
    file = shell.folder / "key"
    made = shell.run("create", "--role", "viewer", "--out", str(file))

    assert made.exit_code == 0
    assert parts_of(file.read_text().strip()) is not None
    assert file.read_text().strip() not in made.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shell.run("create", "--role", "viewer", "--out", str(file)).exit_code == 2


def test_a_key_of_another_installation_is_not_revoked(shell: Shell):
    made = shell.run("create", "--role", "user", "--installation", "acme")
    parts = parts_of(made.stdout.strip())
    assert parts is not None

    refused = shell.run("revoke", parts.key_id)

    assert refused.exit_code == 1
    assert "has no API key" in refused.stderr
    assert shell.rows() == []
    assert len(shell.rows("acme")) == 1


def test_a_role_that_there_is_not_is_refused(shell: Shell):
    assert shell.run("create", "--role", "king").exit_code == 2
    assert shell.run("create").exit_code == 2
