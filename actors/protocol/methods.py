"""Every method of ACP version 1, in both directions, as one table.

A name that starts with an underscore is an extension and passes through. Rows that are not ``stable`` are in
the schema's unstable part and may change.

Source: https://agentclientprotocol.com/protocol/v1/schema; for ``stream``, the RFD "Streamable HTTP &
WebSocket Transport".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct


class Direction(Enum):
    """Who receives the method."""

    TO_AGENT = "to-agent"
    TO_CLIENT = "to-client"
    BOTH = "both"


class MethodKind(Enum):
    """Whether the method is answered."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    EITHER = "either"


class Scope(Enum):
    """What the method is about."""

    CONNECTION = "connection"
    SESSION = "session"
    ESTABLISHES_SESSION = "establishes-session"
    BY_PARAMS = "by-params"
    """A session if the params name one, else the connection."""


class ServedBy(Enum):
    """Who answers: the gateway, the receiver (only ids change on the way), or both have a part in it."""

    GATEWAY = "gateway"
    AGENT = "agent"
    CLIENT = "client"
    BOTH = "both"


class Stream(Enum):
    """Which SSE stream carries the method to a client, or its answer if the client sent it."""

    CONNECTION = "connection"
    SESSION = "session"
    BY_PARAMS = "by-params"


class Method(Struct, frozen=True, gc=False):
    """One row. ``capability`` is a dotted path into params or result of ``initialize``, if one is needed."""

    name: str
    direction: Direction
    kind: MethodKind
    scope: Scope
    served_by: ServedBy
    stream: Stream
    capability: str | None = None
    stable: bool = True

    @property
    def needs_session_header(self) -> bool:
        """Whether a POST of it must carry ``Acp-Session-Id``."""
        return self.direction is Direction.TO_AGENT and self.stream is Stream.SESSION


def _to_agent(
    name: str,
    scope: Scope,
    served_by: ServedBy,
    can: str = "",
    *,
    kind: MethodKind = MethodKind.REQUEST,
    stream: Stream | None = None,
    stable: bool = True,
) -> Method:
    capability = f"agentCapabilities.{can}" if can else None
    stream = stream or _STREAM_OF[scope]
    return Method(name, Direction.TO_AGENT, kind, scope, served_by, stream, capability, stable)


def _to_client(
    name: str, scope: Scope, served_by: ServedBy, can: str = "", *, kind: MethodKind = MethodKind.REQUEST
) -> Method:
    capability = f"clientCapabilities.{can}" if can else None
    return Method(name, Direction.TO_CLIENT, kind, scope, served_by, _STREAM_OF[scope], capability)


def _next_edit(name: str, scope: Scope, can: str, kind: MethodKind = MethodKind.REQUEST) -> Method:
    """Next-edit suggestions: on sessions of their own, for which no client opens a stream."""
    return _to_agent(name, scope, ServedBy.AGENT, can, kind=kind, stream=Stream.CONNECTION, stable=False)


def _mcp_over_acp(name: str, direction: Direction, kind: MethodKind) -> Method:
    """MCP servers that live in the client; the agent's capability says that it can use such."""
    capability = "agentCapabilities.mcpCapabilities.acp"
    served_by = ServedBy.BOTH if direction is Direction.BOTH else ServedBy.CLIENT
    return Method(
        name, direction, kind, Scope.CONNECTION, served_by, Stream.CONNECTION, capability, stable=False
    )


def _either_way(name: str, kind: MethodKind, scope: Scope, served_by: ServedBy) -> Method:
    return Method(name, Direction.BOTH, kind, scope, served_by, _STREAM_OF[scope])


_STREAM_OF: Final = {
    Scope.CONNECTION: Stream.CONNECTION,
    Scope.SESSION: Stream.SESSION,
    Scope.ESTABLISHES_SESSION: Stream.CONNECTION,
    Scope.BY_PARAMS: Stream.BY_PARAMS,
}
_ON_CONNECTION, _ON_SESSION, _NEW_SESSION = Scope.CONNECTION, Scope.SESSION, Scope.ESTABLISHES_SESSION
_NOTIFICATION: Final = MethodKind.NOTIFICATION

METHODS: Final[tuple[Method, ...]] = (
    # The handshake and authentication.
    _to_agent("initialize", _ON_CONNECTION, ServedBy.GATEWAY),
    _to_agent("authenticate", _ON_CONNECTION, ServedBy.AGENT),
    _to_agent("logout", _ON_CONNECTION, ServedBy.AGENT, "auth.logout"),
    # Sessions. A session that is deleted may be open nowhere, so its answer goes to the connection.
    _to_agent("session/new", _NEW_SESSION, ServedBy.BOTH),
    _to_agent("session/load", _NEW_SESSION, ServedBy.GATEWAY, "loadSession"),
    _to_agent("session/resume", _NEW_SESSION, ServedBy.GATEWAY, "sessionCapabilities.resume"),
    _to_agent("session/fork", _NEW_SESSION, ServedBy.BOTH, "sessionCapabilities.fork", stable=False),
    _to_agent("session/list", _ON_CONNECTION, ServedBy.GATEWAY, "sessionCapabilities.list"),
    _to_agent(
        "session/delete", _ON_SESSION, ServedBy.BOTH, "sessionCapabilities.delete", stream=Stream.CONNECTION
    ),
    _to_agent("session/close", _ON_SESSION, ServedBy.BOTH, "sessionCapabilities.close"),
    # Turns.
    _to_agent("session/prompt", _ON_SESSION, ServedBy.BOTH),
    _to_agent("session/cancel", _ON_SESSION, ServedBy.BOTH, kind=_NOTIFICATION),
    _to_agent("session/set_mode", _ON_SESSION, ServedBy.AGENT),
    _to_agent("session/set_config_option", _ON_SESSION, ServedBy.AGENT),
    _to_client("session/update", _ON_SESSION, ServedBy.BOTH, kind=_NOTIFICATION),
    # What the agent asks of the client. Questions wait in the gateway until someone answers.
    _to_client("session/request_permission", _ON_SESSION, ServedBy.BOTH),
    _to_client("elicitation/create", Scope.BY_PARAMS, ServedBy.BOTH, "elicitation"),
    _to_client(
        "elicitation/complete", _ON_CONNECTION, ServedBy.CLIENT, "elicitation.url", kind=_NOTIFICATION
    ),
    _to_client("fs/read_text_file", _ON_SESSION, ServedBy.CLIENT, "fs.readTextFile"),
    _to_client("fs/write_text_file", _ON_SESSION, ServedBy.CLIENT, "fs.writeTextFile"),
    _to_client("terminal/create", _ON_SESSION, ServedBy.CLIENT, "terminal"),
    _to_client("terminal/output", _ON_SESSION, ServedBy.CLIENT, "terminal"),
    _to_client("terminal/wait_for_exit", _ON_SESSION, ServedBy.CLIENT, "terminal"),
    _to_client("terminal/kill", _ON_SESSION, ServedBy.CLIENT, "terminal"),
    _to_client("terminal/release", _ON_SESSION, ServedBy.CLIENT, "terminal"),
    # MCP servers over ACP, providers, next-edit suggestions: drafts.
    _mcp_over_acp("mcp/connect", Direction.TO_CLIENT, MethodKind.REQUEST),
    _mcp_over_acp("mcp/message", Direction.BOTH, MethodKind.EITHER),
    _mcp_over_acp("mcp/disconnect", Direction.TO_CLIENT, MethodKind.REQUEST),
    _to_agent("providers/list", _ON_CONNECTION, ServedBy.AGENT, "providers", stable=False),
    _to_agent("providers/set", _ON_CONNECTION, ServedBy.AGENT, "providers", stable=False),
    _to_agent("providers/disable", _ON_CONNECTION, ServedBy.AGENT, "providers", stable=False),
    _next_edit("nes/start", _NEW_SESSION, "nes"),
    _next_edit("nes/suggest", _ON_SESSION, "nes"),
    _next_edit("nes/accept", _ON_SESSION, "nes", _NOTIFICATION),
    _next_edit("nes/reject", _ON_SESSION, "nes", _NOTIFICATION),
    _next_edit("nes/close", _ON_SESSION, "nes"),
    _next_edit("document/didOpen", _ON_SESSION, "nes.events.document.didOpen", _NOTIFICATION),
    _next_edit("document/didChange", _ON_SESSION, "nes.events.document.didChange", _NOTIFICATION),
    _next_edit("document/didClose", _ON_SESSION, "nes.events.document.didClose", _NOTIFICATION),
    _next_edit("document/didSave", _ON_SESSION, "nes.events.document.didSave", _NOTIFICATION),
    _next_edit("document/didFocus", _ON_SESSION, "nes.events.document.didFocus", _NOTIFICATION),
    # Ids differ on either side of the gateway, so it translates this one.
    _either_way("$/cancel_request", _NOTIFICATION, _ON_CONNECTION, ServedBy.BOTH),
)

OWN_PREFIX: Final = "_lumilink/"
"""Extension methods with this prefix are the gateway's own."""

ATTACHED: Final = "_lumilink/session/attached"
"""Tells a client where it stands in a session; with ``reset``, that all which is kept of it is shown anew."""

_BY_NAME: Final = {method.name: method for method in METHODS}


def lookup(name: str) -> Method | None:
    """The row of a method; a row made for it if it is an extension; ``None`` if ACP does not have it."""
    method = _BY_NAME.get(name)
    if method is None and name.startswith("_"):
        served_by = ServedBy.GATEWAY if name.startswith(OWN_PREFIX) else ServedBy.BOTH
        return _either_way(name, MethodKind.EITHER, Scope.BY_PARAMS, served_by)
    return method
