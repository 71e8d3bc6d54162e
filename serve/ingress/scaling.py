"""How many ingress replicas the load asks for: Ray Serve asks, within the bounds that the settings name.

Serve takes this module along by value, so it imports nothing of ours.
"""

from __future__ import annotations

from typing import Any, Final

from ray.serve.config import AutoscalingConfig, AutoscalingContext, AutoscalingPolicy

ATTACHMENTS: Final = "attachments"
CPU: Final = "cpu"
TARGETS: Final = {ATTACHMENTS: 2000.0, CPU: 0.6}
"""What one replica is meant to carry: clients' views of sessions, and a share of its one core."""
UP_AFTER_S: Final = 5.0
DOWN_AFTER_S: Final = 300.0
LOOK_BACK_S: Final = 30.0


def replicas_for(context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
    """As many as the scarcer of the two asks for; as many as now while no replica has told."""
    metrics = context.aggregated_metrics or {}
    asked = [
        sum(by_replica.values()) / target
        for name, target in TARGETS.items()
        if (by_replica := metrics.get(name))
    ]
    return (max(asked) if asked else float(context.target_num_replicas)), {}


def ingress_autoscaling(replicas: int, max_replicas: int) -> AutoscalingConfig:
    """From ``replicas`` to ``max_replicas``: up after 5 s, down after 5 calm minutes."""
    return AutoscalingConfig(
        min_replicas=replicas,
        initial_replicas=replicas,
        max_replicas=max_replicas,
        upscale_delay_s=UP_AFTER_S,
        downscale_delay_s=DOWN_AFTER_S,
        look_back_period_s=LOOK_BACK_S,
        policy=AutoscalingPolicy(policy_function=replicas_for),  # type: ignore[no-untyped-call] # Ray's own
    )
