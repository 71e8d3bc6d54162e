"""Records as the reporting API shows them: a plausible installation, the same for each seed."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Json = dict[str, Any]

HOSTILE: Final = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
"""What an agent may write, and a page must show as it is."""
WORKSPACES: Final = (
    *("checkout-service", "billing", "web-frontend", "mobile-app", "search-index", "identity", "data-lake"),
    *("docs-site", "infra-modules", "notifications", "pricing-engine", "warehouse"),
)
ON_HTTP: Final = "billing"
SAID: Final = (
    ("toast", "The agent's connection broke; LumiLink is reconnecting. Nothing is lost."),
    ("info", "The agent is back, and the conversation goes on."),
    ("automation", "Automation skipped: the repository is blocked by a rule."),
    ("rollback", "This workspace was moved to HTTP: 3.1 % of the last hour's operations failed."),
    ("automation", "Pull request #482 was opened from branch agent/fix-rounding."),
)


def iso(moment: datetime) -> str:
    """As the wire has moments."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class ConsoleData:
    """``sessions`` sessions and all that belongs to them, up to ``now``."""

    def __init__(self, sessions: int, now: datetime | None = None, seed: int = 7) -> None:
        self.now = now or datetime.now(UTC)
        self._random = random.Random(seed)
        self.sessions = [self._session(number) for number in range(sessions)]
        self.connections = [self._connection(one) for one in self.sessions if one["acpConnectionId"]]
        self.rollbacks = [self._rollback(minutes) for minutes in (24, 26 * 60)]
        self.migrations = [self._migration(number) for number in range(9)]
        self.automations = [self._automation(number) for number in range(12)]
        self.alerts = [self._alert()]

    def ago(self, minutes: float) -> str:
        """A moment before ``now``."""
        return iso(self.now - timedelta(minutes=minutes))

    def session(self, session_id: str) -> Json | None:
        """A session's record."""
        return next((one for one in self.sessions if one["sessionId"] == session_id), None)

    def opened(self) -> Json:
        """A session that has just been opened."""
        session = self._session(0) | {
            "createdAt": iso(datetime.now(UTC)),
            "updatedAt": iso(datetime.now(UTC)),
        }
        self.sessions.insert(0, session)
        return session

    def transcript(self, session: Json) -> list[Json]:
        """What was told to the users of a session, newest first."""
        entries = [
            {
                "entryId": _named(session, number),
                "sessionId": session["sessionId"],
                "eventType": kind,
                "message": message,
                "context": {"code": "connection-broken", "attempt": 1} if kind == "toast" else None,
                "timestamp": self.ago(3 + 7 * number),
            }
            for number, (kind, message) in enumerate(SAID)
        ]
        entries.insert(
            1, entries[0] | {"entryId": _named(session, -1), "message": HOSTILE, "timestamp": self.ago(5)}
        )
        return entries

    def status(self, session: Json) -> Json:
        """How a session fares now."""
        return {
            "sessionId": session["sessionId"],
            "at": self.ago(0),
            "connection": {"state": "connected", "protocol": "acp", "latencyP95Ms": 12.5, "lastHeardMs": 800},
            "turn": {"state": "running", "number": 7, "startedAt": self.ago(0), "elapsedMs": 65_000},
            "progress": {
                "completed": 2,
                "total": 5,
                "current": "Write the notes",
                "toolCalls": {"done": 3, "running": 1},
            },
            "estimate": {"remainingMs": 40_000, "lowMs": 20_000, "highMs": 120_000, "basis": 12},
            "usage": {"contextUsed": 12_300, "contextSize": 200_000},
        }

    def timeline(self, session: Json) -> list[Json]:
        """What happened in a session, newest first."""
        told = (
            ("turn", "A turn ended: end of turn.", None, "success"),
            ("connection", "The connection is back.", "reconnecting → connected", None),
            ("connection", "The connection broke.", "connected → reconnecting: the socket was closed", None),
            (
                "automation",
                "Automation was skipped.",
                "repo-blocked: a rule protects this repository",
                "skipped",
            ),
            ("question", "The agent asked for permission; it was given.", None, None),
            ("turn", "A turn began.", None, None),
            ("connection", "Connected over ACP 1.0.0.", "connecting → connected", None),
        )
        return [
            {
                "id": f"{session['sessionId']}-{number}",
                "at": self.ago(2 + 6 * number),
                "kind": kind,
                "title": title,
                "reason": reason,
                "outcome": outcome,
                "details": {},
            }
            for number, (kind, title, reason, outcome) in enumerate(told)
        ]

    def _session(self, number: int) -> Json:
        workspace = WORKSPACES[number % len(WORKSPACES)]
        is_http = workspace == ON_HTTP or self._random.random() < 0.04
        opened = 2 + number * 0.4 + self._random.random()
        return {
            "sessionId": f"sess_{self._hex(12)}",
            "installationId": "default",
            "containerId": f"{workspace}-{self._random.randrange(1, 9)}",
            "workspaceId": workspace,
            "protocolType": "http" if is_http else "acp",
            "fallbackEnabled": self._random.random() < 0.9,
            "acpConnectionId": None if is_http else f"conn_{self._hex(10)}",
            "createdAt": self.ago(opened),
            "updatedAt": self.ago(opened * self._random.random()),
            "closedAt": None,
        }

    def _connection(self, session: Json) -> Json:
        status = self._random.choices(("connected", "degraded", "reconnecting", "error"), (93, 4, 2, 1))[0]
        return {
            "connectionId": session["acpConnectionId"],
            "installationId": "default",
            "workspaceId": session["workspaceId"],
            "containerId": session["containerId"],
            "status": status,
            "protocolVersion": "1.0.0",
            "negotiatedCapabilities": ["loadSession"],
            "successRate": round(1 - self._random.random() * (0.004 if status == "connected" else 0.05), 4),
            "latencyP95": round(120 + self._random.random() * 160, 1),
            "throughputPerMin": round(20 + self._random.random() * 20, 1),
            "lastHeartbeat": self.ago(self._random.random()),
            "lastActive": session["updatedAt"],
            "createdAt": session["createdAt"],
            "errorCount": 0 if status == "connected" else self._random.randrange(1, 6),
            "reconnectCount": self._random.randrange(3),
        }

    def _rollback(self, minutes: int) -> Json:
        return {
            "eventId": self._id(),
            "workspaceId": ON_HTTP,
            "trigger": "auto-threshold",
            "reasonCode": "other",
            "initiatedAt": self.ago(minutes),
            "completedAt": self.ago(minutes - 1),
            "previousProtocol": "acp",
            "newProtocol": "http",
        }

    def _migration(self, number: int) -> Json:
        status = ("succeeded", "succeeded", "in-progress", "rolled-back", "failed")[number % 5]
        return {
            "migrationId": self._id(),
            "workspaceId": WORKSPACES[number],
            "initiatedBy": "system",
            "trigger": "automatic",
            "fromProtocol": "http",
            "toProtocol": "acp",
            "startedAt": self.ago(30 * (number + 1)),
            "status": status,
            "attemptCount": 1 + number % 2,
            "rollbackReason": "below-threshold" if status == "rolled-back" else None,
        }

    def _automation(self, number: int) -> Json:
        status = ("success", "success", "skipped", "error")[number % 4]
        return {
            "summaryId": self._id(),
            "sessionId": self.sessions[number % len(self.sessions)]["sessionId"]
            if self.sessions
            else "sess_0",
            "workspaceId": WORKSPACES[number % len(WORKSPACES)],
            "status": status,
            "pullRequest": {"number": 480 + number} if status == "success" else None,
            "skipReason": "repo-blocked" if status == "skipped" else None,
            "error": {"code": "rate-limited", "message": "GitHub asks to wait."}
            if status == "error"
            else None,
            "durationMs": self._random.randrange(800, 9_000),
            "createdAt": self.ago(11 * (number + 1)),
        }

    def _alert(self) -> Json:
        return {
            "alertId": self._id(),
            "installationId": "default",
            "workspaceIds": [],
            "scope": "worker:worker-1",
            "cause": "capacity",
            "trigger": "warning",
            "activeConnections": 868,
            "capacityPercent": 0.868,
            "timestamp": self.ago(6),
            "notified": True,
            "notificationChannels": ["toast", "webhook"],
            "resolvedAt": None,
        }

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128)))

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"


def _named(session: Json, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{session['sessionId']}/{number}"))
