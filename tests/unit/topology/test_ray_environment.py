"""What two gateways on one machine must not share."""

from __future__ import annotations

from pathlib import Path

from topology.ray_environment import ray_environment


def test_two_gateways_on_one_machine_share_no_port_and_no_path(tmp_path: Path) -> None:
    one = ray_environment(tmp_path / "one", haproxy=True)
    other = ray_environment(tmp_path / "other", haproxy=True)
    places = [name for name in one if name.endswith(("_PORT", "_PATH", "_LOC", "_FILE", "_BASE"))]
    assert "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT" in places
    assert len(places) >= 9
    assert [name for name in places if one[name] == other[name]] == []
    ports = [one[name] for name in places if name.endswith("_PORT")]
    assert len(set(ports)) == len(ports)
