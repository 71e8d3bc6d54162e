"""A gateway on a Ray cluster of two nodes on this machine, a worker on each; one is there to be killed.

``python two_nodes.py SETTINGS`` says ``second PID``, of that node's raylet, and ``ready URL`` when it serves.
SIGTERM ends it. ``TwoNodeGateway`` is the same from outside.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from actors.records import migrate
from support.gateway_process import GatewayProcess
from topology.data_directory import DataDirectory
from topology.ray_environment import ray_environment
from topology.settings import Settings, load
from topology.watchdog import watchdog

_SEAT: Final = "seat"
_NODE: Final = {
    "num_cpus": 2,
    "object_store_memory": 80 * 1024 * 1024,
    "include_dashboard": False,
    "resources": {_SEAT: 1},
}
_POLL_S: Final = 0.2


class TwoNodeGateway(GatewayProcess):
    """See ``GatewayProcess``."""

    def __init__(self, folder: Path, target: str, **settings: object) -> None:
        told = {"host": "127.0.0.1", "agent": target, "data_dir": folder / "data", "dashboard": False}
        told["worker_resource"] = _SEAT
        super().__init__(folder, target, **told, **settings)
        self.config.write_text(self.config.read_text() + f"port = {self.port}\n")

    @property
    def command(self) -> list[str]:
        """How it is started."""
        return [sys.executable, __file__, str(self.config)]

    def second_raylet(self) -> psutil.Process:
        """The process that its second node stands and falls with."""
        [pid] = [line.split()[1] for line in self.said("stdout").splitlines() if line.startswith("second ")]
        return psutil.Process(int(pid))

    def on_second_node(self) -> list[psutil.Process]:
        """The workers that live on its second node."""
        raylet = self.second_raylet()
        return [worker for worker in self.workers() if worker.ppid() == raylet.pid]


def main(config: str) -> None:
    """Run it until SIGTERM."""
    settings = load(Path(config), {})
    run_dir = Path(tempfile.mkdtemp(prefix="lumilink-", dir="/tmp"))
    with DataDirectory(settings.data_dir) as data, watchdog(run_dir):
        asyncio.run(migrate(data.records_url(settings.records)))
        os.environ.update(ray_environment(run_dir, haproxy=True))
        _serve(settings, data)


def _serve(settings: Settings, data: DataDirectory) -> None:
    # Ray reads its environment when it is imported.
    from ray._private.authentication import authentication_token_setup
    from ray.cluster_utils import Cluster as Machines

    from topology.cluster import Cluster

    # As `ray start` does, and whoever joins.
    authentication_token_setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    # What is left of them the watchdog ends: their own end waits for a node that is gone.
    machines = Machines(initialize_head=True, head_node_args=_NODE, shutdown_at_exit=False)
    second = machines.add_node(**_NODE)
    gateway = Cluster(settings, data)
    gateway.start_ray(machines.address)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    gateway.start_workers()
    gateway.start_serving()
    gateway.wait_for_workers()
    [raylet] = second.all_processes["raylet"]
    sys.stdout.write(f"second {raylet.process.pid}\nready http://{settings.host}:{settings.port}\n")
    sys.stdout.flush()
    while not ended.wait(_POLL_S):
        pass
    gateway.stop()


if __name__ == "__main__":
    main(sys.argv[1])
