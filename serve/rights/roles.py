"""The roles and what each may do: the one table that every check, and the documentation, is made from."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What a credential is for. A credential may hold several roles and has the rights of all of them."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "auditor"
    RUNNER = "runner"


class Right(StrEnum):
    """What a route needs. All but those that concern the whole gateway end at one's own installation."""

    SESSIONS_USE = "sessions-use"
    SESSIONS_READ = "sessions-read"
    RECORDS_READ = "records-read"
    AUDIT_EXPORT = "audit-export"
    PROTOCOL_CHANGE = "protocol-change"
    TOPOLOGY_READ = "topology-read"
    WORKERS_CHANGE = "workers-change"
    JOBS_CHANGE = "jobs-change"
    JOBS_RUN = "jobs-run"
    SETTINGS_CHANGE = "settings-change"
    KEYS_CHANGE = "keys-change"
    ERASE = "erase"
    METRICS_READ = "metrics-read"


MEANINGS: Final = MappingProxyType(
    {
        Right.SESSIONS_USE: "start, load, prompt, cancel and close sessions, and answer what agents ask",
        Right.SESSIONS_READ: "list sessions, and watch them as an observer",
        Right.RECORDS_READ: "read records, transcripts, timelines, summaries and live events",
        Right.AUDIT_EXPORT: "export the audit trail",
        Right.PROTOCOL_CHANGE: "change, roll back and return the protocol of workspaces",
        Right.TOPOLOGY_READ: "see workers, replicas and the pool",
        Right.WORKERS_CHANGE: "drain workers and change how many there are",
        Right.JOBS_CHANGE: "queue, cancel and retry jobs, and switch runners on and off",
        Right.JOBS_RUN: "be a runner: take jobs and report on them",
        Right.SETTINGS_CHANGE: "change the settings registry",
        Right.KEYS_CHANGE: "make and revoke API keys",
        Right.ERASE: "erase what is kept of an installation or a subject",
        Right.METRICS_READ: "read metrics",
    }
)

_VIEWER: Final = frozenset({Right.SESSIONS_READ, Right.RECORDS_READ})
_USER: Final = _VIEWER | {Right.SESSIONS_USE, Right.JOBS_CHANGE, Right.JOBS_RUN}

RIGHTS: Final = MappingProxyType(
    {
        Role.VIEWER: _VIEWER,
        Role.USER: _USER,
        Role.OPERATOR: _USER
        | {
            Right.PROTOCOL_CHANGE,
            Right.TOPOLOGY_READ,
            Right.WORKERS_CHANGE,
            Right.SETTINGS_CHANGE,
            Right.METRICS_READ,
        },
        Role.AUDITOR: frozenset({Right.RECORDS_READ, Right.AUDIT_EXPORT}),
        Role.RUNNER: frozenset({Right.JOBS_RUN}),
        Role.ADMIN: frozenset(Right),
    }
)


def rights_of(roles: frozenset[Role]) -> frozenset[Right]:
    """The rights of all of these roles together."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


def table() -> str:
    """The table for people, in Markdown."""
    head = f"| right | lets one | {' | '.join(Role)} |\n|---|---|{'---|' * len(Role)}\n"
    return head + "".join(f"{_row(right)}\n" for right in Right)


def _row(right: Right) -> str:
    marks = ("yes" if right in RIGHTS[role] else "" for role in Role)
    return f"| `{right}` | {MEANINGS[right]} | {' | '.join(marks)} |"
