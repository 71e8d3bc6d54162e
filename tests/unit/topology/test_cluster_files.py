"""The examples for clusters are what Ray and KubeRay take, and name what the gateway asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from topology.settings import load

ROOT = Path(__file__).parents[3]
KUBERAY = ROOT / "docs" / "kuberay" / "rayjob.yaml"
WORKER_RESOURCE = "lumilink_worker"

# https://ray-project.github.io/kuberay/reference/api/, v1: the fields that the example may use.
JOB_FIELDS = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"}
CLUSTER_FIELDS = {
    "rayVersion",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "gcsFaultToleranceOptions",
    "headGroupSpec",
    "workerGroupSpecs",
}
HEAD_FIELDS = {"rayStartParams", "template"}
WORKER_FIELDS = HEAD_FIELDS | {"groupName", "replicas", "minReplicas", "maxReplicas"}


def cluster() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    return found


def test_ray_takes_the_cluster() -> None:
    validate_config(prepare_config(cluster()))


def test_only_the_nodes_that_come_and_go_take_workers() -> None:
    kinds = cluster()["available_node_types"]

    assert WORKER_RESOURCE not in kinds[cluster()["head_node_type"]]["resources"]
    assert kinds["worker"]["resources"][WORKER_RESOURCE] == 1
    assert cluster()["max_workers"] >= kinds["worker"]["max_workers"]


def test_a_wrong_field_in_the_cluster_would_be_noticed() -> None:
    wrong = cluster() | {"max_worker": 3}

    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(wrong))


def test_the_kuberay_example_has_the_shape_of_a_rayjob() -> None:
    job, _ = yaml.safe_load_all(KUBERAY.read_text())
    spec = job["spec"]["rayClusterSpec"]

    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert set(job["spec"]) == JOB_FIELDS
    assert set(spec) == CLUSTER_FIELDS
    assert set(spec["headGroupSpec"]) == HEAD_FIELDS
    [group] = spec["workerGroupSpecs"]
    assert set(group) == WORKER_FIELDS
    assert yaml.safe_load(yaml.safe_load(group["rayStartParams"]["resources"])) == {WORKER_RESOURCE: 1}
    for pods in (spec["headGroupSpec"], group):
        [container] = pods["template"]["spec"]["containers"]
        assert container["image"]
        assert container["resources"]["limits"]["memory"]


def test_the_gateway_takes_the_settings_of_the_kuberay_example(tmp_path: Path) -> None:
    job, config = yaml.safe_load_all(KUBERAY.read_text())
    file = tmp_path / "lumilink.toml"
    file.write_text(config["data"]["lumilink.toml"])

    settings = load(file, {"address": "auto"})

    assert "--address auto" in job["spec"]["entrypoint"]
    assert settings.worker_resource == WORKER_RESOURCE
    assert settings.max_workers == job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"]
