"""Why a workspace changes its protocol, and who wanted it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Initiator(StrEnum):
    """Who began a change."""

    SYSTEM = "system"
    OPERATOR = "operator"
    USER = "user"


class Trigger(StrEnum):
    """What began it: somebody, a date, or the rollout."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    AUTOMATIC = "automatic"


class Cause(Struct, frozen=True):
    """``code`` is a stable kebab-case word, ``reason`` a sentence for people, ``user`` who it was."""

    by: Initiator
    trigger: Trigger
    code: str
    reason: str = ""
    user: str = ""


ROLLOUT = Cause(Initiator.SYSTEM, Trigger.AUTOMATIC, "rollout", "The rollout has come to the workspace.")
SCHEDULED_ROLLOUT = Cause(
    Initiator.SYSTEM, Trigger.SCHEDULED, "rollout", "The scheduled rollout has come to the workspace."
)
BELOW_THRESHOLD = Cause(
    Initiator.SYSTEM,
    Trigger.AUTOMATIC,
    "success-below-threshold",
    "Too few of the last hour's ACP operations succeeded.",
)
COOLED_DOWN = Cause(Initiator.SYSTEM, Trigger.AUTOMATIC, "cooled-down", "The cool-down is over.")
PROBES_PASSED = Cause(Initiator.SYSTEM, Trigger.AUTOMATIC, "probes-passed", "ACP has proven itself again.")
PROBES_FAILED = Cause(Initiator.SYSTEM, Trigger.AUTOMATIC, "probes-failed", "ACP fails the workspace still.")
MOVED = Cause(Initiator.SYSTEM, Trigger.AUTOMATIC, "moved", "No session is left that has to come over.")
