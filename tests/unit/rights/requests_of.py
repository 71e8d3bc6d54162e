"""Requests as the gate sees them."""

from __future__ import annotations

from starlette.requests import HTTPConnection


def request(
    bearer: str | None = None,
    *,
    authorization: str | None = None,
    cookie: str | None = None,
    protocols: str | None = None,
    query: str = "",
    forwarded_for: str | None = None,
) -> HTTPConnection:
    """One that shows what it is given here."""
    said = {
        "authorization": f"Bearer {bearer}" if bearer is not None else authorization,
        "cookie": f"lumilink_session={cookie}" if cookie is not None else None,
        "sec-websocket-protocol": protocols,
        "x-forwarded-for": forwarded_for,
    }
    headers = [(name.encode(), value.encode()) for name, value in said.items() if value is not None]
    scope = {"type": "http", "headers": headers, "query_string": query.encode(), "path": "/", "client": None}
    return HTTPConnection(scope)
