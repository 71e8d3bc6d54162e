"""The policy of installations that have none of their own, from the settings."""

from __future__ import annotations

from actors.migration.policy import Policy
from actors.protocol.agent_protocol import AgentProtocol
from topology.settings import Settings


def default_policy(settings: Settings) -> Policy:
    """What the settings say of protocols."""
    return Policy(
        default_protocol=AgentProtocol(settings.protocol_default),
        automatic_rollback=settings.rollback_automatic,
        threshold=settings.rollback_threshold,
        min_samples=settings.rollback_min_samples,
        cool_down_s=settings.rollback_cool_down_s,
        probe_share=settings.rollback_probe_share,
    )
