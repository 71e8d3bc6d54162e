"""A replica's links to the workers, and the clients' views of sessions that travel on them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Protocol

from actors import errors
from actors.capacity.ledger import Place
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress, connect
from actors.link.greeting import Greeting

log = logging.getLogger("lumilink.ingress")

CREDIT_FRAMES = 64
CREDIT_BYTES = 32 * 1024


class ViewOwner(Protocol):
    """The client connection that a view belongs to."""

    def view_data(self, view: SessionView, message: bytes) -> None:
        """A message of the session."""

    def view_answer(self, view: SessionView, request_id: bytes, message: bytes) -> None:
        """The answer to one of the client's requests."""

    def view_ended(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over: refused, closed, or its link broke."""


class SessionView:
    """One client's attachment to one session, as its replica sees it."""

    __slots__ = ("_frames", "_size", "channel", "opened_by", "owner", "session_id", "stream")

    def __init__(
        self, owner: ViewOwner, session_id: str, opened_by: bytes, channel: Channel, stream: int
    ) -> None:
        self.owner = owner
        self.session_id = session_id
        self.opened_by = opened_by
        self.channel = channel
        self.stream = stream
        self._frames = 0
        self._size = 0

    def send(self, message: bytes) -> None:
        """Pass a message of the client on to the worker."""
        self.channel.send_data(self.stream, message)

    def passed(self, size: int) -> None:
        """The client's socket took a message of ``size`` bytes: give the worker credit now and then."""
        self._frames += 1
        self._size += size
        if self._frames >= CREDIT_FRAMES or self._size >= CREDIT_BYTES:
            self.channel.send_credit(self.stream, self._frames, self._size)
            self._frames = self._size = 0


class WorkerLinks:
    """Opens one link to each worker that is needed, and finds the view that a frame is for."""

    def __init__(self, replica_id: str, secret: str) -> None:
        self._replica_id = replica_id
        self._secret = secret
        self._channels: dict[str, asyncio.Task[Channel]] = {}
        self._views: dict[tuple[Channel, int], SessionView] = {}
        self._streams = itertools.count(1)

    async def channel(self, place: Place) -> Channel:
        """The link to a worker, opened by the first who needs it. Raises LinkBrokenError."""
        key = f"{place.worker_id}@{place.host}:{place.port}"
        task = self._channels.get(key)
        if task is None or (
            task.done() and (task.cancelled() or task.exception() or not task.result().is_open)
        ):
            address = LinkAddress(place.host, place.port)
            opening = connect(self._replica_id, self._secret, address, self)
            task = self._channels[key] = asyncio.ensure_future(opening)
        return await asyncio.shield(task)

    def open(
        self, owner: ViewOwner, channel: Channel, session_id: str, opened_by: bytes, greeting: Greeting
    ) -> SessionView:
        """Attach a client to a session; what the worker says comes to ``owner``."""
        if not channel.is_open:
            raise errors.LinkBrokenError(f"link to {channel.peer_name} is down")
        named = greeting.new_session_id or session_id
        view = SessionView(owner, named, opened_by, channel, next(self._streams))
        self._views[channel, view.stream] = view
        channel.send_open(view.stream, session_id, asdict(greeting))
        return view

    def close(self, view: SessionView) -> None:
        """The client left."""
        if self._views.pop((view.channel, view.stream), None) is not None and view.channel.is_open:
            view.channel.send_close(view.stream, errors.RequestCancelledError("the client left"))

    def shut(self) -> None:
        """End all links."""
        for task in self._channels.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                task.result().close()
            else:
                task.cancel()

    # ------------------------------------------------------------------ LinkHandler

    def link_data(self, channel: Channel, stream: int, message: bytes) -> None:
        """A message of a session, for one client."""
        view = self._views.get((channel, stream))
        if view is not None:
            view.owner.view_data(view, message)

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """An answer for one client."""
        view = self._views.get((channel, stream))
        if view is not None and isinstance(request_id, bytes):
            view.owner.view_answer(view, request_id, message)

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """The worker ended a view."""
        view = self._views.pop((channel, stream), None)
        if view is not None:
            view.owner.view_ended(view, error)

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """A worker is out of reach: so are all views on its link."""
        log.warning("%s", error)
        for key in [key for key in self._views if key[0] is channel]:
            view = self._views.pop(key)
            view.owner.view_ended(view, error)

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """Workers attach nobody."""
        channel.send_close(stream, errors.InvalidRequestError("a replica holds no sessions"))

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        """What clients send is little and is not counted."""

    def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> Awaitable[object]:
        """Workers ask nothing."""
        raise errors.MethodNotFoundError(f"a replica has no call {method}")

    def link_writable(self, channel: Channel) -> None:
        """The link takes data again; what was written waits in its buffer already."""
