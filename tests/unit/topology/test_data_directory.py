"""The data directory: one gateway at a time, and a key that is made once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors.connection.sealing import Sealer
from actors.errors import SettingsError
from topology.data_directory import JOURNAL, LOCK, SEAL_KEY, DataDirectory

HOLD = "import sys; from pathlib import Path; from topology.data_directory import DataDirectory\n"
HOLD += "with DataDirectory(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()\n"


def test_it_is_made_if_it_is_not_there(tmp_path: Path):
    path = tmp_path / "a" / "b"
    with DataDirectory(path) as directory:
        assert path.is_dir()
        assert directory.path == path


def test_a_relative_path_stays_the_same_directory_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    directory = DataDirectory(Path("data"))
    with directory:
        monkeypatch.chdir("/")

        assert directory.journal_url("sqlite") == f"sqlite:{tmp_path / 'data' / JOURNAL}"


def test_a_second_gateway_is_refused_while_the_first_one_runs(tmp_path: Path):
    with DataDirectory(tmp_path):
        with pytest.raises(SettingsError, match="in use by another gateway"):
            DataDirectory(tmp_path).__enter__()
        with pytest.raises(SettingsError, match="in use"):
            DataDirectory(tmp_path).__enter__()

    with DataDirectory(tmp_path):
        pass


def test_another_directory_is_another_matter(tmp_path: Path):
    with DataDirectory(tmp_path / "a"), DataDirectory(tmp_path / "b"):
        pass


def test_a_gateway_that_was_killed_leaves_the_directory_free(tmp_path: Path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SettingsError):
            DataDirectory(tmp_path).__enter__()
    finally:
        other.kill()
        other.communicate(timeout=10.0)

    with DataDirectory(tmp_path):
        pass


def test_what_the_gateway_starts_does_not_hold_the_lock_after_it(tmp_path: Path):
    talk = "import sys; print('up', flush=True); sys.stdin.read()"
    with DataDirectory(tmp_path):
        child = subprocess.Popen(
            [sys.executable, "-c", talk], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
    try:
        with DataDirectory(tmp_path):
            assert child.poll() is None
    finally:
        child.communicate(timeout=10.0)


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_path_that_cannot_be_a_directory_is_refused_by_name(tmp_path: Path, where: str):
    (tmp_path / "file").write_text("")
    path = tmp_path / where
    with pytest.raises(SettingsError, match="data_dir: ") as caught:
        DataDirectory(path).__enter__()

    assert str(path) in caught.value.detail


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("memory", "memory:"),
        ("redis://user:pw@host:6379/1", "redis://user:pw@host:6379/1"),
        ("rediss://host", "rediss://host"),
    ],
)
def test_a_journal_that_is_elsewhere_is_named_as_it_was_set(tmp_path: Path, setting: str, url: str):
    assert DataDirectory(tmp_path).journal_url(setting) == url


def test_the_key_is_made_once_and_stays(tmp_path: Path):
    with DataDirectory(tmp_path) as directory:
        key = directory.seal_key()
        sealed = Sealer(key).seal(b"s3cret")
        assert directory.seal_key() == key
    with DataDirectory(tmp_path) as directory:
        assert Sealer(directory.seal_key()).unseal(sealed) == b"s3cret"


def test_two_gateways_have_two_keys(tmp_path: Path):
    with DataDirectory(tmp_path / "a") as a, DataDirectory(tmp_path / "b") as b:
        assert a.seal_key() != b.seal_key()


def test_the_key_and_the_lock_are_readable_for_their_user_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        with DataDirectory(tmp_path) as directory:
            directory.seal_key()
    finally:
        os.umask(before)

    for name in (SEAL_KEY, LOCK):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_half_written_is_made_anew(tmp_path: Path):
    half = (tmp_path / SEAL_KEY).with_suffix(".new")
    half.write_text("half a k")
    with DataDirectory(tmp_path) as directory:
        Sealer(directory.seal_key())

    assert not half.exists()
