"""Every error LumiLink raises on purpose: one tree, each leaf with a stable code.

The tree::

    LumiLinkError
    ├── ConnectionFault            category "connection": a peer is not there, or went away
    │   ├── AgentStartError
    │   ├── AgentUnreachableError
    │   ├── AgentClosedError
    │   ├── AgentTimeoutError
    │   ├── LinkBrokenError
    │   ├── ConnectionUnknownError
    │   ├── GatewayUnreachableError
    │   ├── TurnInterruptedError
    │   └── SlowConsumerError
    ├── ProtocolFault              category "protocol": a message that the protocol does not allow
    │   ├── ParseError
    │   ├── InvalidRequestError
    │   ├── FrameTooLargeError
    │   ├── MethodNotFoundError
    │   ├── RouteUnknownError
    │   ├── HttpMethodError
    │   ├── InvalidParamsError
    │   ├── NotInitializedError
    │   ├── MediaTypeError
    │   ├── NotAcceptableError
    │   ├── BatchError
    │   ├── ResumeTokenError
    │   ├── AgentProtocolError
    │   └── ProtocolMismatchError
    ├── ApplicationFault           category "application": allowed, but not now or not here
    │   ├── AuthenticationError
    │   ├── ForbiddenError
    │   ├── SessionNotFoundError
    │   ├── RecordNotFoundError
    │   ├── SessionClosedError
    │   ├── ResumeTokenExpiredError
    │   ├── QuestionUnknownError
    │   ├── ObserverError
    │   ├── WorkspaceNotFoundError
    │   ├── WorkerNotFoundError
    │   ├── PreconditionError
    │   ├── ConflictError
    │   ├── AgentBusyError
    │   ├── PromptQueueFullError
    │   ├── QuotaExceededError
    │   ├── RateLimitedError
    │   ├── AgentCapabilityError
    │   └── RequestCancelledError
    └── SystemFault                category "system": LumiLink itself cannot, for now or at all
        ├── CapacityError
        ├── AgentMemoryError
        ├── WorkerUnavailableError
        ├── SessionMovedError
        ├── GatewayStoppingError
        ├── MailboxFullError
        ├── AskDeadlineError
        ├── ActorStoppedError
        ├── ActorFailedError
        ├── InternalError
        ├── SettingsError
        ├── PortInUseError
        ├── RayUnavailableError
        ├── RightsUnavailableError
        ├── JournalUnavailableError
        ├── JournalBehindError
        ├── RecordsUnavailableError
        ├── FenceRefusedError
        └── SeqConflictError

An error crosses process borders (Ray, the link, JSON-RPC, HTTP), so its constructor takes exactly
its ``args`` and it survives a pickle round trip.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Category(StrEnum):
    """Which part of the way a failure belongs to (FR-011)."""

    CONNECTION = "connection"
    PROTOCOL = "protocol"
    APPLICATION = "application"
    SYSTEM = "system"


class LumiLinkError(Exception):
    """Base of all errors. ``detail`` says what was wrong and what was expected, without a secret in it.

    ``retry_after_s`` is the time in seconds after which a repeat makes sense, where that is known.
    """

    code: ClassVar[str] = "internal"
    category: ClassVar[Category] = Category.SYSTEM
    retryable: ClassVar[bool] = False
    recovery: ClassVar[str] = "Report this with the log of the process that raised it."
    rpc_code: ClassVar[int] = -32603
    http_status: ClassVar[int] = 500

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s)
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.detail

    def data(self) -> dict[str, str | bool | float]:
        """What both wire forms carry beside the message: code, category, retryable, recovery."""
        data: dict[str, str | bool | float] = {
            "code": self.code,
            "category": self.category.value,
            "retryable": self.retryable,
            "recovery": self.recovery,
        }
        if self.retry_after_s is not None:
            data["retryAfter"] = self.retry_after_s
        return data


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


class ProtocolFault(LumiLinkError):  # noqa: N818 - a branch of the tree, never raised itself
    """A message that JSON-RPC, ACP or its remote transport does not allow."""

    category = Category.PROTOCOL
    rpc_code = -32600
    http_status = 400


class ParseError(ProtocolFault):
    """Not UTF-8, not JSON, or nested deeper than the parser goes."""

    code = "parse-error"
    recovery = "Send one JSON-RPC 2.0 message as UTF-8 text."
    rpc_code = -32700


class InvalidRequestError(ProtocolFault):
    """JSON, but no JSON-RPC 2.0 message."""

    code = "invalid-request"
    recovery = 'Send an object with "jsonrpc": "2.0" and a method, or an id with a result or an error.'


class FrameTooLargeError(ProtocolFault):
    """A message over the size limit."""

    code = "frame-too-large"
    recovery = "Send less at once: embed large resources by link instead of by content."
    http_status = 413


class MethodNotFoundError(ProtocolFault):
    """A method that neither ACP nor this peer has."""

    code = "method-not-found"
    recovery = "Use a method of ACP version 1, or an extension method that starts with an underscore."
    rpc_code = -32601


class RouteUnknownError(ProtocolFault):
    """A path under which nothing is served."""

    code = "route-unknown"
    recovery = "Look the path up in /api/v1/openapi.json."
    http_status = 404


class HttpMethodError(ProtocolFault):
    """A path that is served, but not by this HTTP method."""

    code = "http-method-not-allowed"
    recovery = "Use a method that the Allow header of the answer names."
    http_status = 405


class InvalidParamsError(ProtocolFault):
    """Known method, wrong parameters."""

    code = "invalid-params"
    recovery = "Correct the parameter that the message names."
    rpc_code = -32602


class NotInitializedError(ProtocolFault):
    """A request before ``initialize``."""

    code = "not-initialized"
    recovery = "Send initialize first on every new connection."


class MediaTypeError(ProtocolFault):
    """A POST whose ``Content-Type`` is not ``application/json``."""

    code = "unsupported-media-type"
    recovery = "Send Content-Type: application/json."
    http_status = 415


class NotAcceptableError(ProtocolFault):
    """A GET whose ``Accept`` does not take ``text/event-stream``."""

    code = "not-acceptable"
    recovery = "Send Accept: text/event-stream."
    http_status = 406


class BatchError(ProtocolFault):
    """A JSON-RPC batch; the remote-transport RFD has none."""

    code = "batch-unsupported"
    recovery = "Send each message of the batch on its own."
    http_status = 501


class ResumeTokenError(ProtocolFault):
    """A resume token that is none of ours, or was changed."""

    code = "resume-token-invalid"
    recovery = "Load the session; its answer holds a new resume token."
    rpc_code = -32602


class AgentProtocolError(ProtocolFault):
    """The agent sent what the protocol does not allow."""

    code = "agent-protocol-error"
    recovery = "Update the agent; its log and this message say what it sent."
    http_status = 502


class ProtocolMismatchError(ProtocolFault):
    """The agent speaks no version of ACP that LumiLink speaks, and cannot be reached otherwise (FR-001)."""

    code = "protocol-mismatch"
    recovery = "Update the agent to a version of ACP that the message names, or give it a fallback over HTTP."
    http_status = 502


class ApplicationFault(LumiLinkError):  # noqa: N818 - a branch of the tree, never raised itself
    """A valid request that cannot be served now or here."""

    category = Category.APPLICATION
    rpc_code = -32020
    http_status = 409


class AuthenticationError(ApplicationFault):
    """No credential, or one that is unknown, revoked, expired or not for this gateway."""

    code = "authentication-required"
    recovery = "Send a valid API key or token as Authorization: Bearer; an admin can make a new key."
    rpc_code = -32000
    http_status = 401


class ForbiddenError(ApplicationFault):
    """A valid credential whose roles do not allow what was asked."""

    code = "forbidden"
    recovery = "Use a credential with a role that has the right which the message names."
    http_status = 403


class SessionNotFoundError(ApplicationFault):
    """No session with this id that the caller may see."""

    code = "session-not-found"
    recovery = "List the sessions, or start a new one with session/new."
    rpc_code = -32002
    http_status = 404


class RecordNotFoundError(ApplicationFault):
    """No record with this id that the caller may see, or none yet."""

    code = "record-not-found"
    recovery = "List the records to see which there are; what has just happened is there in a few seconds."
    http_status = 404


class SessionClosedError(ApplicationFault):
    """The session was closed."""

    code = "session-closed"
    recovery = "Start a new session with session/new."
    http_status = 410


class ResumeTokenExpiredError(ApplicationFault):
    """A resume token that is older than a day."""

    code = "resume-token-expired"
    recovery = "Load the session; its answer holds a new resume token."
    http_status = 410


class QuestionUnknownError(ApplicationFault):
    """An answer to a request that nobody asks, or that was answered already."""

    code = "question-unknown"
    recovery = "Nothing to do: the first answer was taken."


class ObserverError(ApplicationFault):
    """A client that only observes a session asked for what changes it."""

    code = "observer-only"
    recovery = "Load the session as a driver: leave role out of _meta.lumilink, or set it to driver."
    http_status = 403


class WorkspaceNotFoundError(ApplicationFault):
    """No workspace with this id that the caller may see."""

    code = "workspace-not-found"
    recovery = "Check the workspace id; a workspace is known once a session of it was made."
    rpc_code = -32602
    http_status = 404


class WorkerNotFoundError(ApplicationFault):
    """No worker with this id."""

    code = "worker-not-found"
    recovery = "Check the worker's id; lumilink topology lists all there are."
    rpc_code = -32602
    http_status = 404


class PreconditionError(ApplicationFault):
    """What is there is not the version that the caller named."""

    code = "precondition-failed"
    recovery = "Read it again, look at what has changed, and repeat with the new version."
    http_status = 412


class ConflictError(ApplicationFault):
    """What is asked for does not go with how things stand."""

    code = "conflict"
    recovery = "Look at how things stand; the message says what is in the way."


class AgentBusyError(ApplicationFault):
    """A message over AgentAPI while a turn runs; over ACP it would wait for that."""

    code = "agent-busy"
    retryable = True
    recovery = "Wait until the status is stable, or cancel the turn, then send the message again."


class PromptQueueFullError(ApplicationFault):
    """More prompts wait for the running turn than the queue takes."""

    code = "prompt-queue-full"
    retryable = True
    recovery = "Wait for the running turn to end, or cancel it, then send the prompt again."
    http_status = 429


class QuotaExceededError(ApplicationFault):
    """The installation or the workspace has as many sessions as it may have."""

    code = "quota-exceeded"
    retryable = True
    recovery = "Close sessions that are not needed, then try again, or ask the operator for a higher limit."
    http_status = 429


class RateLimitedError(ApplicationFault):
    """The caller started sessions faster than it may."""

    code = "rate-limited"
    retryable = True
    recovery = "Wait as long as retryAfter says, then try again, and start sessions at a slower pace."
    http_status = 429


class AgentCapabilityError(ApplicationFault):
    """The agent does not offer what was asked of it."""

    code = "agent-capability-missing"
    recovery = "Use another agent, or leave this method out; initialize tells what there is."
    rpc_code = -32601
    http_status = 501


class RequestCancelledError(ApplicationFault):
    """The request was cancelled by its sender."""

    code = "request-cancelled"
    retryable = True
    recovery = "Send it again if it is still wanted."
    rpc_code = -32800


class SystemFault(LumiLinkError):  # noqa: N818 - a branch of the tree, never raised itself
    """LumiLink itself cannot, for now or at all."""

    category = Category.SYSTEM
    rpc_code = -32030
    http_status = 503


class CapacityError(SystemFault):
    """All places of all workers are taken."""

    code = "capacity-exhausted"
    retryable = True
    recovery = "Try again later, close sessions that are not needed, or add workers."


class AgentMemoryError(SystemFault):
    """The machine has no memory for one more agent."""

    code = "agent-memory"
    retryable = True
    recovery = "Try again when other agents have finished their turns, or add memory or workers."


class WorkerUnavailableError(SystemFault):
    """The worker that holds the session cannot be reached."""

    code = "worker-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; the worker is being restarted or replaced."


class SessionMovedError(SystemFault):
    """The session is on another worker now."""

    code = "session-moved"
    retryable = True
    recovery = "Attach to the session again; nothing of it is lost."


class GatewayStoppingError(SystemFault):
    """The gateway is being stopped; its sessions stay in the journal."""

    code = "gateway-stopping"
    retryable = True
    recovery = "Connect again in a few seconds, and load the session."


class MailboxFullError(SystemFault):
    """An actor has as many unhandled messages as its mailbox takes."""

    code = "mailbox-full"
    retryable = True
    recovery = "Slow down and send it again."


class AskDeadlineError(SystemFault):
    """An ask got no answer before its deadline."""

    code = "deadline-exceeded"
    retryable = True
    recovery = "Send it again; if it keeps happening, look at the load of the worker."
    http_status = 504


class ActorStoppedError(SystemFault):
    """The actor stopped before it handled the message."""

    code = "actor-stopped"
    retryable = True
    recovery = "Send it again; the actor is activated anew."


class ActorFailedError(SystemFault):
    """The actor failed on the message; its supervisor decides what follows."""

    code = "actor-failed"
    rpc_code = -32603
    http_status = 500
    recovery = "Report this with the worker's log."


class InternalError(SystemFault):
    """Something that should not happen."""

    code = "internal"
    rpc_code = -32603
    http_status = 500


class SettingsError(SystemFault):
    """A setting that makes no sense; said before anything starts."""

    code = "settings-invalid"
    recovery = "Correct the setting that the message names."


class PortInUseError(SystemFault):
    """Another process listens on the port that was asked for."""

    code = "port-in-use"
    recovery = "Stop the other process, or choose another port with --port."


class RayUnavailableError(SystemFault):
    """Ray could not be started or joined."""

    code = "ray-unavailable"
    recovery = "Look at Ray's own log, check memory and ports, then start again."


class RightsUnavailableError(SystemFault):
    """What credentials are checked against cannot be read now: the store of keys, or an issuer's key set."""

    code = "rights-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the records' database or the issuer's keys."


class JournalUnavailableError(SystemFault):
    """The journal's store cannot be written or read now: busy, full, unreachable, too slow."""

    code = "journal-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the journal's disk or server."


class JournalBehindError(SystemFault):
    """As much waits for the journal as may wait."""

    code = "journal-behind"
    retryable = True
    recovery = "Slow down and send it again; if it keeps happening, look at the journal's disk or server."


class RecordsUnavailableError(SystemFault):
    """The records' database cannot be read or written now: away, busy, or not migrated."""

    code = "records-unavailable"
    retryable = True
    recovery = "Try again in a few seconds; if it goes on, check the records' database and its address."


class FenceRefusedError(SystemFault):
    """A write under a placement that has been granted to another since, or never covered the stream."""

    code = "fence-refused"
    recovery = "Load the session again; another worker holds its workspace now."
    http_status = 409


class SeqConflictError(SystemFault):
    """An append that does not follow on the last entry of its stream."""

    code = "seq-conflict"
    recovery = "Load the session again; it goes on from what its journal holds."
    http_status = 409
