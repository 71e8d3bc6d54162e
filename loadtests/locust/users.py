"""Users with ACP sessions: they prompt, allow what agents ask, lose their network and come back."""

from __future__ import annotations

import random
import uuid
from contextlib import suppress
from typing import ClassVar, Final

import gevent
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.locust.acp_socket import SocketPeer
from loadtests.locust.acp_stream import StreamPeer
from loadtests.locust.peer import DEADLINE_S, AcpPeer, FailedError, Place, Tell
from loadtests.locust.plan import Kind, Turns
from loadtests.locust.running import chosen_profile, credential
from loadtests.wire import Orders

_PROFILE: Final = chosen_profile()
_WORKSPACES: Final = 101
_AFTER_FAILURE_S: Final = 1.0


def telling(environment: Environment) -> Tell:
    """A way to tell Locust of events."""
    fire = environment.events.request.fire

    def tell(via: str, name: str, took_ms: float, length: int, error: FailedError | None) -> None:
        fire(  # type: ignore[no-untyped-call] # Locust's
            request_type=via,
            name=name,
            response_time=took_ms,
            response_length=length,
            exception=error,
            context={},
        )

    return tell


class SessionHolder(User):
    """Has one session from its arrival to the end."""

    abstract = True
    peer_class: ClassVar[type[AcpPeer]]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        place = Place(str(self.host), credential())
        self.chance = random.Random()
        self.peer = self.peer_class(place, telling(environment), _PROFILE.expected)

    def on_start(self) -> None:
        """Make the session."""
        with suppress(FailedError):  # Locust was told
            self.peer.open()
            self.peer.new_session(f"/load/{self.chance.randrange(_WORKSPACES)}")

    def on_stop(self) -> None:
        """Close the session and leave."""
        with suppress(FailedError):  # Locust was told
            if self.peer.session_id:
                self.peer.close_session()
        with suppress(FailedError):
            self.peer.leave()


class Prompter(SessionHolder):
    """Prompts over and over."""

    abstract = True
    turns: ClassVar[Turns] = _PROFILE.turns

    def wait_time(self) -> float:
        """Thinking before the next turn."""
        return self.chance.uniform(*self.turns.think_s)

    @task
    def turn(self) -> None:
        """One turn, with what may happen in it; after a failure the session is taken up again."""
        if not self.peer.session_id:
            raise StopUser
        try:
            self._turn()
        except FailedError:
            gevent.sleep(_AFTER_FAILURE_S)
            self._recover()

    def _turn(self) -> None:
        plan = self.turns
        orders = Orders(plan.updates, plan.interval_s, plan.size_bytes, self.chance.random() < plan.asks)
        prompt_id = uuid.uuid4().hex
        turn = self.peer.prompt(prompt_id, orders)
        if self.chance.random() < plan.leaves:
            gevent.sleep(self.chance.random() * plan.updates * plan.interval_s)
            self.peer.hang_up()
            gevent.sleep(plan.away_s)
            self.peer.come_back()
            turn = self.peer.rejoin(turn, prompt_id, orders)
        self.peer.ended(turn, plan.longest_s + DEADLINE_S)

    def _recover(self) -> None:
        self.peer.forget_turn()
        with suppress(FailedError):  # Locust was told, and the next turn tries again
            self.peer.hang_up()
            self.peer.come_back()


class SocketUser(Prompter):
    """Over WebSocket."""

    peer_class = SocketPeer
    weight = _PROFILE.count(Kind.SOCKET)


class StreamUser(Prompter):
    """Over streamable HTTP."""

    peer_class = StreamPeer
    weight = _PROFILE.count(Kind.STREAM)


class Visitor(SessionHolder):
    """Asks for one session, keeps what it gets, and does nothing with it."""

    peer_class = SocketPeer
    weight = _PROFILE.count(Kind.VISITOR)

    @task
    def stay(self) -> None:
        """Until all leave."""
        gevent.sleep(1.0)
