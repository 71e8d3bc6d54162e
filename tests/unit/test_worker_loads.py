"""A worker's process starts fast: it loads nothing that only others need."""

from __future__ import annotations

import subprocess
import sys

# Ray's handle of an actor names the actor's class, so whoever calls one loads its module.
LOADED = """
import sys
import actors.worker
import actors.capacity.shell, actors.events.shell, actors.projector.shell, actors.rollout.shell
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
HEAVY = {"alembic", "sqlalchemy", "pydantic", "redis", "fastapi", "starlette", "numpy", "githubkit"}


def test_a_worker_loads_no_library_that_only_others_need() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", LOADED], check=True, capture_output=True, text=True, timeout=50
    )

    loaded = set(shown.stdout.split())
    assert "msgspec" in loaded
    assert loaded & HEAVY == set()
