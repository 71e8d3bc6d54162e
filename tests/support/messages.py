"""JSON-RPC as the tests' own clients say and read it."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""One decoded message, or a part of one."""


FIRST_SHOWN = 5
"""The cursor of a session's first prompt: it follows on how session, connection (twice) and turn began."""


def request(request_id: object, method: str, params: Json | None = None) -> Json:
    """A request; without ``params`` they are left out."""
    message: Json = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return message if params is None else message | {"params": params}


def notification(method: str, params: Json | None = None) -> Json:
    """A notification."""
    message: Json = {"jsonrpc": "2.0", "method": method}
    return message if params is None else message | {"params": params}


def initialize(**client_capabilities: object) -> Json:
    """The params of ``initialize``."""
    return {"protocolVersion": 1, "clientCapabilities": client_capabilities}


def prompt(session_id: str, text: str, prompt_id: str | None = None) -> Json:
    """The params of ``session/prompt``; ``prompt_id`` makes it safe to repeat."""
    params: Json = {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}
    return params if prompt_id is None else params | {"_meta": {"lumilink": {"promptId": prompt_id}}}


def chosen(option_id: str) -> Json:
    """The result of a ``session/request_permission``."""
    return {"outcome": {"outcome": "selected", "optionId": option_id}}


def texts(messages: list[Json], session_id: str, kind: str = "agent_message_chunk") -> list[str]:
    """The texts of a session's updates of one kind, in order."""
    found = []
    for message in messages:
        params = message.get("params") or {}
        update = params.get("update") or {}
        if params.get("sessionId") == session_id and update.get("sessionUpdate") == kind:
            found.append(update["content"]["text"])
    return found


def numbers(messages: list[Json], session_id: str) -> list[int]:
    """The numbers that a scripted agent said, in order."""
    return [int(text.rstrip(".")) for text in texts(messages, session_id)]


def cursors(messages: list[Json], session_id: str) -> list[int]:
    """The ``seq`` of a session's messages that have one, in the order of their arrival."""
    found = []
    for message in messages:
        params = message.get("params") or {}
        seq = params.get("_meta", {}).get("lumilink", {}).get("seq")
        if params.get("sessionId") == session_id and seq is not None:
            found.append(seq)
    return found


def said(messages: list[Json], session_id: str) -> list[tuple[int, str]]:
    """What a session's agent said, each text with its ``seq``, in the order of its arrival."""
    return [
        (message["params"]["_meta"]["lumilink"]["seq"], text)
        for message in messages
        for text in texts([message], session_id)
    ]
