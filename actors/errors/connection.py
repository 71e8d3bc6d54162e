"""A peer is not there, or went away."""

from __future__ import annotations

from actors.errors.base import Category, LumiLinkError


class ConnectionFault(LumiLinkError):  # noqa: N818 - a branch of the tree, never raised itself
    """A peer is not there, or went away."""

    category = Category.CONNECTION
    retryable = True
    rpc_code = -32010
    http_status = 502


class AgentStartError(ConnectionFault):
    """The agent's command could not be started, or ended before it answered ``initialize``."""

    code = "agent-start-failed"
    recovery = "Check the agent's command and its log, then open the session again."


class AgentUnreachableError(ConnectionFault):
    """The agent's address refused the connection or did not answer in time."""

    code = "agent-unreachable"
    recovery = "Check that the agent listens at its address, then open the session again."


class AgentClosedError(ConnectionFault):
    """The agent ended its connection while an answer of it was awaited."""

    code = "agent-closed"
    recovery = "Send the prompt again; if it happens again, look at the agent's log."


class AgentTimeoutError(ConnectionFault):
    """The agent did not answer within the time that the request names."""

    code = "agent-timeout"
    recovery = "Send the request again, or cancel the turn if the agent is stuck."
    http_status = 504


class LinkBrokenError(ConnectionFault):
    """The socket between ingress and worker broke while a request was on its way."""

    code = "link-broken"
    recovery = "Reconnect and load the session; it goes on where it was."


class ConnectionUnknownError(ConnectionFault):
    """An ``Acp-Connection-Id`` that was never given out, or has ended."""

    code = "connection-unknown"
    recovery = "Send initialize again and use the connection id of its answer; sessions are still there."
    http_status = 404


class GatewayUnreachableError(ConnectionFault):
    """No gateway answers at the address that a command was given."""

    code = "gateway-unreachable"
    recovery = "Start a gateway with lumilink up, or name the one that runs with --url."


class TurnInterruptedError(ConnectionFault):
    """The agent or its worker went away before the prompt was answered."""

    code = "turn-interrupted"
    retryable = True
    recovery = "Look at what the agent did so far, then send the prompt again."


class SlowConsumerError(ConnectionFault):
    """A client fell behind what is kept for it."""

    code = "slow-consumer"
    recovery = "Reconnect and load the session; read faster, or attach with fewer sessions on a connection."
