"""How long things may take with an agent behind AgentAPI."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds."""

    busy_s: float = 60.0
    """Until an agent that is at work takes the next message."""
    stop_s: float = 8.0
    """From the key that stops the agent until it has stopped."""
    answer_s: float = 10.0
    """For the answer to a question about its state."""
    first_look_s: float = 1.0
    """Until the status is asked for that was not told; each further time twice as long."""
    last_look_s: float = 15.0
    """The longest of these pauses."""
    redraw_s: float = 1.0
    """Text of a terminal is shown when it has lasted so long, and so is a message that was rewritten."""
    redial_s: float = 0.25
    """The first pause before an event stream that broke is opened again; each further one twice as long."""
    longest_redial_s: float = 5.0
    """The longest of these pauses."""
