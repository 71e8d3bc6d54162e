"""A Prometheus of the test's own: on a free port, its data in a folder, ended by its pid."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx

from support.gateway_process import free_port

BINARY: Final = shutil.which("prometheus")
START_DEADLINE_S: Final = 30.0
STOP_DEADLINE_S: Final = 10.0
_POLL_S: Final = 0.1

_CONFIG: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: lumilink
    static_configs: [{{targets: ["{target}"]}}]
"""


class PrometheusServerError(Exception):
    """The server did not start, or refused a query; the text ends with what it said."""


class PrometheusServer:
    """A context manager. It scrapes ``target`` (HOST:PORT) every second and evaluates ``rules``."""

    def __init__(self, folder: Path, target: str, rules: list[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        names = ", ".join(self._often(rule) for rule in rules)
        (folder / "prometheus.yml").write_text(_CONFIG.format(rules=names, target=target))

    def _often(self, rule: Path) -> str:
        """A copy of a file of rules that are evaluated every second."""
        copied = self._folder / rule.name
        copied.write_text(rule.read_text().replace("interval: 30s", "interval: 1s"))
        return str(copied)

    def __enter__(self) -> Self:
        assert BINARY is not None
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    BINARY,
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self._address}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise PrometheusServerError((self._folder / "prometheus.log").read_text()[-2000:])
            time.sleep(_POLL_S)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_DEADLINE_S)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What a query returns now, each with ``metric`` and ``value``. Raises PrometheusServerError."""
        answer = httpx.get(f"http://{self._address}/api/v1/query", params={"query": expression})
        body = answer.json()
        if body["status"] != "success":
            raise PrometheusServerError(f"{expression}: {body['error']}")
        found: list[dict[str, Any]] = body["data"]["result"]
        return found

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"http://{self._address}/-/ready").status_code == 200
        except httpx.TransportError:
            return False
