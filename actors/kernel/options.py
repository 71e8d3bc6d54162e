"""What can be set for one actor. Checked when made: no wrong number reaches a running system."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.errors import SettingsError
from actors.kernel.supervision import Decider, Supervision, always_restart


@dataclass(frozen=True, slots=True)
class ActorOptions:
    """Settings of one actor; times in seconds. SettingsError if a value makes no sense."""

    mailbox_capacity: int = 1024
    """Messages that may wait; the next one is refused."""
    idle_after_s: float | None = None
    """Passivate after this time without a message; None: never."""
    start_limit_s: float = 30.0
    """``started()`` fails if it takes longer."""
    stop_grace_s: float = 5.0
    """At a stop: what the actor's tasks get to end, and then ``stopping()`` again."""
    on_failure: Decider = always_restart
    """What the supervisor does when this actor fails."""
    supervision: Supervision = field(default_factory=Supervision)
    """How this actor supervises its children."""

    def __post_init__(self) -> None:
        if self.mailbox_capacity < 1:
            raise SettingsError("mailbox_capacity: expected at least 1")
        if self.idle_after_s is not None and self.idle_after_s <= 0.0:
            raise SettingsError("idle_after_s: expected a time above 0, or None")
        if self.start_limit_s <= 0.0 or self.stop_grace_s <= 0.0:
            raise SettingsError("start_limit_s, stop_grace_s: expected times above 0")


DEFAULT_OPTIONS = ActorOptions()
