"""What an ingress replica shows of itself when somebody asks for its metrics."""

from __future__ import annotations

from actors.metrics import catalogue
from actors.metrics.meters import Meters, Values
from serve.ingress.links import WorkerLinks


def watch_ingress(meters: Meters, links: WorkerLinks) -> None:
    """Show how its links and its clients' views fare."""

    def flowing() -> Values:
        congested = sum(one.congested for one in links.open_channels())
        return {("flowing",): len(links.open_channels()) - congested, ("congested",): congested}

    meters.watch(catalogue.CLIENT_VIEWS, lambda: links.attachments)
    meters.watch(catalogue.LINK_BYTES, lambda: sum(one.queued_bytes for one in links.open_channels()))
    meters.watch(catalogue.LINK_FRAMES, lambda: sum(one.queued_frames for one in links.open_channels()))
    meters.watch(catalogue.LINKS, flowing)
