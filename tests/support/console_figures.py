"""A summary as ``/api/v1/summary`` answers it, and a topology: figures of a gateway at work."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta

from support.console_data import Json, iso

POINTS = 60


def summary_of(start: datetime, end: datetime, live: int) -> Json:
    """The figures of a window, in which ACP dips for a while and a workspace goes back to HTTP."""
    series = _series(start, end, live)
    acp, http = series[-1]["acp"], series[-1]["http"]
    return {
        "window": {"from": iso(start), "to": iso(end)},
        "sessions": {"live": live, "total": round(live * 1.7)},
        "protocolMix": {"acp": acp, "http": http},
        "connectionStability": 0.9962,
        "successRate": 0.9941 if live else None,
        "fallbacks": sum(point["fallbacks"] for point in series),
        "fallbackFrequency": 0.0121,
        "adoption": 0.917,
        "automation": {"success": 214, "skipped": 9, "error": 3},
        "latencyP95Ms": {"acp": 182.4, "http": 655.0},
        "throughputPerMin": {"acp": 31.8, "http": 19.2},
        "series": series,
    }


def service_levels_of(live: int) -> Json:
    """A month's service levels, a little above what is wanted; of nothing where there are no sessions."""
    used_ms, down_ms = live * 36_000_000, live * 97_000
    return {
        "isMet": True if live else None,
        "target": 0.995,
        "budgetLeftMs": round(used_ms * 0.005) - down_ms,
        "all": {
            "availability": 1 - down_ms / used_ms if live else None,
            "successRate": 0.9876 if live else None,
            "turns": live * 31,
            "failedTurns": live // 5,
            "meanTurnMs": 48_300.0,
        },
        "latencyP95Ms": {"acp": 182.4, "http": 655.0},
    }


def _series(start: datetime, end: datetime, live: int) -> list[Json]:
    if not live:
        return []
    step, chance = (end - start) / POINTS, random.Random(3)
    points = []
    for number in range(POINTS):
        dip = math.exp(-(((number - 34) / 3) ** 2))
        total = round(live * (0.72 + 0.28 * number / POINTS + 0.02 * chance.random()))
        http = round(total * (0.05 + 0.09 * min(1.0, max(0, number - 34) / 6)))
        points.append(
            {
                "at": iso(start + timedelta(seconds=step.total_seconds() * number)),
                "acp": total - http,
                "http": http,
                "stability": round(0.9985 - 0.012 * dip - 0.001 * chance.random(), 4),
                "successRate": round(0.9975 - 0.021 * dip - 0.0015 * chance.random(), 4),
                "fallbacks": round(9 * dip + 0.6 * chance.random()),
            }
        )
    return points


def topology_of(live: int) -> Json:
    """Two workers and what they hold; the second one is nearly full."""
    second = round(live * 0.868)
    return {
        "workers": [_worker(0, live - second), _worker(1, second, reserved=6)],
        "ingress": [{"replicaId": "ingress-0", "pid": 4100}],
    }


def _worker(number: int, sessions: int, reserved: int = 0) -> Json:
    return {
        "workerId": f"worker-{number}",
        "pid": 4200 + number,
        "node": "10.0.0.5",
        "state": "alive",
        "sessions": sessions,
        "reserved": reserved,
        "capacity": 1000,
        "rssBytes": 180_000_000 + sessions * 52_000,
    }


def policy() -> Json:
    """An installation's rollout."""
    return {
        "defaultProtocol": "acp",
        "migrationEnabled": True,
        "phase": "automatic",
        "scheduledAt": None,
        "share": 0.25,
        "automaticRollback": True,
        "threshold": 0.99,
        "minSamples": 20,
        "coolDownS": 600.0,
        "probeShare": 0.1,
        "fallbackEnabled": True,
        "version": 3,
        "installationId": "default",
        "workspaces": [],
        "workspacesCount": 0,
        "standing": {"acp": 10, "rolled-back": 1, "http": 1},
        "applied": True,
    }


def standing(workspace: str, state: str, since: str) -> Json:
    """Where a workspace stands."""
    is_acp = state in ("acp", "moving")
    return {
        "installationId": "default",
        "workspaceId": workspace,
        "protocol": "acp" if is_acp else "http",
        "state": state,
        "since": since,
        "version": 4,
        "metrics": {
            "successRate": 0.9962 if is_acp else 0.9689,
            "samples": 264,
            "failed": 1 if is_acp else 8,
            "windowS": 3600,
            "threshold": 0.99,
            "minSamples": 20,
        },
        "sessions": 12,
        "fellBack": 0 if is_acp else 3,
        "coolDownUntil": None,
        "returnAt": None,
        "migration": None,
        "wouldBe": None,
        "loaded": True,
    }
