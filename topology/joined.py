"""A gateway as a guest on a Ray cluster: what it finds there, and what it leaves."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import ray
from ray import serve as ray_serve
from ray.exceptions import RayError

from actors import errors
from actors.capacity.client import CAPACITY_NAME
from actors.named_actor import NAMESPACE

log = logging.getLogger("lumilink.topology")

APPLICATIONS: Final = frozenset({"ingress", "reporting"})
SERVE_GONE_S: Final = 60.0
LEAVE_S: Final = 10.0
_POLL_S: Final = 0.5


def take_over() -> None:
    """Make room for a gateway where an earlier one was killed. Raises RayUnavailableError.

    The capacity actor ends with its ``lumilink up``; where it is there, so is a gateway.
    """
    names = ray.util.list_named_actors()
    if CAPACITY_NAME in names:
        raise errors.RayUnavailableError("another gateway runs on this cluster; stop it first")
    for name in names:
        log.warning("%s was left by an earlier gateway", name)
        ray.kill(ray.get_actor(name, namespace=NAMESPACE), no_restart=True)
    ends = _end_serving()
    deadline = time.monotonic() + SERVE_GONE_S
    while _controller() is not None if ends else APPLICATIONS & _applications():
        if time.monotonic() > deadline:
            raise errors.RayUnavailableError("what Ray Serve ran for an earlier gateway does not end")
        time.sleep(_POLL_S)


def leave() -> None:
    """Have Serve end what it runs for the gateway; it goes on with that when we are gone."""
    try:
        _end_serving()
    except RayError as error:
        log.warning("Ray Serve could not be told to end: %s", type(error).__name__)


def _end_serving() -> bool:
    """Have our applications end; true: Serve ends too, as it runs nothing else."""
    controller = _controller()
    if controller is None:
        return True
    others = _applications() - APPLICATIONS
    if others:
        log.info("Ray Serve stays for %s", ", ".join(sorted(others)))
        asked = controller.delete_apps.remote(sorted(APPLICATIONS))
    else:
        asked = controller.graceful_shutdown.remote(wait=False)
    ray.wait([asked], timeout=LEAVE_S)
    return not others


def _applications() -> set[str]:
    """What Serve runs; nothing where it does not run itself."""
    return set(ray_serve.status().applications) if _controller() is not None else set()


def _controller() -> Any:
    try:
        return ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    except ValueError:
        return None
