"""One trial: start a target and the stub agent afresh, load the target, stop everything.

``python -m loadtests.measure --target relay --sessions 200 --phase open:10:5`` prints a
`loadtests.results.TrialResult` as JSON. Every process of a trial is ended, also on Ctrl-C and on failure.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import click
import msgspec

from actors.errors import LumiLinkError, SettingsError, WorkerUnavailableError
from loadtests.limits import ensure_open_files
from loadtests.phases import GRACE_S, Phase, parse_phase
from loadtests.processes import Launched, free_port, launched
from loadtests.results import GeneratorResult, TrialResult
from loadtests.targets import AGENT, ON_PATH, TARGETS, Roles, Target

_AGENT_READY_S: Final = 15.0
_OPEN_ALLOWANCE_S: Final = 60.0
_STEADY_S: Final = 3.0
_SETTLE_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.5
_FILES_A_SESSION: Final = 2
_SPARE_FILES: Final = 500

Number = TypeVar("Number", int, float)
_Running = tuple[str, float | None, Callable[[], Roles]]


@dataclass(frozen=True)
class Load:
    """What every target of a run gets: ``sessions`` opened, then ``phases``, each given as text."""

    sessions: int
    phases: tuple[str, ...]
    size: int = 128

    def __post_init__(self) -> None:
        self.parsed()

    def parsed(self) -> list[Phase]:
        """The phases; raises SettingsError where one cannot be read."""
        return [parse_phase(phase) for phase in self.phases]

    @property
    def within_s(self) -> float:
        """How long the generator may take in all."""
        return _OPEN_ALLOWANCE_S + sum(phase.seconds + 2 * GRACE_S for phase in self.parsed())


def run_trial(target: Target, load: Load, number: int = 1) -> TrialResult:
    """Measure ``target`` once. A failure of the target is a result; KeyboardInterrupt passes."""
    ready_s = None
    try:
        with (
            _folder() as folder,
            _agent(folder) as (agent, agent_url),
            _running(target, agent_url, folder) as (url, ready_s, find_roles),
        ):
            roles = settled(find_roles)
            outcome = _generate(load, url, agent_url, {**roles, AGENT: [agent.pid]})
            note = changed_note(roles, find_roles())
        outcome = without_path(outcome) if note else outcome
        return TrialResult(target=target.name, round=number, ready_s=ready_s, load=outcome, note=note)
    except (LumiLinkError, OSError, msgspec.DecodeError) as error:
        return TrialResult(target=target.name, round=number, ready_s=ready_s, failure=str(error))


def settled(find_roles: Callable[[], Roles]) -> Roles:
    """The roles once the processes on the message path have been the same for three seconds.

    HAProxy starts a new process for every new configuration, and does so after the gateway is ready: counting
    the old one would leave out most of its work. Raises WorkerUnavailableError where they never hold still.
    """
    until = time.monotonic() + _SETTLE_WITHIN_S
    roles, since = find_roles(), time.monotonic()
    while time.monotonic() < until:
        if time.monotonic() - since >= _STEADY_S or not roles:
            return roles
        time.sleep(_LOOK_EVERY_S)
        now = find_roles()
        if changed_note(roles, now):
            roles, since = now, time.monotonic()
    raise WorkerUnavailableError(f"the processes on the path still changed after {_SETTLE_WITHIN_S:g} s")


def changed_note(before: Roles, after: Roles) -> str | None:
    """What to say where the processes on the message path are no longer the same; None where they are."""
    changed = [role for role in ON_PATH if before.get(role) != after.get(role)]
    if not changed:
        return None
    return f"processes changed while it was measured ({', '.join(changed)}): its CPU and memory are left out"


def without_path(result: GeneratorResult) -> GeneratorResult:
    """``result`` without CPU and memory of the message path, which cannot be trusted."""
    replace = msgspec.structs.replace
    phases = [replace(phase, cpu_s=_off_path(phase.cpu_s)) for phase in result.phases]
    return replace(result, phases=phases, memory_bytes=_off_path(result.memory_bytes))


def _off_path(by_role: dict[str, Number]) -> dict[str, Number]:
    return {role: value for role, value in by_role.items() if role not in ON_PATH}


def ensure_room(sessions: int) -> None:
    """Raise the limit of open files as far as ``sessions`` need it; raises SettingsError where that fails."""
    ensure_open_files(_FILES_A_SESSION * sessions + _SPARE_FILES)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lumilink-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _agent(folder: Path) -> Iterator[tuple[Launched, str]]:
    with launched("agent", [sys.executable, "-m", "loadtests.stub_agent"], folder) as process:
        address, _ = process.wait_ready(_AGENT_READY_S)
        yield process, address


@contextmanager
def _running(target: Target, agent_url: str, folder: Path) -> Iterator[_Running]:
    """Address, seconds to ready and a finder of the roles of ``target`` while it runs."""
    if target.command is None:
        yield agent_url, None, dict
        return
    command = target.command(free_port(), agent_url, folder / "data")
    with launched(target.name, command, folder, target.stop_within_s) as process:
        address, ready_s = process.wait_ready(target.ready_within_s)
        url = f"{address.replace('http', 'ws', 1)}/acp"
        yield url, ready_s, lambda: target.roles(process, address)


def _generate(load: Load, url: str, agent_url: str, watched: Roles) -> GeneratorResult:
    command = [sys.executable, "-m", "loadtests.generator", "--url", url, "--agent", agent_url]
    command += ["--sessions", str(load.sessions), "--size", str(load.size)]
    for phase in load.phases:
        command += ["--phase", phase]
    for role, pids in watched.items():
        if pids:
            command += ["--watch", f"{role}={','.join(map(str, pids))}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=load.within_s, check=True)
    except subprocess.TimeoutExpired:
        raise WorkerUnavailableError(f"the load did not end within {load.within_s:g} s") from None
    except subprocess.CalledProcessError as error:
        raise WorkerUnavailableError(f"the generator failed: {error.stderr.decode()[-600:]}") from None
    return msgspec.json.decode(done.stdout, type=GeneratorResult)


def end_on_sigterm() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that what it started is ended too."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


@click.command()
@click.option("--target", required=True, type=click.Choice(list(TARGETS)))
@click.option("--sessions", default=100, show_default=True, type=click.IntRange(1))
@click.option(
    "--phase", "phases", multiple=True, help="open:RATE:SECONDS or closed:SESSIONS:SECONDS; repeatable."
)
@click.option(
    "--size", default=128, show_default=True, type=click.IntRange(33), help="Bytes of text an update."
)
def main(target: str, sessions: int, phases: Sequence[str], size: int) -> None:
    """Measure one target once and print the result as JSON."""
    end_on_sigterm()
    try:
        load = Load(sessions, tuple(phases), size)
        ensure_room(sessions)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    result = run_trial(TARGETS[target], load)
    print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())
    sys.exit(0 if result.failure is None else 1)


if __name__ == "__main__":
    main()
