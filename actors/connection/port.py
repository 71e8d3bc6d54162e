"""The agent's side of a connection: dialling, our requests to it, what it sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from actors import errors
from actors.agents.dial import dial
from actors.agents.inherited import inherited_environment
from actors.agents.link import AgentLink, DialOptions
from actors.agents.orphans import marks
from actors.agents.target import TargetKind
from actors.connection import states
from actors.connection.agreement import initialize_params, read_agreement
from actors.connection.calls import AgentCalls, OnOutcome
from actors.connection.health import ConnectionHealth, Progress, Verdict
from actors.connection.inbox import AgentInbox
from actors.connection.lodging import Lodging
from actors.connection.messages import AgentGone, ConnectionSettings
from actors.connection.states import ConnectionState
from actors.kernel.ref import ActorRef
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, MessageKind, parse, request_id_of, result_raw
from actors.protocol.handshake import has_capability
from actors.protocol.members import split
from actors.protocol.rewrite import UpdateParams, read_update

log = logging.getLogger("lumilink.connection")

_USABLE = frozenset({ConnectionState.CONNECTED, ConnectionState.DEGRADED})
_TALKING = _USABLE | {ConnectionState.CONNECTING, ConnectionState.RECONNECTING}

_UNKNOWN = b"{}"

READ_AT_ONCE = 64
LOG_EVERY = 100


class AgentPort:
    """One link to one agent, with its state and the requests that it has not answered.

    ``life`` is that of the worker, for agents that are processes of it. ``on_update`` gets each plain
    ``session/update`` with its frame, and says whether that was all. Of the rest ``on_message`` gets every
    request and notification; answers go to who asked.
    """

    def __init__(
        self,
        owner: ActorRef,
        settings: ConnectionSettings,
        on_update: Callable[[UpdateParams, bytes], bool],
        on_message: Callable[[Envelope], None],
        on_gone: Callable[[AgentGone], None],
        lodging: Lodging,
        life: str = "",
    ) -> None:
        self.state = ConnectionState.DISCONNECTED
        self.profile = _UNKNOWN
        self.lodging = lodging
        self.agreement: dict[str, object] = {}
        self._settings = settings
        self._max_bytes = settings.max_frame_bytes
        self._on_update = on_update
        self._on_message = on_message
        self._on_gone = on_gone
        self._owner = owner
        self._life = life
        self._calls = AgentCalls()
        self._inbox = AgentInbox(owner, settings.target.label)
        self._link: AgentLink | None = None
        self.health = ConnectionHealth()
        self.progress = Progress(settings.stall_timeout_s)
        self._faults = 0
        self._pressed = False

    # ---------------------------------------------------------------- opening and closing

    @property
    def is_connected(self) -> bool:
        """Whether the agent can be told something."""
        return self.state in _USABLE

    @property
    def link(self) -> AgentLink | None:
        """The link to the agent, while there is one."""
        return self._link

    @property
    def may_remember(self) -> bool:
        """Whether an agent that is reached again may be the one that it was, and know its sessions.

        One over stdio never is: its process ended. What one can do that another worker had is not known yet.
        """
        if self._settings.target.kind is TargetKind.STDIO:
            return False
        return (
            self.profile == _UNKNOWN
            or self.offers("loadSession")
            or self.offers("sessionCapabilities", "resume")
        )

    async def open(self, cwd: str, client_initialize: bytes) -> None:
        """Dial and shake hands, within ``agent_start_timeout_s``; a link of before is let go first.

        A process of ours waits for memory before that. Raises AgentMemoryError, AgentStartError,
        AgentUnreachableError, AgentTimeoutError, AgentClosedError or AgentProtocolError (no common version,
        both are named).
        """
        await self.let_go()
        again = ConnectionState.RECONNECTING if self.state is ConnectionState.ERROR else None
        self.state = states.check(self.state, again or ConnectionState.CONNECTING)
        try:
            await self._open(cwd, client_initialize)
        except BaseException:
            self._fail()
            raise
        self.state = states.check(self.state, ConnectionState.CONNECTED)

    async def _open(self, cwd: str, client_initialize: bytes) -> None:
        settings = self._settings
        self._inbox = AgentInbox(self._owner, settings.target.label)
        self._inbox.press(self._pressed)
        env = inherited_environment(settings.agent_environment) | marks(self._life)
        options = DialOptions(
            cwd=cwd,
            env=env,
            max_frame_bytes=settings.max_frame_bytes,
            idle_timeout_s=settings.reconnect.idle_timeout_s,
        )
        async with self.lodging.starting():
            await self._shake_hands(options, client_initialize)
        self.lodging.rests()

    async def _shake_hands(self, options: DialOptions, client_initialize: bytes) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.agent_start_timeout_s):
                self._link = await dial(settings.target, self._inbox, options)
                self._inbox.bind(self._link)
                params = initialize_params(client_initialize)
                answer = await self.call("initialize", params, settings.agent_start_timeout_s)
        except TimeoutError:
            raise errors.AgentTimeoutError(
                f"{settings.target.label} was not reached in {settings.agent_start_timeout_s:g} s"
            ) from None
        except errors.AgentClosedError as error:
            raise errors.AgentStartError(error.detail) from None
        if answer.kind is MessageKind.ERROR:
            raise errors.AgentProtocolError(f"{settings.target.label} refused initialize")
        self.profile = result_raw(answer)
        self.agreement = read_agreement(self.profile)

    async def close(self) -> None:
        """End the link; nothing of it is left afterwards. Once more is no harm."""
        if self.state is not ConnectionState.DISCONNECTED:
            self.state = states.check(self.state, ConnectionState.DISCONNECTED)
        await self.let_go()

    async def let_go(self) -> None:
        """End the link, whatever becomes of the connection."""
        link = self._link
        if link is not None:
            await link.close()
            if self._link is link:
                self._link = None
                self._inbox.unbind()
                self.lodging.gone()
        self._calls.fail_all(errors.AgentClosedError("the connection to the agent was closed"))

    # ---------------------------------------------------------------- to the agent

    def send(self, frame: bytes) -> None:
        """Send a message as it is. Raises AgentClosedError, FrameTooLargeError or MailboxFullError."""
        if self._link is None or self.state not in _TALKING:
            raise errors.AgentClosedError(f"{self._settings.target.label} is gone")
        self._link.send(frame)
        self.progress.note(_now())

    def forward(self, request: Envelope, session: tuple[str, str] | None, on_outcome: OnOutcome) -> int:
        """Send a client's request under an id of ours, which is returned.

        ``session`` is (our id, the agent's id). Raises nothing: ``on_outcome`` is told of every failure.
        """

        def build(number: int) -> bytes:
            frame = rewrite.with_id(request, number)
            return frame if session is None else rewrite.with_session(frame, *session)

        # A turn takes as long as its work does, which says nothing of the link.
        timed = on_outcome if request.method == "session/prompt" else self._timed(on_outcome)
        return self._start_call(build, timed)

    def request(self, method: str, params: object, on_outcome: OnOutcome) -> int:
        """Send a request of our own; as ``forward``."""
        return self._start_call(
            lambda number: compose.request(number, method, params), self._timed(on_outcome)
        )

    async def call(self, method: str, params: object, deadline_s: float) -> Envelope:
        """A request of our own, awaited: the agent's answer, be it a result or an error of its own.

        Raises AgentTimeoutError at the deadline, and what ``send`` raises.
        """
        return await self._await_answer(
            lambda on_outcome: self.request(method, params, on_outcome), method, deadline_s
        )

    async def call_forwarded(self, request: Envelope, deadline_s: float) -> Envelope:
        """``call`` with a client's request, passed on as it is."""
        return await self._await_answer(
            lambda on_outcome: self.forward(request, None, on_outcome), str(request.method), deadline_s
        )

    async def _await_answer(
        self, start: Callable[[OnOutcome], int], method: str, deadline_s: float
    ) -> Envelope:
        future: asyncio.Future[Envelope] = asyncio.get_running_loop().create_future()

        def settle(outcome: Envelope | errors.LumiLinkError) -> None:
            if future.done():
                return
            if isinstance(outcome, errors.LumiLinkError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        number = start(settle)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            error = errors.AgentTimeoutError(f"no answer to {method} in {deadline_s:g} s")
            self._calls.settle(number, error)
            raise error from None

    def settle(self, number: int, error: errors.LumiLinkError) -> bool:
        """End a request from our side; false if it was answered already."""
        return self._calls.settle(number, error)

    def _timed(self, on_outcome: OnOutcome) -> OnOutcome:
        """``on_outcome``, and a note of how long the agent took and whether it answered at all."""
        began = _now()

        def told(outcome: Envelope | errors.LumiLinkError) -> None:
            now = _now()
            self.health.note_answer(now - began, not isinstance(outcome, errors.LumiLinkError), now)
            on_outcome(outcome)

        return told

    def _start_call(self, build: Callable[[int], bytes], on_outcome: OnOutcome) -> int:
        try:
            number = self._calls.start(on_outcome)
        except errors.MailboxFullError as error:
            on_outcome(error)
            return 0
        try:
            self.send(build(number))
        except errors.LumiLinkError as error:
            self._calls.settle(number, error)
        return number

    # ---------------------------------------------------------------- from the agent

    def press(self, pressed: bool) -> None:
        """Read nothing more from the agent while ``pressed``: the journal cannot keep up."""
        self._pressed = pressed
        self._inbox.press(pressed)

    def read(self) -> None:
        """Handle what the agent sent, at most 64 messages at once."""
        now = _now()
        self.progress.note(now)
        for _ in range(READ_AT_ONCE):
            frame = self._inbox.take()
            if frame is None:
                return
            if isinstance(frame, AgentGone):
                self._gone(frame)
                return
            self.health.note_message(now)
            self._handle(frame)
        self._inbox.tell_again()

    def _handle(self, frame: bytes) -> None:
        """One message; whatever is wrong with it, the next one is read."""
        try:
            if len(frame) <= self._max_bytes:
                update = read_update(frame)
                if update is not None and self._on_update(update, frame):
                    return
            message = parse(frame, max_bytes=self._max_bytes)
            kind = message.kind
            if kind is MessageKind.NOTIFICATION or kind is MessageKind.REQUEST:
                self._on_message(message)
            elif not self._calls.settle(message.id, message):
                log.debug("%s answered a request that nobody asks", self._settings.target.label)
        except errors.LumiLinkError as error:
            self._fault(frame, error)

    def _fault(self, frame: bytes, error: errors.LumiLinkError) -> None:
        label = self._settings.target.label
        self._faults += 1
        if self._faults <= 3 or self._faults % LOG_EVERY == 0:
            log.warning("%s sent a bad message (%d so far): %s", label, self._faults, error)
        request_id = request_id_of(error)
        if request_id is not None and _is_answer(frame):
            # Nothing is said of it to the agent, in whose eyes it would answer a request of its own.
            bad = errors.AgentProtocolError(f"{label} answered with what is no answer: {error.detail}")
            self._calls.settle(msgspec.json.decode(request_id), bad)
            return
        try:
            self.send(compose.error_response(request_id, error))
        except errors.LumiLinkError as closed:
            log.debug("cannot tell %s: %s", label, closed)

    def _gone(self, gone: AgentGone) -> None:
        self._fail()
        reason = f"{self._settings.target.label} ended: {gone.closed.reason}"
        self._calls.fail_all(errors.AgentClosedError(reason))
        self._on_gone(gone)

    def judge(self) -> bool:
        """Take the state from how the link fares; true if it is another one now."""
        if self.state not in _USABLE:
            return False
        verdict = self.health.judged(_now())
        then = ConnectionState.DEGRADED if verdict is Verdict.DEGRADED else ConnectionState.CONNECTED
        changed = then is not self.state
        if changed:
            self.state = states.check(self.state, then)
        return changed

    def describe(self) -> dict[str, object]:
        """The link's state and figures, as lists show them; times in milliseconds."""
        found = self.health.snapshot(_now())
        p95 = None if found.latency_p95_s is None else round(found.latency_p95_s * 1000, 1)
        heard = None if found.last_heard is None else round((_now() - found.last_heard) * 1000)
        return {
            "state": self.state.value,
            "silentForMs": heard,
            "latencyP95Ms": p95,
            "throughputPerMin": found.throughput_per_min,
            "successRate": round(found.success_rate, 4),
        }

    def _fail(self) -> None:
        if ConnectionState.ERROR in states.TRANSITIONS[self.state]:
            self.state = states.check(self.state, ConnectionState.ERROR)

    def offers(self, *path: str) -> bool:
        """Whether the agent's capabilities hold an object or true at ``path``."""
        return has_capability(self.profile, ".".join(("agentCapabilities", *path)))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _is_answer(frame: bytes) -> bool:
    """Whether what could not be parsed was meant to answer a request of ours."""
    try:
        return "method" not in split(frame)
    except (msgspec.DecodeError, errors.ProtocolFault):
        return False
