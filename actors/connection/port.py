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
from actors.agents.target import AgentTarget, TargetKind
from actors.connection import states
from actors.connection.agreement import initialize_params, read_agreement
from actors.connection.calls import AgentCalls, OnOutcome
from actors.connection.chronicle import Move
from actors.connection.figures import figures_of
from actors.connection.health import ConnectionHealth, Progress, Verdict
from actors.connection.inbox import AgentInbox
from actors.connection.lodging import Lodging
from actors.connection.messages import AgentGone, ConnectionSettings
from actors.connection.states import ConnectionState
from actors.kernel.ref import ActorRef
from actors.protocol import compose, rewrite
from actors.protocol.agent_protocol import AgentProtocol
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
    request and notification; answers go to who asked. ``on_move`` hears of each change of state,
    ``on_log`` of each line that the agent writes to its standard error.
    """

    def __init__(
        self,
        owner: ActorRef,
        settings: ConnectionSettings,
        on_update: Callable[[UpdateParams, bytes], bool],
        on_message: Callable[[Envelope], None],
        on_gone: Callable[[AgentGone], None],
        on_move: Callable[[Move], None],
        lodging: Lodging,
        life: str = "",
        on_log: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.state = ConnectionState.DISCONNECTED
        self.target = settings.target
        is_http = self.target.kind is TargetKind.AGENTAPI
        self.protocol = AgentProtocol.HTTP if is_http else AgentProtocol.ACP
        self.profile = _UNKNOWN
        self.lodging = lodging
        self.agreement: dict[str, object] = {}
        self._settings = settings
        self._max_bytes = settings.max_frame_bytes
        self._on_update = on_update
        self._on_message = on_message
        self._on_gone = on_gone
        self._on_move = on_move
        self._on_log = on_log
        self._owner = owner
        self._life = life
        self._calls = AgentCalls()
        self._inbox = AgentInbox(owner, self.target.label, on_log)
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
        if self.target.kind is TargetKind.STDIO:
            return False
        return (
            self.profile == _UNKNOWN
            or self.offers("loadSession")
            or self.offers("sessionCapabilities", "resume")
        )

    def turn(self, protocol: AgentProtocol, target: AgentTarget, cause: str = "") -> None:
        """Reach another agent from now on, over ``protocol``. Its link is another connection than the one
        that is left, which is let go at the next ``open``, or by ``let_go``.

        A connection over ACP is rolled back until it is returned to.
        """
        left, taken = ConnectionState.ROLLED_BACK, ConnectionState.DISCONNECTED
        if protocol is AgentProtocol.ACP:
            left, taken = taken, left
        if self.state is not left:
            self._move(left, cause=cause)
        self.aim(protocol, target)
        self.state = taken
        self.profile, self.agreement = _UNKNOWN, {}
        self.health = ConnectionHealth()

    def aim(self, protocol: AgentProtocol, target: AgentTarget) -> None:
        """The agent to reach, while none was yet."""
        self.protocol, self.target = protocol, target

    async def open(self, target: AgentTarget, cwd: str, client_initialize: bytes) -> None:
        """Dial and shake hands, within ``agent_start_timeout_s``; a link of before is let go first.

        A process of ours waits for memory before that. Raises AgentMemoryError, AgentStartError,
        AgentUnreachableError, AgentTimeoutError, AgentClosedError, AgentProtocolError or
        ProtocolMismatchError (no common version, both are named).
        """
        await self.let_go()
        self.target = target
        self.lodging.use(target)
        again = ConnectionState.RECONNECTING if self.state is ConnectionState.ERROR else None
        self._move(again or ConnectionState.CONNECTING)
        try:
            await self._open(cwd, client_initialize)
        except errors.LumiLinkError as error:
            self._fail(error)
            raise
        except BaseException:
            self._fail(errors.AgentClosedError("it was given up before the agent had answered"))
            raise
        self._move(ConnectionState.CONNECTED)

    async def _open(self, cwd: str, client_initialize: bytes) -> None:
        settings = self._settings
        self._inbox = AgentInbox(self._owner, self.target.label, self._on_log)
        self._inbox.press(self._pressed)
        options = DialOptions(
            cwd=cwd,
            env=self._environment(),
            max_frame_bytes=settings.max_frame_bytes,
            idle_timeout_s=settings.reconnect.idle_timeout_s,
        )
        async with self.lodging.starting():
            await self._shake_hands(options, client_initialize)
        self.lodging.rests()

    def _environment(self) -> dict[str, str]:
        """What a process of ours gets. All others have an environment of their own."""
        if self.target.kind is not TargetKind.STDIO:
            return {}
        return inherited_environment(self._settings.agent_environment) | marks(self._life)

    async def _shake_hands(self, options: DialOptions, client_initialize: bytes) -> None:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.agent_start_timeout_s):
                self._link = await dial(self.target, self._inbox, options)
                self._inbox.bind(self._link)
                params = initialize_params(client_initialize)
                answer = await self.call("initialize", params, settings.agent_start_timeout_s)
        except TimeoutError:
            raise errors.AgentTimeoutError(
                f"{self.target.label} was not reached in {settings.agent_start_timeout_s:g} s"
            ) from None
        except errors.AgentClosedError as error:
            raise errors.AgentStartError(error.detail) from None
        if answer.kind is MessageKind.ERROR:
            raise errors.AgentProtocolError(f"{self.target.label} refused initialize")
        self.profile = result_raw(answer)
        self.agreement = read_agreement(self.profile)

    async def close(self) -> None:
        """End the link; nothing of it is left afterwards. Once more is no harm."""
        self.retire()
        await self.let_go()

    def retire(self) -> None:
        """Use the link no more, which is let go a moment later."""
        if self.state is not ConnectionState.DISCONNECTED:
            self._move(ConnectionState.DISCONNECTED)

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
            raise errors.AgentClosedError(f"{self.target.label} is gone")
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

    def awaits(self, number: int) -> bool:
        """Whether a request is unanswered."""
        return number in self._calls

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
                log.debug("%s answered a request that nobody asks", self.target.label)
        except errors.LumiLinkError as error:
            self._fault(frame, error)

    def _fault(self, frame: bytes, error: errors.LumiLinkError) -> None:
        label = self.target.label
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
        error = errors.AgentClosedError(f"{self.target.label} ended: {gone.closed.reason}")
        self._fail(error)
        self._calls.fail_all(error)
        self._on_gone(gone)

    def judge(self) -> bool:
        """Take the state from how the link fares; true if it is another one now."""
        if self.state not in _USABLE:
            return False
        verdict = self.health.judged(_now())
        then = ConnectionState.DEGRADED if verdict is Verdict.DEGRADED else ConnectionState.CONNECTED
        changed = then is not self.state
        if changed:
            self._move(then)
        return changed

    @property
    def latency_p95_ms(self) -> float | None:
        """How long the agent took for its last answers; None before the first."""
        return figures_of(self.health, self.profile, _now()).latency_p95_ms

    def describe(self) -> dict[str, object]:
        """The link's state and figures, as lists show them; times in milliseconds."""
        figures = figures_of(self.health, self.profile, _now())
        return {"state": self.state.value, "protocol": self.protocol.value, **figures.shown()}

    def _fail(self, error: errors.LumiLinkError) -> None:
        if ConnectionState.ERROR in states.TRANSITIONS[self.state]:
            self._move(ConnectionState.ERROR, error)

    def _move(self, to: ConnectionState, error: errors.LumiLinkError | None = None, cause: str = "") -> None:
        was, self.state = self.state, states.check(self.state, to)
        figures = figures_of(self.health, self.profile, _now())
        self._on_move(Move(was, to, self.protocol, error, cause, figures))

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
