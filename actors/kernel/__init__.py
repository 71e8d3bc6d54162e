"""The actor kernel: mailbox, reference, supervisor, timers. Knows no ACP and no Ray.

An actor is an identity with a mailbox that handles one message at a time, and its own state. Start
reading at ``actor.py`` (what an actor is), then ``system.py`` and ``ref.py`` (how it is used).
"""

from actors.kernel.actor import Actor, ActorContext
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.states import ActivationState, StopReason
from actors.kernel.statistics import ActorStatistics, Counts, SystemStatistics
from actors.kernel.supervision import Backoff, Directive, Strategy, Supervision
from actors.kernel.system import ActorSystem
from actors.kernel.timers import Timer

__all__ = [
    "ActivationState",
    "Actor",
    "ActorContext",
    "ActorId",
    "ActorOptions",
    "ActorRef",
    "ActorStatistics",
    "ActorSystem",
    "Backoff",
    "Counts",
    "Directive",
    "StopReason",
    "Strategy",
    "Supervision",
    "SystemStatistics",
    "Timer",
]
