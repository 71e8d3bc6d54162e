from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.serve.config import AutoscalingContext

from serve.ingress.scaling import ATTACHMENTS, CPU, ingress_autoscaling, replicas_for


def context(metrics: dict[str, dict[str, float]] | None, replicas: int = 2) -> AutoscalingContext:
    fake: Any = SimpleNamespace(aggregated_metrics=metrics, target_num_replicas=replicas)
    return cast("AutoscalingContext", fake)


@pytest.mark.parametrize(
    ("metrics", "wanted"),
    [
        ({ATTACHMENTS: {"a": 1000.0, "b": 3000.0}, CPU: {"a": 0.1, "b": 0.2}}, 2.0),
        ({ATTACHMENTS: {"a": 10.0, "b": 10.0}, CPU: {"a": 0.9, "b": 0.9}}, 3.0),
        ({ATTACHMENTS: {"a": 0.0}, CPU: {"a": 0.0}}, 0.0),
        ({}, 2.0),
        (None, 2.0),
    ],
)
def test_the_scarcer_of_views_and_cpu_decides_and_silence_changes_nothing(
    metrics: dict[str, dict[str, float]] | None, wanted: float
) -> None:
    assert replicas_for(context(metrics))[0] == pytest.approx(wanted)


def test_the_bounds_are_those_of_the_settings() -> None:
    config = ingress_autoscaling(2, 5)

    assert (config.min_replicas, config.initial_replicas, config.max_replicas) == (2, 2, 5)
    assert config.policy.policy_function == "serve.ingress.scaling.replicas_for"
