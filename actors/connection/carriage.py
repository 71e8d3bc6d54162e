"""How a session is carried to its agent: by which protocol, to which container, and what each agent knows.

An agent over ACP and the agent of the same container over HTTP are two agents with two memories. So both
names of a session are kept, and how far into the conversation the one that is left now has heard it.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from msgspec import Struct, field

from actors.agents.placeholders import CONTAINER, check_label
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.envelope import Envelope, params_of
from actors.protocol.handshake import PROTOCOL_VERSION
from actors.protocol.identifiers import new_connection_id

PROTOCOL_SEMVER: Final = f"{PROTOCOL_VERSION}.0.0"

_SLUG_CHARS: Final = 40


class Carriage(Struct, omit_defaults=True):
    """What the record of a session says of it.

    ``fallback_enabled`` is the client's own wish. ``fallback_code`` says why ACP was given up, and is empty
    where it was not, or its workspace decided it. The agent of the other protocol calls the session
    ``other_agent_id`` and has heard it up to event ``other_heard``. The agent of this one has heard it up to
    ``heard``, and is told what came after before its next prompt; None: it has heard all of it.
    """

    connection_id: str = ""
    container_id: str = ""
    protocol: AgentProtocol = AgentProtocol.ACP
    fallback_enabled: bool = True
    fallback_code: str = ""
    other_agent_id: str = ""
    other_heard: int = 0
    heard: int | None = None

    @property
    def link_id(self) -> str:
        """The id of the connection in use. Each protocol has its own: two links, two histories."""
        return self.link_id_over(self.protocol)

    def link_id_over(self, protocol: AgentProtocol) -> str:
        """The id of the connection by one protocol."""
        return self.connection_id if protocol is AgentProtocol.ACP else f"{self.connection_id}-http"

    def turn(self, to: AgentProtocol, agent_id: str, seq: int, fallback_code: str) -> str:
        """Be carried otherwise after event ``seq``; returns what the agent there calls the session, if known.

        ``agent_id`` is what the agent that is left calls it.
        """
        known, heard = self.other_agent_id, self.other_heard
        # What the agent that is left has not been told by now, it will have to be told then.
        self.other_agent_id, self.other_heard = agent_id, seq if self.heard is None else self.heard
        self.heard = heard if known else 0
        self.protocol, self.fallback_code = to, fallback_code
        return known

    def forked(self) -> Carriage:
        """How a session is carried that the agent has just made out of this one."""
        return Carriage(
            new_connection_id(),
            self.container_id,
            self.protocol,
            self.fallback_enabled,
            self.fallback_code,
            heard=self.heard,
        )

    def confirmed(self) -> dict[str, object]:
        """What the client is told of it, in ``_meta.lumilink``."""
        told: dict[str, object] = {
            "protocol": self.protocol.value,
            "protocolVersion": PROTOCOL_SEMVER,
            "containerId": self.container_id,
            "connectionId": self.link_id,
        }
        if self.fallback_code:
            told["fallbackReason"] = self.fallback_code
        return told


class _Ours(Struct, rename="camel"):
    container_id: str | None = None
    fallback_enabled: bool = True


class _Meta(Struct):
    lumilink: _Ours | None = None


class _Params(Struct):
    meta: _Meta | None = field(default=None, name="_meta")


def carriage_of(request: Envelope) -> Carriage:
    """What ``_meta.lumilink`` of a ``session/new`` wishes; ``container_id`` is empty if it names none.

    Raises InvalidParamsError for a ``containerId`` that is no host label.
    """
    meta = params_of(request, _Params).meta
    ours = (meta.lumilink if meta is not None else None) or _Ours()
    container_id = "" if ours.container_id is None else check_label(CONTAINER, ours.container_id)
    return Carriage(new_connection_id(), container_id, fallback_enabled=ours.fallback_enabled)


def container_called(label: str) -> str:
    """The id of a container that nobody named: a name out of its address, as host labels are."""
    slug = re.sub(r"[^a-z0-9]+", "-", label.lower())[:_SLUG_CHARS].strip("-")
    return f"{slug}-{blake2b(label.encode(), digest_size=4).hexdigest()}"
