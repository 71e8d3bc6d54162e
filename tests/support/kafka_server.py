"""An Apache Kafka of the test's own: one broker (KRaft) on free ports, ended by its pid.

Its programs are those of ``kafka_jars.sha256``, brought once from Maven Central into a folder of the user.
``MAVEN_CENTRAL`` names another place to bring them from.
Source: kafka.apache.org/documentation, "KRaft" and "Broker Configs".
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

import httpx

from support.gateway_process import free_port

JAVA: Final = shutil.which("java")
CENTRAL: Final = os.environ.get("MAVEN_CENTRAL", "https://repo.maven.apache.org/maven2")
CACHE: Final = Path.home() / ".cache" / "lumilink-tests" / "kafka"
START_DEADLINE_S: Final = 60.0
STOP_DEADLINE_S: Final = 10.0
FETCH_DEADLINE_S: Final = 60.0
_LOCK: Final = Path(__file__).parent / "kafka_jars.sha256"
_POLL_S: Final = 0.1
# Few threads and little heap: it shares its machine with a whole gateway.
_OPTIONS: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")

_CONFIG: Final = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=3
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
message.max.bytes={largest}
# So soon it forgets the broker that it was before it was killed.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class KafkaServerError(Exception):
    """The server could not be brought or started; the text ends with what it said."""


class KafkaServer:
    """A context manager. It can be killed and started again; ``largest`` is the largest message it takes."""

    def __init__(self, folder: Path, largest: int = 1_048_588) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._jars = fetch()
        self._config = folder / "server.properties"
        broker, controller = free_port(), free_port()
        self._address = ("127.0.0.1", broker)
        data = folder / "data"
        self._config.write_text(
            _CONFIG.format(broker=broker, controller=controller, data=data, largest=largest)
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> str:
        """Its address, as a client is given it."""
        return f"{self._address[0]}:{self._address[1]}"

    def __enter__(self) -> Self:
        cluster = "bHVtaWxpbmstdGVzdHMtMQ"
        words = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._config))
        done = subprocess.run(self._java(*words), capture_output=True, timeout=START_DEADLINE_S, check=False)
        if done.returncode:
            raise KafkaServerError((done.stdout + done.stderr).decode()[-2000:])
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises KafkaServerError."""
        with (self._folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._config)), stdout=log, stderr=log, cwd=self._folder
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaServerError((self._folder / "kafka.log").read_text()[-2000:])
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it by force, as a crash does. Killing it twice is no harm."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE_S)
            self._process = None

    def _java(self, *words: str) -> list[str]:
        assert JAVA is not None
        return [JAVA, *_OPTIONS, "-cp", os.pathsep.join(map(str, self._jars)), *words]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(self._address, timeout=1.0):
                return True
        except OSError:
            return False


def fetch() -> list[Path]:
    """Its programs, brought if they are not here, and as they were when they were written down.

    Raises KafkaServerError.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = [line.split() for line in _LOCK.read_text().splitlines()]
    with ThreadPoolExecutor(4) as pool, httpx.Client(timeout=FETCH_DEADLINE_S) as client:
        return list(pool.map(lambda one: _fetched(client, one[0], one[1]), wanted))


def _fetched(client: httpx.Client, digest: str, path: str) -> Path:
    jar = CACHE / path.rpartition("/")[2]
    if not jar.exists():
        try:
            answer = client.get(f"{CENTRAL}/{path}").raise_for_status()
        except httpx.HTTPError as error:
            raise KafkaServerError(f"{path}: {type(error).__name__}") from error
        partial = jar.with_suffix(f".{os.getpid()}")
        partial.write_bytes(answer.content)
        partial.replace(jar)
    if hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
        jar.unlink()
        raise KafkaServerError(f"{path}: is not what was written down")
    return jar
