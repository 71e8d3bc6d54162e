"""Another number of ingress replicas for a gateway that runs, as an operator gives it by way of Ray Serve.

``python scaling.py GCS_ADDRESS COUNT``
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import process_census
from support.gateway_process import GatewayProcess

_TAKES_S: Final = 60.0
_AUTH_MODE: Final = "RAY_AUTH_MODE"


async def scale_ingress(gateway: GatewayProcess, count: int) -> None:
    """Tell Serve; it takes a while until the replicas are there, or gone."""
    [raylet] = process_census.titled(gateway.mark, "raylet/raylet")
    [address] = set(re.findall(r"--gcs-address=(\S+)", " ".join(raylet.cmdline())))
    # Where Ray asks its own user's processes for a token, it asks this one too.
    mode = raylet.environ().get(_AUTH_MODE, "disabled")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, address, str(count)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {process_census.MARK: gateway.mark, "TMPDIR": str(gateway.temp), _AUTH_MODE: mode},
    )
    try:
        async with asyncio.timeout(_TAKES_S):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()


def main(address: str, count: int) -> None:
    """Tell the controller."""
    import ray
    from ray.serve._private.common import DeploymentID

    ray.init(address=address, namespace="serve", log_to_driver=False, logging_level=logging.ERROR)
    controller: Any = ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
    ingress = DeploymentID(name="ingress", app_name="ingress")
    ray.get(controller.update_deployment_replicas.remote(ingress, count), timeout=_TAKES_S / 2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
