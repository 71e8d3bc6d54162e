"""A replica's links to the workers, and the clients' views of sessions that travel on them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable
from dataclasses import asdict, replace

from actors import errors
from actors.capacity.ledger import Place
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress, connect
from actors.link.greeting import Greeting
from actors.metrics.catalogue import VIEWS_CUT
from actors.metrics.meters import meters
from serve.ingress.attached import Attached, read_attached
from serve.ingress.book import CapacityBook
from serve.ingress.reattaching import Reached, Reattaching
from serve.ingress.views import Arrival, Opening, Rewinding, SessionView, ViewOwner

log = logging.getLogger("lumilink.ingress")


class WorkerLinks:
    """Opens one link to each worker that is needed, and finds the view that a frame is for.

    A view is in ``_views`` while it is attached or its client's request is under way, and in ``_returning``
    from an attempt to bring it back until the worker's first word on it.
    """

    def __init__(self, replica_id: str, secret: str, capacity: CapacityBook) -> None:
        self._replica_id = replica_id
        self._secret = secret
        self._capacity = capacity
        self._reattaching = Reattaching(capacity, self)
        self._channels: dict[Place, asyncio.Task[Channel]] = {}
        self._views: dict[tuple[Channel, int], SessionView] = {}
        self._returning: dict[tuple[Channel, int], SessionView] = {}
        self._strays: list[SessionView] = []
        self._releases: set[asyncio.Task[None]] = set()
        self._streams = itertools.count(1)

    async def channel(self, place: Place) -> Channel:
        """The link to a worker, opened by the first who needs it. Raises LinkBrokenError."""
        task = self._channels.get(place)
        if task is None or (task.done() and not _is_open(task)):
            address = LinkAddress(place.host, place.port)
            task = asyncio.ensure_future(connect(self._replica_id, self._secret, address, self))
            self._channels[place] = task
            task.add_done_callback(lambda done: self._connected(place, done))
        return await asyncio.shield(task)

    def _connected(self, place: Place, task: asyncio.Task[Channel]) -> None:
        """A link that did not come about is tried anew by the next who needs it."""
        if not _is_open(task) and self._channels.get(place) is task:
            del self._channels[place]

    async def reach(self, session_id: str, place: Place) -> Reached:
        """The link to a worker or, if it is dead, to the one that the session goes to.

        Raises LinkBrokenError, CapacityError if no worker has room, or WorkerUnavailableError.
        """
        try:
            return Reached(await self.channel(place), place.life)
        except errors.LinkBrokenError:
            places = await self._capacity.relocate([session_id], place.life)
        other = places.get(session_id)
        if other is None:
            raise errors.CapacityError("no worker has room for the session", 5.0)
        moved = other.life != place.life
        dead = place.life if moved and await self._capacity.whereis(place.life) is None else ""
        return Reached(await self.channel(other), other.life, dead)

    def open(self, owner: ViewOwner, reached: Reached, opening: Opening) -> SessionView:
        """Attach a client to a session; what the worker says comes to ``owner``."""
        greeting = replace(opening.greeting, dead=reached.dead)
        channel, stream = _open_channel(reached.channel), next(self._streams)
        named = greeting.new_session_id or opening.session_id
        told = replace(opening, greeting=greeting)
        view = SessionView(owner, named, told, channel, reached.life, stream)
        self._views[channel, stream] = view
        channel.send_open(stream, opening.session_id, asdict(greeting))
        return view

    def close(self, view: SessionView) -> None:
        """The client left."""
        view.over = True
        self.withdraw(view)
        view.settle(None)

    def rewind(self, view: SessionView, after_seq: int, rewinding: Rewinding) -> None:
        """Show again what came after an event: not all that was passed on has reached the client.

        The view's stream is not closed: it gives way to the new one, and requests that are under way on it
        are answered there.
        """
        was_away = view.is_away
        view.go_back(after_seq, rewinding)
        error = errors.LinkBrokenError("the view is to go back")
        if not was_away:
            self._views.pop((view.channel, view.stream), None)
            self._reattaching.begin([view], view.life, error)
            return
        returning = self._returning.pop((view.channel, view.stream), None)
        if returning is not None:
            # It was asked for from where it was: once more, from where it is wanted now.
            returning.settle(error)

    def shut(self) -> None:
        """End all links."""
        self._reattaching.cancel()
        for release in self._releases:
            release.cancel()
        for task in self._channels.values():
            if _is_open(task):
                task.result().close()
            else:
                task.cancel()

    # ------------------------------------------------------------------ Roads

    def reopen(
        self, view: SessionView, channel: Channel, life: str, greeting: Greeting
    ) -> asyncio.Future[Arrival]:
        """Attach a view again; the future tells what came of it. Raises LinkBrokenError."""
        arrival: asyncio.Future[Arrival] = asyncio.get_running_loop().create_future()
        view.arrival = arrival
        view.put_on(_open_channel(channel), life, next(self._streams))
        self._returning[channel, view.stream] = view
        channel.send_open(view.stream, view.session_id, asdict(greeting))
        return arrival

    def open_again(self, view: SessionView, reached: Reached, greeting: Greeting) -> None:
        """Pass the client's own request on to another worker. Raises LinkBrokenError."""
        if view.over or view.opening is None:
            return
        view.opening = replace(view.opening, greeting=greeting)
        channel = _open_channel(reached.channel)
        view.put_on(channel, reached.life, next(self._streams))
        self._views[channel, view.stream] = view
        channel.send_open(view.stream, view.opening.session_id, asdict(greeting))
        view.resume()

    def withdraw(self, view: SessionView) -> None:
        """Tell the worker, if it can be told, that nobody looks at this view any more."""
        key = (view.channel, view.stream)
        known = self._views.pop(key, None) or self._returning.pop(key, None) or view.rewinding
        if known is not None and view.channel.is_open:
            view.channel.send_close(view.stream, errors.RequestCancelledError("the client left"))

    def end(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over, unless it was before: its owner is told why."""
        if view.over:
            return
        view.over = True
        if isinstance(error, errors.SessionNotFoundError):
            # It was looked for at a worker where a place was reserved for it.
            self._give_back(view.opening.session_id if view.opening is not None else view.session_id)
        view.owner.view_ended(view, error)

    def _give_back(self, session_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._release(session_id))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release(self, session_id: str) -> None:
        try:
            await self._capacity.release(session_id)
        except errors.LumiLinkError as error:
            log.debug("a place lapses instead of being given back: %s", error)

    # ------------------------------------------------------------------ LinkHandler

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        """A message of a session, for one client."""
        view = self._views.get((channel, stream))
        if view is None:
            view = self._first_word(channel, stream)
            if view is None:
                return
        if seq:
            view.cursor = seq
        view.owner.view_data(view, message, seq)

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """An answer for one client, or for us."""
        view = self._views.get((channel, stream)) or self._first_word(channel, stream)
        if view is None or not isinstance(request_id, bytes):
            return
        if request_id == view.attach_id:
            self._attached(view, read_attached(message))
            return
        if view.opening is not None and request_id == view.opening.request_id:
            view.cursor = max(view.cursor, read_attached(message).seq)
        view.owner.view_answer(view, request_id, message)

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """The worker ended a view, or refused one."""
        returning = self._returning.pop((channel, stream), None)
        if returning is not None:
            returning.settle(error)
            return
        view = self._views.pop((channel, stream), None)
        if view is None:
            return
        if view.opening is None and isinstance(error, errors.SessionMovedError):
            self._astray(view, error)
        else:
            self.end(view, error)

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        """Another worker holds the session's workspace."""
        returning = self._returning.pop((channel, stream), None)
        if returning is not None:
            returning.settle(life)
            return
        view = self._views.pop((channel, stream), None)
        if view is None:
            return
        if view.opening is None:
            self._astray(view, errors.SessionMovedError("the session is on another worker now"))
        else:
            view.hold()
            self._reattaching.follow(view, life)

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """A worker is out of reach: the views on its link are brought back, those half open are over."""
        log.warning("%s", error)
        for place in [place for place, task in self._channels.items() if task.done() and not _is_open(task)]:
            del self._channels[place]
        for key in [key for key in self._returning if key[0] is channel]:
            self._returning.pop(key).settle(error)
        lost: dict[str, list[SessionView]] = {}
        for key in [key for key in self._views if key[0] is channel]:
            view = self._views.pop(key)
            if view.opening is not None:
                self.end(view, error)
            else:
                meters().count(VIEWS_CUT)
                view.cut(error)
                lost.setdefault(view.life, []).append(view)
        for life, views in lost.items():
            self._reattaching.begin(views, life, error)

    @property
    def attachments(self) -> int:
        """How many views of sessions clients have here, those on their way to another worker included."""
        return len(self._views) + len(self._returning)

    def open_channels(self) -> list[Channel]:
        """The links that are open."""
        return [task.result() for task in self._channels.values() if _is_open(task)]

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

    # ------------------------------------------------------------------ views that come back

    def _first_word(self, channel: Channel, stream: int) -> SessionView | None:
        """The first message on a stream that a view was brought back on: the worker has it."""
        view = self._returning.pop((channel, stream), None)
        if view is not None:
            self._views[channel, stream] = view
            view.resume()
            view.settle(None)
        return view

    def _attached(self, view: SessionView, answer: Attached) -> None:
        """The worker's answer to our own request, which it says after all that the view had missed."""
        view.attach_id = b""
        view.cursor = max(view.cursor, answer.seq)
        rewinding, view.rewinding = view.rewinding, None
        if rewinding is not None and answer.error is None:
            rewinding.caught_up()
        elif answer.error is not None:
            self.withdraw(view)
            self.end(view, errors.LinkBrokenError(f"the session could not be attached: {answer.error}"))

    def _astray(self, view: SessionView, error: errors.SessionMovedError) -> None:
        """The worker gave a session away. All that it gives away in one go are brought back together."""
        meters().count(VIEWS_CUT)
        view.cut(error)
        if not self._strays:
            asyncio.get_running_loop().call_soon(self._bring_strays, error)
        self._strays.append(view)

    def _bring_strays(self, error: errors.SessionMovedError) -> None:
        strays, self._strays = self._strays, []
        lost: dict[str, list[SessionView]] = {}
        for view in strays:
            lost.setdefault(view.life, []).append(view)
        for life, views in lost.items():
            # Not at once: a worker that does not know yet that it lost the session would take it again.
            self._reattaching.begin(views, life, error, at_once=False)


def _is_open(task: asyncio.Task[Channel]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None and task.result().is_open


def _open_channel(channel: Channel) -> Channel:
    if not channel.is_open:
        raise errors.LinkBrokenError(f"link to {channel.peer_name} is down")
    return channel
