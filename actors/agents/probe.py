"""Asking an agent who it is: dial, ``initialize``, close."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final

from msgspec import Struct

from actors.agents.call import AgentCaller
from actors.agents.dial import dial
from actors.agents.link import DialOptions, LinkClosed
from actors.agents.target import AgentTarget, TargetKind
from actors.errors import (
    AgentClosedError,
    AgentProtocolError,
    AgentStartError,
    AgentUnreachableError,
    ProtocolFault,
    ProtocolMismatchError,
)
from actors.protocol import compose
from actors.protocol.envelope import Envelope, MessageKind, error_of, parse, result_of, result_raw

PROTOCOL_VERSION: Final = 1
_SHOWN_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """What an agent says of itself. ``initialize_result`` is the JSON text of its whole answer."""

    initialize_result: bytes = field(repr=False)
    protocol_version: int
    name: str = ""
    title: str = ""
    version: str = ""


class _Info(Struct):
    name: str = ""
    title: str | None = None
    version: str = ""


class _InitializeResult(Struct, rename="camel"):
    protocol_version: int
    agent_info: _Info | None = None


async def probe(
    target: AgentTarget,
    options: DialOptions,
    client_capabilities: Mapping[str, object],
    answer_timeout_s: float = 30.0,
) -> AgentProfile:
    """Ask the agent at ``target`` for its profile and let go of it.

    Raises AgentStartError or AgentUnreachableError (it can't be reached, or goes away), AgentTimeoutError
    (no answer within ``answer_timeout_s``), AgentProtocolError (it refuses) or ProtocolMismatchError (it
    speaks no version 1).
    """
    listener = _ProbeListener(target)
    request_id = listener.caller.open()
    link = await dial(target, listener, options)
    try:
        with contextlib.suppress(AgentClosedError):  # the listener is told why, and what is awaited fails
            link.send(_initialize(request_id, client_capabilities))
        answer = await listener.caller.wait(request_id, answer_timeout_s)
    finally:
        await link.close()
    return _profile(answer)


def _initialize(request_id: int, capabilities: Mapping[str, object]) -> bytes:
    params = {
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": dict(capabilities),
        "clientInfo": {"name": "lumilink", "title": "LumiLink", "version": _own_version()},
    }
    return compose.request(request_id, "initialize", params)


@functools.cache
def _own_version() -> str:
    try:
        return metadata.version("lumilink")
    except metadata.PackageNotFoundError:
        return "0"  # run from a checkout


def _profile(answer: Envelope) -> AgentProfile:
    if answer.kind is MessageKind.ERROR:
        error = error_of(answer)
        said = error.message[:_SHOWN_CHARS]
        raise AgentProtocolError(f"the agent refused initialize with error {error.code}: {said}")
    result = result_of(answer, _InitializeResult)
    if result.protocol_version != PROTOCOL_VERSION:
        raise ProtocolMismatchError(
            f"the agent speaks ACP version {result.protocol_version}, "
            f"LumiLink speaks version {PROTOCOL_VERSION}"
        )
    info = result.agent_info or _Info()
    return AgentProfile(
        initialize_result=result_raw(answer),
        protocol_version=result.protocol_version,
        name=info.name,
        title=info.title or "",
        version=info.version,
    )


class _ProbeListener:
    """Waits for one answer; what else an agent says before it is no matter here."""

    def __init__(self, target: AgentTarget) -> None:
        self.caller = AgentCaller()
        self._target = target

    def agent_frame(self, frame: bytes) -> None:
        try:
            message = parse(frame)
        except ProtocolFault as fault:
            self.caller.fail_all(AgentProtocolError(f"the agent sent no JSON-RPC message: {fault.detail}"))
            return
        if message.kind in (MessageKind.RESPONSE, MessageKind.ERROR):
            self.caller.resolve(message)

    def agent_log(self, line: str) -> None:
        pass

    def agent_closed(self, closed: LinkClosed) -> None:
        error = AgentStartError if self._target.kind is TargetKind.STDIO else AgentUnreachableError
        self.caller.fail_all(error(f"{self._target.label}: {closed.reason}"))
