"""A message that the protocol does not allow."""

from __future__ import annotations

from actors.errors.base import Category, LumiLinkError


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
