"""A worker that lets go of a session has its memory back at once, not when the collector comes by."""

import asyncio
import gc
from collections import Counter

from worker_world import EchoAgent, Worker, settle

from actors.connection.actor import ConnectionActor
from actors.connection.attachment import Attachment
from actors.connection.history import History
from actors.connection.port import AgentPort
from actors.connection.session import Session

HEAVY = (AgentPort, Attachment, ConnectionActor, History, Session)


def alive() -> Counter[str]:
    """How many of what makes up a session there are."""
    return Counter(type(one).__name__ for one in gc.get_objects() if type(one) in HEAVY)


async def test_an_unloaded_session_leaves_nothing_to_the_collector(worker: Worker, agents: list[EchoAgent]):
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for stream in range(1, 4):
            await worker.one.open(stream, f"ses_{stream}")
            await worker.one.say(stream, "session/prompt", f"ses_{stream}", prompt=[])
            await worker.one.close(stream)
        agents.clear()
        await asyncio.sleep(worker.settings.connection.detached_ttl_s + 1000.0)
        await settle()

        assert worker.host.sessions() == []
        assert alive() - before == Counter()
    finally:
        gc.enable()
