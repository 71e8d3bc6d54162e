"""Having a process ask for credentials."""

from __future__ import annotations

import asyncio

from serve.rights.gate import put
from serve.rights.settings import Auth, AuthSettings


def install(settings: AuthSettings) -> list[asyncio.Task[None]]:
    """Put the gate that the settings ask for into this process; returns its tasks, which the replica owns."""
    if settings.mode is Auth.NONE:
        return []
    # It brings SQLAlchemy and cryptography along: 0.4 s and 30 MB that a replica without them is spared.
    from serve.rights.guarded_gate import GuardedGate  # noqa: PLC0415

    gate = GuardedGate(settings)
    put(gate)
    return [asyncio.get_running_loop().create_task(gate.run(), name="revocations")]
