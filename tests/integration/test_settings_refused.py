"""What ``lumilink up`` says of settings that make no sense: one line each, before anything starts."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from support.gateway_process import run_to_its_end

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60, func_only=True)]


@pytest.mark.parametrize(
    ("flags", "config", "told"),
    [
        (["--port", "0"], "", ["port:", "greater than or equal to 1", "0"]),
        (["--port", "65536"], "", ["port:", "65535", "65536"]),
        (["--workers", "0"], "", ["workers:", "got 0"]),
        (["--sessions-per-worker", "-5"], "", ["sessions_per_worker:", "got -5"]),
        (["--agent", "ftp://there"], "", ["agent:", "ftp://there", "stdio:COMMAND ARGS"]),
        (["--agent", "stdio:"], "", ["agent:", "without a command"]),
        (["--host", "0.0.0.0"], "", ["host:", "0.0.0.0", "authentication"]),
        (["--host", "203.0.113.7"], "", ["host:", "203.0.113.7"]),
        ([], "max_frame_bytes = 5", ["max_frame_bytes:", "1024", "got 5"]),
        ([], 'cancel_grace_s = "soon"', ["cancel_grace_s:", "number", "'soon'"]),
        ([], "cancel_grace_s = -1.0", ["cancel_grace_s:", "greater than 0", "got -1.0"]),
        ([], "no_such_setting = 1", ["no_such_setting:", "not permitted"]),
        ([], "this is no TOML", ["lumilink.toml", "not TOML"]),
    ],
)
def test_a_setting_is_refused_with_its_name_what_it_got_and_what_it_takes(
    tmp_path: Path, flags: list[str], config: str, told: list[str]
) -> None:
    (tmp_path / "lumilink.toml").write_text(config)
    ended = run_to_its_end(["up", "--config", "lumilink.toml", *flags], tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    line, recovery = ended.stderr.splitlines()
    assert line.startswith("lumilink: ")
    for part in told:
        assert part in line
    assert recovery.endswith(".")


def test_a_settings_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = run_to_its_end(["up", "--config", "elsewhere.toml"], tmp_path)
    assert ended.returncode == 2
    assert "elsewhere.toml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_every_wrong_setting_is_told_at_once(tmp_path: Path) -> None:
    ended = run_to_its_end(["up", "--port", "0", "--workers", "0", "--agent", "gopher:x"], tmp_path)
    assert ended.returncode == 2
    assert [name for name in ("port", "workers", "agent") if f"{name}: " in ended.stderr] == [
        "port",
        "workers",
        "agent",
    ]


def test_a_port_in_use_is_told_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run_to_its_end(["up", "--port", port, "--data-dir", "data"], tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert port in ended.stderr
    assert "--port" in ended.stderr
    assert not (tmp_path / "data").exists()
