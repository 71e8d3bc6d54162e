"""A Ray cluster whose autoscaler adds and removes nodes for real; all of its nodes are on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, Self

import psutil

from support import process_census
from support.gateway_process import free_port

RAY: Final = Path(sys.executable).with_name("ray")
NODE_RESOURCE: Final = "lumilink_worker"
HEAD_NODE_ID: Final = "f" * 51 + "00000"
START_DEADLINE_S: Final = 60.0
_POLL_S: Final = 0.2


class RayClusterError(Exception):
    """The cluster did not start; the text ends with what it said."""


class RayCluster:
    """A context manager. Its head takes no workers; each further node takes one.

    A node that nothing has used for ``idle_s`` seconds is removed.
    """

    def __init__(self, folder: Path, *, max_nodes: int, idle_s: float) -> None:
        self.folder = folder
        # Ray makes sockets in it, and their paths must be short.
        self.temp = Path(tempfile.mkdtemp(prefix="rc-"))
        self.mark = process_census.new_mark()
        self.port = free_port()
        self._max_nodes = max_nodes
        self._idle_s = idle_s
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """Where it is joined."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        config = self.folder / "autoscaling.yaml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        command = [str(RAY), "start", "--head", "--block", f"--autoscaling-config={config}"]
        command += ["--node-ip-address=127.0.0.1", f"--port={self.port}", "--num-cpus=0"]
        command += ["--include-dashboard=false", "--dashboard-agent-listen-port=0", "--disable-usage-stats"]
        command += ["--min-worker-port=0", "--max-worker-port=0", f"--temp-dir={self.temp}"]
        command += [f"--ray-client-server-port={free_port()}", f"--object-store-memory={80 * 1024 * 1024}"]
        surroundings = {
            process_census.MARK: self.mark,
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ | surroundings,
                start_new_session=True,
            )
        try:
            self._wait_until_started()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        process_census.kill_all(self.processes())
        process_census.left_after(self.processes, 10.0)
        shutil.rmtree(self.temp, ignore_errors=True)

    def processes(self) -> list[psutil.Process]:
        """Every living process of it, those of a gateway that runs on it included."""
        return process_census.marked(self.mark)

    def nodes(self) -> int:
        """How many nodes it has, the head included."""
        return len(process_census.titled(self.mark, "/raylet/raylet"))

    def titled(self, title: str) -> list[psutil.Process]:
        """Those of its processes whose command line contains ``title``."""
        return process_census.titled(self.mark, title)

    def last_words(self) -> str:
        """What it said last, and where its logs are."""
        return f"logs in {self.temp}\n{self._log.read_text(errors='replace')[-3000:]}"

    @property
    def _log(self) -> Path:
        return self.folder / "ray.log"

    def _wait_until_started(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_DEADLINE_S
        while "Ray runtime started" not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RayClusterError(self.last_words())
            time.sleep(_POLL_S)

    def _config(self) -> dict[str, object]:
        return {
            "cluster_name": "lumilink-test",
            "max_workers": self._max_nodes,
            "idle_timeout_minutes": self._idle_s / 60,
            "upscaling_speed": 100.0,
            "provider": {
                "type": "fake_multinode",
                "gcs_address": self.address,
                "head_node_id": HEAD_NODE_ID,
                # All nodes have one address; without this none of them is ever seen to be idle.
                "use_node_id_as_ip": True,
                "disable_node_updaters": True,
                "disable_launch_config_check": True,
            },
            "available_node_types": {
                "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
                "worker": {
                    "resources": {"CPU": 1, NODE_RESOURCE: 1, "object_store_memory": 80 * 1024 * 1024},
                    "node_config": {},
                    "min_workers": 0,
                    "max_workers": self._max_nodes,
                },
            },
            "head_node_type": "ray.head.default",
            "setup_commands": [],
            "initialization_commands": [],
            "head_setup_commands": [],
            "worker_setup_commands": [],
            "head_start_ray_commands": [],
            "worker_start_ray_commands": [],
            "file_mounts": {},
            "cluster_synced_files": [],
            "file_mounts_sync_continuously": False,
            "rsync_exclude": [],
            "rsync_filter": [],
            "docker": {},
            "auth": {},
        }
