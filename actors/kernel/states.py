"""The life of an activation as data: what may follow what. Whatever is not in the table raises."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from actors.errors import InternalError


class ActivationState(StrEnum):
    """Where an activation is in its life."""

    WAITING = "waiting"  # its predecessor under the same id has not fully stopped
    STARTING = "starting"  # the factory or started() is under way
    RUNNING = "running"  # messages are handled
    RESTARTING = "restarting"  # the failed instance is being unloaded
    BACKING_OFF = "backing-off"  # nothing is loaded; the next instance comes after a pause
    STOPPING = "stopping"  # unloading for good; messages are refused
    STOPPED = "stopped"


class Event(StrEnum):
    """What moves an activation from one state to the next."""

    START = "start"
    STARTED = "started"
    RESTART = "restart"
    UNLOADED = "unloaded"
    STOP = "stop"


class StopReason(StrEnum):
    """Why an activation ended."""

    REQUESTED = "requested"  # the actor stopped itself
    IDLE = "idle"  # passivated
    FAILED = "failed"  # its failure was answered with STOP; to ``stopping`` also: a restart follows
    ESCALATED = "escalated"  # it failed too often, or its failure was passed on to its supervisor
    PARENT_STOPPED = "parent-stopped"  # its supervisor stopped or restarts
    SHUTDOWN = "shutdown"  # the system stops


_S = ActivationState

TRANSITIONS: Final[Mapping[tuple[ActivationState, Event], ActivationState]] = MappingProxyType(
    {
        (_S.WAITING, Event.START): _S.STARTING,
        (_S.WAITING, Event.STOP): _S.STOPPING,
        (_S.STARTING, Event.STARTED): _S.RUNNING,
        (_S.STARTING, Event.RESTART): _S.RESTARTING,
        (_S.STARTING, Event.STOP): _S.STOPPING,
        (_S.RUNNING, Event.RESTART): _S.RESTARTING,
        (_S.RUNNING, Event.STOP): _S.STOPPING,
        (_S.RESTARTING, Event.UNLOADED): _S.BACKING_OFF,
        (_S.RESTARTING, Event.STOP): _S.STOPPING,
        (_S.BACKING_OFF, Event.START): _S.STARTING,
        (_S.BACKING_OFF, Event.STOP): _S.STOPPING,
        (_S.STOPPING, Event.UNLOADED): _S.STOPPED,
    }
)

LOADED: Final = frozenset({_S.STARTING, _S.RUNNING})  # an instance is at work: it can fail and spawn
ENDING: Final = frozenset({_S.STOPPING, _S.STOPPED})  # messages are refused
SETTLED: Final = frozenset({_S.RUNNING, _S.STOPPED})  # nothing is on its way


def next_state(state: ActivationState, event: Event) -> ActivationState:
    """The state that follows; InternalError if the table has no such transition."""
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise InternalError(f"an activation that is {state} cannot take the event {event}")
    return following


def as_markdown() -> str:
    """The table for the documentation: a row for each state, a column for each event."""
    rows = [["state", *Event], ["---"] * (len(Event) + 1)]
    rows += [[state, *(TRANSITIONS.get((state, event), "") for event in Event)] for state in ActivationState]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
