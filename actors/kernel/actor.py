"""What an actor's author writes against: the class to subclass, and the context that it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from actors.kernel.options import DEFAULT_OPTIONS, ActorOptions
from actors.kernel.states import StopReason

if TYPE_CHECKING:
    from actors.kernel.activation import Activation
    from actors.kernel.identity import ActorId
    from actors.kernel.ref import ActorRef
    from actors.kernel.timers import Timer

T = TypeVar("T")


class Actor:
    """Subclass this. One instance is one try at the actor's life: after a failure comes a new one."""

    context: ActorContext
    """Set before ``started``."""

    async def started(self) -> None:
        """Get ready; messages wait until this is done. Any exception is a failure."""

    def receive(self, message: object) -> object:
        """Handle one message. What is returned says how:

        - a plain value or None: done; an ask is answered with it.
        - a coroutine (``async def receive``): the mailbox waits for its end; its result is the reply.
        - a Future or Task, as from ``context.run``: the mailbox goes on at once; its result is the reply.

        Raising a LumiLinkError rejects the message; any other exception is a failure of the actor.
        """

    async def stopping(self, reason: StopReason) -> None:
        """Let go of what this instance holds. Also called after a failure, even one in ``started``.

        The actor's children and tasks have ended by now. Time-boxed by ``ActorOptions.stop_grace_s``.
        """

    def may_passivate(self) -> bool:
        """Whether an idle actor may be unloaded now; asked only if ``ActorOptions.idle_after_s`` is set."""
        return True


class ActorContext:
    """An actor's way to the kernel. Only for the actor itself: nobody else may hold it."""

    __slots__ = ("_activation", "children", "id", "ref")

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self.id: ActorId = activation.id
        self.ref: ActorRef = activation.ref
        self.children: Mapping[ActorId, ActorRef] = Children(activation.children)

    def spawn(
        self,
        id: ActorId,  # noqa: A002 - everywhere else it is called so
        factory: Callable[[], Actor],
        options: ActorOptions = DEFAULT_OPTIONS,
    ) -> ActorRef:
        """A new child, supervised by this actor. InternalError if ``id`` is taken, ActorStoppedError."""
        return self._activation.spawn(id, factory, options)

    def get_or_spawn(
        self,
        id: ActorId,  # noqa: A002 - everywhere else it is called so
        factory: Callable[[], Actor],
        options: ActorOptions = DEFAULT_OPTIONS,
    ) -> ActorRef:
        """The actor that lives under ``id``, or a new child; never waits.

        If the old activation is still stopping, the new one starts, and handles what it was told
        meanwhile, as soon as the old one has ended.
        """
        return self._activation.get_or_spawn(id, factory, options)

    def run(self, coroutine: Coroutine[object, object, T], *, name: str) -> asyncio.Task[T]:
        """A task of this activation: cancelled and awaited when the instance ends.

        An exception in it is a failure of the actor, unless it is a LumiLinkError and the task is the
        reply to a message (it was returned by ``receive``). ActorStoppedError if the actor is ending.
        """
        return self._activation.run(coroutine, name)

    def after(self, delay_s: float, message: object) -> Timer:
        """Tell this actor ``message`` in ``delay_s`` seconds; cancelled when the instance ends."""
        return self._activation.after(delay_s, message)

    def touch(self) -> None:
        """Count as active now: passivation starts to wait anew."""
        self._activation.touch()

    def stop(self, reason: StopReason = StopReason.REQUESTED) -> None:
        """End this activation after the current ``receive``; a coroutine in hand is cancelled."""
        self._activation.stop(reason)


class Children(Mapping["ActorId", "ActorRef"]):
    """The children of one actor, in the order in which they were spawned; a view."""

    __slots__ = ("_activations",)

    def __init__(self, activations: Mapping[ActorId, Activation]) -> None:
        self._activations = activations

    def __getitem__(self, actor_id: ActorId) -> ActorRef:
        return self._activations[actor_id].ref

    def __iter__(self) -> Iterator[ActorId]:
        return iter(self._activations)

    def __len__(self) -> int:
        return len(self._activations)
