"""The house: imports point down only, and Ray stays out of what is tested without it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each room with the rooms it may import; "actors" itself holds errors and the worker.
ROOMS = {
    "actors.errors": set(),
    "actors.kernel": {"actors.errors"},
    "actors.protocol": {"actors.errors"},
    "actors.agents": {"actors.errors", "actors.kernel", "actors.protocol"},
    "actors.link": {"actors.errors", "actors.kernel", "actors.protocol"},
    "actors.connection": {
        "actors.errors",
        # What a process gathers, and not where it is kept.
        "actors.instances.lines",
        "actors.kernel",
        "actors.protocol",
        "actors.agents",
        "actors.link",
        "actors.journal",
        "actors.metrics",
        "actors.migration",
        "actors.placement",
        "actors.automation",
    },
    "actors.journal": {"actors.errors", "actors.kernel", "actors.protocol"},
    "actors.migration": {"actors.errors", "actors.protocol", "actors.journal"},
    "actors.rollout": {"actors"},
    "actors.retention": {"actors"},
    "actors.placement": {"actors.errors", "actors.journal"},
    "actors.automation": {
        "actors.errors",
        "actors.kernel",
        "actors.protocol",
        "actors.journal",
        "actors.placement",
        "actors.metrics",
    },
    "actors.records": {"actors.errors", "actors.protocol"},
    "actors.settings_registry": {"actors.errors", "actors.protocol", "actors.records"},
    "actors.instances": {
        "actors.errors",
        "actors.protocol",
        "actors.journal",
        "actors.events",
        "actors.records",
    },
    "actors.runner_link": {"actors.errors"},
    "actors.jobs": {"actors.errors", "actors.protocol", "actors.records"},
    "actors.workspace": {
        "actors.errors",
        "actors.kernel",
        "actors.agents",
        "actors.connection",
        "actors.journal",
        "actors.metrics",
        "actors.migration",
        "actors.placement",
        "actors.protocol",
        "actors.automation",
    },
    "actors.analytics": {"actors.errors", "actors.protocol", "actors.records"},
    "actors.storage": {"actors"},
    "actors.metrics": {"actors.errors", "actors.named_actor", "actors.shells"},
    "actors.gauges": {"actors"},
    "actors.hosted": {"actors"},
    "actors.dismissals": {"actors"},
    "actors.inquiries": {"actors"},
    "actors.named_actor": {"actors.errors"},
    "actors.shells": {"actors.named_actor"},
    "actors.events": {
        "actors.errors",
        "actors.named_actor",
        "actors.shells",
        "actors.protocol",
        "actors.journal",
        "actors.placement",
        "actors.storage",
        "actors.metrics",
    },
    "actors.capacity": {
        "actors.errors",
        "actors.kernel",
        "actors.protocol",
        "actors.journal",
        "actors.events",
        "actors.named_actor",
        "actors.shells",
        "actors.metrics",
    },
    "actors.projector": {
        "actors.errors",
        "actors.analytics",
        "actors.instances",
        "actors.named_actor",
        "actors.shells",
        "actors.protocol",
        "actors.journal",
        "actors.records",
        "actors.automation",
        "actors.connection",
        "actors.migration",
        "actors.events",
        "actors.retention",
        "actors.storage",
        "actors.metrics",
    },
    "actors.host": {"actors"},
    "actors.worker": {"actors"},
    "serve": {"actors"},
    "topology": {"actors", "serve"},
}
MAY_IMPORT_RAY = (
    "actors/worker.py",
    "actors/named_actor.py",
    "actors/shells.py",
    "actors/capacity/shell.py",
    "actors/events/shell.py",
    "actors/rollout/shell.py",
    "actors/projector/shell.py",
    "actors/retention/shell.py",
    "actors/metrics/shell.py",
    "serve/",
    "topology/",
)


def sources() -> list[Path]:
    return sorted(path for top in ("actors", "serve", "topology") for path in (ROOT / top).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room_of(module: str) -> str | None:
    return next((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), None)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_point_down(path: Path):
    room = room_of(module_of(path))
    if room is None:
        assert path.name == "__init__.py"
        return
    for imported in imports(path):
        if imported.split(".")[0] not in ("actors", "serve", "topology", "loadtests", "tests"):
            continue
        allowed = ROOMS[room] | {room}
        assert any(f"{imported}.".startswith(f"{one}.") for one in allowed), f"{room} imports {imported}"


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_ray_is_imported_only_in_the_shells(path: Path):
    name = path.relative_to(ROOT).as_posix()
    uses_ray = any(imported.split(".")[0] == "ray" for imported in imports(path))

    assert not uses_ray or name.startswith(MAY_IMPORT_RAY)
