"""Allowed, but not now or not here."""

from __future__ import annotations

from actors.errors.base import Category, LumiLinkError


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
