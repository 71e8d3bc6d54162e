"""One run: gateway, agent and Locust are started, the load is watched, everything is stopped."""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from actors.errors import AgentStartError, WorkerUnavailableError
from loadtests.limits import ensure_open_files
from loadtests.locust.outcome import Outcome, Steady
from loadtests.locust.plan import Profile
from loadtests.locust.running import OUTCOME, PROFILE
from loadtests.locust.targets import Verdict, judged
from loadtests.measure import settled
from loadtests.processes import Launched, free_port, launched
from loadtests.targets import AGENT, LUMILINK
from loadtests.watch import ProcessWatch, growth

LOCUST: Final = "locust"
_LOCUSTFILE: Final = Path(__file__).parents[1] / "locustfile.py"
_AGENT_READY_S: Final = 15.0
_START_S: Final = 15.0
_BEGIN_S: Final = 1.0
_END_S: Final = 30.0
_STOP_S: Final = 10.0
_FILES_A_USER: Final = 4
_SPARE_FILES: Final = 500


@dataclass(frozen=True)
class Run:
    """What is to be run: ``workers`` processes of Locust besides its master; 0 is one process alone."""

    profile: Profile
    workers: int = 0
    report: Path | None = None


@dataclass(frozen=True)
class RunResult:
    """What came of a run."""

    outcome: Outcome
    verdicts: list[Verdict]


def run(plan: Run) -> RunResult:
    """Run it. Raises an error of ours where something does not start, or the load does not end in time."""
    ensure_open_files(_FILES_A_USER * plan.profile.users + _SPARE_FILES)
    with tempfile.TemporaryDirectory(prefix="lumilink-load-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with _agent(folder) as agent, _gateway(plan.profile, agent, folder) as (gateway, address):
            outcome = _load(plan, folder, address, agent, gateway)
    return RunResult(outcome, judged(plan.profile.targets, outcome, quiet=plan.profile.quiet))


# ---------------------------------------------------------------------- what is loaded


@contextlib.contextmanager
def _agent(folder: Path) -> Iterator[Launched]:
    with launched("agent", [sys.executable, "-m", "loadtests.stub_agent"], folder) as process:
        process.wait_ready(_AGENT_READY_S)
        yield process


@contextlib.contextmanager
def _gateway(profile: Profile, agent: Launched, folder: Path) -> Iterator[tuple[Launched, str]]:
    assert LUMILINK.command is not None
    setup = profile.setup
    settings = {"ingress_replicas": setup.replicas, **setup.settings}
    config = folder / "lumilink.toml"
    lines = [f"{name} = {value}\n" for name, value in settings.items()]
    config.write_text("".join(["dashboard = false\n", *lines]))
    target, _ = agent.wait_ready(_AGENT_READY_S)
    command = LUMILINK.command(free_port(), target, folder / "data")
    command += ["--workers", str(setup.workers), "--sessions-per-worker", str(setup.sessions_per_worker)]
    with launched("gateway", [*command, "--config", str(config)], folder, LUMILINK.stop_within_s) as process:
        address, _ = process.wait_ready(LUMILINK.ready_within_s)
        yield process, address


# ---------------------------------------------------------------------- the load


def _load(plan: Run, folder: Path, address: str, agent: Launched, gateway: Launched) -> Outcome:
    roles = settled(lambda: LUMILINK.roles(gateway, address))
    written = folder / "outcome.json"
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(launched(name, command, folder, _STOP_S))
            for name, command in locust_commands(plan, address, written).items()
        ]
        watch = ProcessWatch({**roles, AGENT: [agent.pid], LOCUST: [one.pid for one in processes]})
        steady = _watched(plan.profile, processes[0], watch)
        within_s = plan.profile.leaving_s + _START_S + _END_S
        status = processes[0].ended(within_s)
        if status is None:
            raise WorkerUnavailableError(f"Locust did not end within {within_s:g} s: {processes[0].tail()}")
        if not written.exists():
            raise AgentStartError(f"Locust ended with status {status} untold: {processes[0].tail()}")
        outcome = msgspec.json.decode(written.read_bytes(), type=Outcome)
    return msgspec.structs.replace(outcome, steady=steady)


def _watched(profile: Profile, lead: Launched, watch: ProcessWatch) -> Steady | None:
    """What the processes take from when all users are there to the profile's end; None if it ends before."""
    if lead.ended(profile.steady_from_s + _BEGIN_S) is not None:
        return None
    began, cpu, memory = time.monotonic(), watch.cpu_s(), watch.rss_bytes()
    if lead.ended(profile.seconds - profile.steady_from_s - _BEGIN_S) is not None:
        return None
    seconds = time.monotonic() - began
    spent = growth(cpu, watch.cpu_s())
    cores = {role: value / seconds for role, value in spent.items()}
    return Steady(seconds, cores, growth(memory, watch.rss_bytes()))


def locust_commands(plan: Run, address: str, written: Path) -> dict[str, list[str]]:
    """The processes of Locust by name; the first is the one that ends the run."""
    environment = [f"{PROFILE}={plan.profile.name}", f"{OUTCOME}={written}"]
    program = Path(sys.executable).with_name("locust")
    base = ["env", *environment, str(program), "-f", str(_LOCUSTFILE), "--loglevel", "WARNING"]
    report = ["--html", str(plan.report)] if plan.report else []
    stop = ["--stop-timeout", str(math.ceil(plan.profile.leaving_s)), "--exit-code-on-error", "0"]
    lead = [*base, "--headless", "--only-summary", "--host", address, *stop, *report]
    if not plan.workers:
        return {LOCUST: lead}
    port = str(free_port())
    master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    master += ["--expect-workers", str(plan.workers), "--expect-workers-max-wait", f"{_START_S:g}"]
    worker = [*base, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    workers = {f"{LOCUST}-worker-{number}": worker for number in range(1, plan.workers + 1)}
    return {LOCUST: [*lead, *master], **workers}
