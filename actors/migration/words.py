"""What the people in a workspace's sessions are told of a change: kinds of notices, and their texts."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from actors.migration.cause import Cause, Initiator
from actors.migration.contract import SwitchProtocol
from actors.migration.states import Change
from actors.protocol.agent_protocol import AgentProtocol

ROLLED_BACK: Final = "rolled-back"
RETURNED: Final = "returned"

_TOASTS: Final = MappingProxyType(
    {
        Change.BELOW_THRESHOLD: "Too much failed over ACP within an hour: the workspace is on HTTP now.",
        Change.PROBES_FAILED: "ACP still fails too often: this session goes on over HTTP.",
        Change.COOLED_DOWN: "ACP is tried again, in this session among others.",
        Change.PROBES_PASSED: "ACP works again: the workspace is back on it.",
        Change.RETURNED: "The workspace works over ACP again.",
        Change.ADMITTED: "The workspace works over ACP now.",
        Change.MOVED: "The workspace works over ACP now.",
    }
)
_BY: Final = MappingProxyType({Initiator.OPERATOR: "An operator", Initiator.USER: "A user"})


def switch(change: Change, why: Cause, to: AgentProtocol) -> SwitchProtocol:
    """What a connection is told of a change, whose sessions are to be carried over ``to``."""
    kind = ROLLED_BACK if to is AgentProtocol.HTTP else RETURNED
    return SwitchProtocol(to, kind, toast(change, why), why.code)


def toast(change: Change, why: Cause) -> str:
    """One sentence of at most 140 characters."""
    if change is Change.PINNED:
        return f"{_BY.get(why.by, 'LumiLink')} took the workspace back to HTTP."
    return _TOASTS[change]


def catch_up(to: AgentProtocol) -> SwitchProtocol:
    """What a session is told that was not loaded when its workspace changed."""
    kind = ROLLED_BACK if to is AgentProtocol.HTTP else RETURNED
    return SwitchProtocol(
        to, kind, f"This session goes on over {to.upper()}, as its workspace does.", "catch-up"
    )
