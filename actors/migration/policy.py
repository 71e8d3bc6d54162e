"""What an installation wants: by which protocol its workspaces start, which of them move, and what takes
them back (FR-003, FR-007, FR-009).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from actors.protocol.agent_protocol import AgentProtocol

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
DAY_S: Final = 86_400.0


class Phase(StrEnum):
    """Which workspaces move to ACP."""

    OPT_IN = "opt-in"
    """Those that somebody returns to it, one at a time."""
    SCHEDULED = "scheduled"
    """Those of the share, from a moment on."""
    AUTOMATIC = "automatic"
    """Those of the share, from now on."""


class Policy(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One installation's wishes. ``version`` counts its changes; 0 is the gateway's default.

    ``share`` is that of the workspaces which the rollout reaches, ``probe_share`` that of a workspace's
    sessions which try ACP after a cool-down of ``cool_down_s`` seconds.
    """

    default_protocol: AgentProtocol = AgentProtocol.ACP
    migration_enabled: bool = False
    phase: Phase = Phase.OPT_IN
    scheduled_at: Annotated[datetime, Meta(tz=True)] | None = None
    share: Ratio = 1.0
    automatic_rollback: bool = True
    threshold: Ratio = 0.99
    min_samples: Annotated[int, Meta(ge=1, le=100_000)] = 20
    cool_down_s: Annotated[float, Meta(ge=1.0, le=DAY_S)] = 600.0
    probe_share: Ratio = 0.1
    fallback_enabled: bool = True
    version: Annotated[int, Meta(ge=0)] = 0

    def reaches(self, workspace: str, now_s: float) -> bool:
        """Whether the rollout has come to a workspace, named by its key; ``now_s`` is epoch seconds."""
        if not self.migration_enabled or self.phase is Phase.OPT_IN:
            return False
        begins_s = self.begins_s
        return (begins_s is None or begins_s <= now_s) and place_of(workspace) < self.share

    @property
    def begins_s(self) -> float | None:
        """The moment at which a scheduled rollout begins, epoch seconds; None: it needs no moment."""
        if self.phase is not Phase.SCHEDULED or self.scheduled_at is None:
            return None
        return self.scheduled_at.timestamp()

    def is_below(self, good: int, bad: int) -> bool:
        """Whether so many samples are enough to judge by, and too many of them bad."""
        total = good + bad
        return total >= self.min_samples and good / total < self.threshold

    def probes_verdict(self, good: int, bad: int) -> bool | None:
        """Whether probes have passed or failed; None: that is open.

        They have failed as soon as the bad ones are too many for ``min_samples``.
        """
        needed = max(self.min_samples, good + bad)
        if (needed - bad) / needed < self.threshold:
            return False
        return True if good + bad >= self.min_samples else None


def place_of(workspace: str) -> float:
    """Where a workspace stands in the order of the rollout, 0.0 to 1.0: the same on every machine, always."""
    digest = hashlib.sha256(workspace.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
