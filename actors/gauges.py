"""What a worker shows of itself when somebody asks for its metrics."""

from __future__ import annotations

from actors.agents.room import AgentRoom
from actors.connection import living
from actors.journal.group_limits import WriterState
from actors.kernel.system import ActorSystem
from actors.link.endpoint import LinkServer
from actors.metrics import catalogue
from actors.metrics.meters import Meters, Values
from actors.metrics.tally import TALLY
from actors.storage import Storage


def watch_worker(
    meters: Meters, system: ActorSystem, links: LinkServer, room: AgentRoom, storage: Storage
) -> None:
    """Show how its actors, links, agents and journal fare."""
    _watch_sessions(meters)
    _watch_journal(meters, storage)
    meters.watch(catalogue.UPDATES, lambda: TALLY.updates)
    meters.watch(catalogue.MAILBOX_DEPTH, system.deepest_mailbox)
    meters.watch(catalogue.AGENTS_WAITING, lambda: room.waiting)
    meters.watch(catalogue.LINK_BYTES, lambda: sum(one.queued_bytes for one in links.channels))
    meters.watch(catalogue.LINK_FRAMES, lambda: sum(one.queued_frames for one in links.channels))
    meters.watch(catalogue.LINKS, lambda: _links(links))


def _watch_sessions(meters: Meters) -> None:
    def protocols() -> Values:
        return {(protocol.value,): count for protocol, count in living.look().protocols.items()}

    def turns() -> Values:
        found = living.look()
        return {("running",): found.running, ("asking",): found.asking, ("queued",): found.queued}

    meters.watch(catalogue.SESSIONS, protocols)
    meters.watch(catalogue.TURNS_OPEN, turns)
    meters.watch(catalogue.ATTACHMENTS, lambda: living.look().attachments)
    meters.watch(catalogue.LAGGING, lambda: living.look().lagging)
    meters.watch(catalogue.LAG_EVENTS, lambda: living.look().lag)


def _watch_journal(meters: Meters, storage: Storage) -> None:
    meters.watch(catalogue.JOURNAL_WAITING, lambda: storage.writing.waiting_entries)
    meters.watch(catalogue.JOURNAL_WAITING_BYTES, lambda: storage.writing.waiting_bytes)
    meters.watch(catalogue.JOURNAL_RETRIES, lambda: storage.writing.retries)
    meters.watch(catalogue.JOURNAL_HEALTHY, lambda: storage.writing.state is WriterState.HEALTHY)


def _links(links: LinkServer) -> Values:
    is_open = [one for one in links.channels if one.is_open]
    congested = sum(one.congested for one in is_open)
    return {("flowing",): len(is_open) - congested, ("congested",): congested}
