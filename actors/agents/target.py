"""Where an agent is: the TARGET string of the command line and the settings, parsed once.

Accepted forms::

    ws://HOST[:PORT]/PATH      wss://…     ACP over one WebSocket
    http://HOST[:PORT]/PATH    https://…   ACP over POST and server-sent events
    stdio:COMMAND ARGS                     a local process, ACP on its stdin and stdout (no shell)
    agentapi+http://HOST:PORT              an agent that only has the older HTTP API
    runner:NAME                            one at a runner, which comes for it; {containerId} may be its name

In place of the host, of a part of it or of a part of the path a URL may have ``{containerId}`` or
``{workspaceId}``; see ``placeholders.py``.

A target may carry credentials (``user:password@`` or a query string), and a command may carry them among
its arguments. None of these is ever shown: ``repr``, ``str`` and error texts use ``label``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from actors.agents import placeholders
from actors.errors import SettingsError

ACCEPTED: Final = (
    "ws://HOST/acp, wss://HOST/acp, http://HOST/acp, https://HOST/acp, stdio:COMMAND ARGS, "
    "agentapi+http://HOST:PORT or runner:NAME"
)


class TargetKind(StrEnum):
    """The wire that a target is reached by."""

    WEBSOCKET = "websocket"
    HTTP = "http"
    STDIO = "stdio"
    AGENTAPI = "agentapi"
    RUNNER = "runner"
    """Where the runner is met is known to the gateway alone: see ``AgentTarget.met_at``."""


_KIND_OF_SCHEME: Final = {
    "ws": TargetKind.WEBSOCKET,
    "wss": TargetKind.WEBSOCKET,
    "http": TargetKind.HTTP,
    "https": TargetKind.HTTP,
    "agentapi+http": TargetKind.AGENTAPI,
}


_RUNNER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class AgentTarget:
    """One agent's address. Make it with ``AgentTarget.parse``.

    ``url`` has no credentials in it (they are in ``credentials``) but keeps its query string; it is empty
    for ``stdio``. ``command`` is the program and its arguments, empty for all other kinds. ``label`` is
    safe to log. One that has ``placeholders`` is a pattern: ``filled`` makes the address. ``bearer`` is shown
    in place of ``credentials``, over WebSocket.
    """

    kind: TargetKind
    label: str
    url: str = ""
    credentials: tuple[str, str] | None = None
    command: tuple[str, ...] = field(default=())
    placeholders: frozenset[str] = frozenset()
    bearer: str | None = None

    @classmethod
    def parse(cls, text: str) -> AgentTarget:
        """Read a TARGET string; raises SettingsError that says what was got and what is accepted."""
        text = text.strip()
        if text.startswith("stdio:"):
            return _parse_command(text.removeprefix("stdio:"))
        if text.startswith("runner:"):
            return _parse_runner(text.removeprefix("runner:"))
        return _parse_url(text)

    @classmethod
    def of_command(cls, command: tuple[str, ...]) -> AgentTarget:
        """A local process, its program and arguments as they are."""
        return cls(kind=TargetKind.STDIO, label=f"stdio:{command[0]}", command=command)

    def met_at(self, gateway: str, token: str) -> AgentTarget:
        """The address at which a runner's agent is met, ``gateway`` being ``ws://HOST:PORT``.

        All other targets stay as they are. ``token`` shows that a worker of the gateway asks.
        """
        if self.kind is not TargetKind.RUNNER:
            return self
        url = f"{gateway}/runner/agents/{{{placeholders.INSTALLATION}}}/{self.url}"
        names = placeholders.placeholders_in(url)
        return replace(self, kind=TargetKind.WEBSOCKET, url=url, placeholders=names, bearer=token)

    def filled(self, container_id: str, workspace_id: str, installation: str = "") -> AgentTarget:
        """The address for a container, a workspace, an installation; empty are those that are not known.

        Raises InvalidParamsError for one that is needed and missing, or that cannot stand there.
        """
        if not self.placeholders:
            return self
        names = {placeholders.CONTAINER: container_id, placeholders.WORKSPACE: workspace_id}
        names[placeholders.INSTALLATION] = installation
        label, url = (placeholders.filled_url(text, names) for text in (self.label, self.url))
        return replace(self, label=label, url=url, placeholders=frozenset())

    def __repr__(self) -> str:
        return f"AgentTarget({self.label!r})"

    def __str__(self) -> str:
        return self.label


def _parse_runner(name: str) -> AgentTarget:
    if name != f"{{{placeholders.CONTAINER}}}" and not _RUNNER_NAME.fullmatch(name):
        raise SettingsError(
            "runner: target without a name; expected letters, digits, '.', '_' or '-', or {containerId}"
        )
    return AgentTarget(
        kind=TargetKind.RUNNER,
        label=f"runner:{name}",
        url=name,
        placeholders=placeholders.placeholders_in(name),
    )


def _parse_command(text: str) -> AgentTarget:
    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        raise SettingsError(f"stdio: target whose command cannot be split into words: {error}") from None
    if not command or not command[0]:
        raise SettingsError("stdio: target without a command; expected stdio:COMMAND ARGS")
    return AgentTarget.of_command(command)


def _parse_url(text: str) -> AgentTarget:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError:
        raise _not_accepted(text, "host or port is malformed") from None
    kind = _KIND_OF_SCHEME.get(parts.scheme)
    if kind is None:
        raise _not_accepted(text, "unknown kind of target")
    if not host:
        raise _not_accepted(text, "host is missing")
    if parts.fragment:
        raise _not_accepted(text, "a fragment (#…) has no meaning here")
    authority = parts.netloc.rpartition("@")[2]
    names = placeholders.placeholders_in(authority) | placeholders.placeholders_in(parts.path)
    if not names <= placeholders.KNOWN:
        raise _not_accepted(text, "in braces stand {containerId} or {workspaceId}, in the host or the path")
    return AgentTarget(
        kind=kind,
        label=f"{parts.scheme}://{'***@' if '@' in parts.netloc else ''}{authority}{parts.path}",
        url=urlunsplit((parts.scheme, authority, parts.path, parts.query, "")),
        credentials=_credentials(parts),
        placeholders=names,
    )


def _credentials(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def _not_accepted(text: str, why: str) -> SettingsError:
    return SettingsError(f"agent target {_shown(text)!r}: {why}; accepted are {ACCEPTED}")


def _shown(text: str) -> str:
    """What of a string that could not be parsed may be shown: its first word, without credentials."""
    word = text.split(maxsplit=1)[0] if text else ""
    word = word.split("?", 1)[0].split("#", 1)[0]
    before, at, after = word.rpartition("@")
    if at:
        scheme, slashes, _ = before.partition("//")
        word = f"{scheme}//***@{after}" if slashes else f"***@{after}"
    return word[:80]
