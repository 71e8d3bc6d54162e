"""What an alert is called in words."""

from __future__ import annotations

from actors.protocol.capacity_alert import AlertState, CapacityAlert


def sentence(state: AlertState, alert: CapacityAlert) -> str:
    """One sentence of at most 140 characters: what is full, how full, or that it is over."""
    what = _what(alert.scope)
    if state == "resolved":
        over = "The retry storm is over" if alert.cause == "retry-storm" else "There is room again"
        return f"{over} ({what})."
    if alert.cause == "retry-storm":
        return f"Retry storm ({alert.trigger}): {alert.active_connections} retries in a minute ({what})."
    share = f"{alert.capacity_percent:.0%}"
    return f"Capacity {alert.trigger}: {share} taken by {alert.active_connections} sessions ({what})."


def _what(scope: str) -> str:
    kind, _, name = scope.partition(":")
    return f"{kind} {name[:60]}".strip()
