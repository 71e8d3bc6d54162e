"""Where one workspace stands, and what brings it elsewhere: the state machine with its judgement.

Plain state with the time handed in, epoch seconds, so that it can be tested by simulation.
``actors/workspace/steering.py`` has it journalled and tells the connections.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from actors.migration import audit, cause, samples
from actors.migration.audit import Metrics, Status
from actors.migration.cause import Cause
from actors.migration.contract import Chosen
from actors.migration.policy import Policy
from actors.migration.record import StandingRecord
from actors.migration.states import BY_WORD, TRANSITIONS, Change, ProtocolState, protocol_of
from actors.migration.streams import EntryKind, WorkspaceName
from actors.migration.window import SPAN_S, SuccessWindow
from actors.protocol.agent_protocol import AgentProtocol

MOST_DOUBLINGS: Final = 4
"""A cool-down is at most 2 to this power times the policy's."""


Ways = frozenset[AgentProtocol]
BOTH: Final[Ways] = frozenset(AgentProtocol)

Entries = list[tuple[EntryKind, bytes]]


@dataclass(frozen=True, slots=True)
class Shift:
    """The standing has changed; ``entries`` are to be journalled before anybody is told."""

    change: Change
    before: ProtocolState
    after: ProtocolState
    cause: Cause
    entries: Entries


class _Told(msgspec.Struct, frozen=True, rename="camel"):
    """The payload of a ``standing`` entry."""

    before: ProtocolState = msgspec.field(name="from")
    after: ProtocolState = msgspec.field(name="to")
    change: Change
    at: str
    by: str
    code: str
    reason: str
    user: str


class Standing:
    """Of the workspace ``name``.

    ``ways`` are those in which agents can be reached; without HTTP nothing is rolled back by itself.
    ``is_admitted`` is set when it is the workspace's turn to move with the rollout.
    """

    def __init__(
        self, name: WorkspaceName, record: StandingRecord, policy: Policy, ways: Ways = BOTH
    ) -> None:
        self.name = name
        self.record = record
        self.policy = policy
        self.ways = ways
        self.is_admitted = False
        self.latency_p95_ms: float | None = None
        """Of the link over ACP that was heard last; None until one was."""
        self._window = SuccessWindow.restore(record.window)
        self._probes = SuccessWindow.restore(record.probes)
        self._probers: set[str] = set()
        self._others: set[str] = set()
        self._fell_back: set[str] = set()

    @classmethod
    def first(cls, name: WorkspaceName, policy: Policy, now_s: float, ways: Ways = BOTH) -> Standing:
        """Of a workspace that is new."""
        wanted = policy.default_protocol
        starts_on = wanted if wanted in ways else wanted.other
        state = ProtocolState.HTTP if starts_on is AgentProtocol.HTTP else ProtocolState.ACP
        return cls(name, StandingRecord(state, now_s, now_s), policy, ways)

    @property
    def state(self) -> ProtocolState:
        """Where it stands."""
        return self.record.state

    @property
    def protocol(self) -> AgentProtocol:
        """What carries its sessions, but for probes and for those that fell back."""
        return next(iter(self.ways)) if len(self.ways) == 1 else protocol_of(self.state)

    # ------------------------------------------------------------------ sessions

    def choose(self, session_id: str) -> Chosen:
        """See ``ProtocolStanding.choose``."""
        if len(self.ways) == 1:
            return Chosen(self.protocol)
        if self.protocol is AgentProtocol.ACP:
            fell_back = session_id in self._fell_back
            return Chosen(AgentProtocol.HTTP if fell_back else AgentProtocol.ACP)
        if self.state is ProtocolState.HALF_OPEN and self._is_prober(session_id):
            return Chosen(AgentProtocol.ACP, is_probe=True)
        return Chosen(AgentProtocol.HTTP)

    def _is_prober(self, session_id: str) -> bool:
        """The first of all asked is one, and then so many that they are the policy's share."""
        if session_id in self._probers:
            return True
        if session_id not in self._others and session_id not in self._fell_back:
            asked = len(self._probers) + len(self._others) + 1
            if len(self._probers) < math.ceil(self.policy.probe_share * asked):
                self._probers.add(session_id)
                return True
        self._others.add(session_id)
        return False

    def fell_back(self, session_id: str) -> None:
        """A session went over to HTTP by itself: it stays there until the workspace comes to ACP again."""
        self._fell_back.add(session_id)
        self._probers.discard(session_id)

    def keep_only(self, sessions: Collection[str]) -> None:
        """Forget sessions that are not loaded any more."""
        for known in (self._probers, self._others, self._fell_back):
            known.intersection_update(sessions)

    def seek_probers(self) -> bool:
        """Whether ACP should be tried and no session does: the next that are asked will."""
        if self.state is not ProtocolState.HALF_OPEN or self._probers:
            return False
        self._others.clear()
        return True

    # ------------------------------------------------------------------ judging

    def note(self, now_s: float, gathered: samples.Gathered, *, ok: bool, is_probe: bool) -> None:
        """Count a sample, and gather it for the journal."""
        window = self._probes if is_probe else self._window
        gathered.add(window.note(self._clock(now_s), ok=ok), ok=ok, is_probe=is_probe)

    def replay(self, payload: bytes) -> None:
        """Count the samples of a journal's entry again."""
        samples.replay(payload, self._window, self._probes)

    def judge(self, now_s: float) -> list[Shift]:
        """What has to happen by itself now. Nothing, if asked again at once."""
        return list(self._judged(self._clock(now_s)))

    def _judged(self, now_s: float) -> Iterator[Shift]:
        # Each state is left at most once at one moment, since one of them waits for a cool-down.
        for _ in ProtocolState:
            due = self._due_change(now_s)
            if due is None:
                return
            yield self._go(*due, now_s)

    def _due_change(self, now_s: float) -> tuple[Change, Cause] | None:
        record, policy, state = self.record, self.policy, self.state
        if record.return_at_s and record.return_at_s <= now_s and Change.RETURNED in TRANSITIONS[state]:
            return Change.RETURNED, record.return_cause or cause.COOLED_DOWN
        if state is ProtocolState.ROLLED_BACK and now_s >= record.since_s + record.cool_down_s:
            # Where nobody may try, it is left to somebody's word.
            return (Change.COOLED_DOWN, cause.COOLED_DOWN) if policy.probe_share > 0 else None
        if state is ProtocolState.HALF_OPEN:
            return self._probes_verdict(now_s)
        if not self._may_change(now_s):
            return None
        if self.is_admitted and self.is_reached(now_s):
            scheduled = policy.begins_s is not None
            return Change.ADMITTED, cause.SCHEDULED_ROLLOUT if scheduled else cause.ROLLOUT
        is_judged = policy.automatic_rollback and AgentProtocol.HTTP in self.ways
        if is_judged and self.protocol is AgentProtocol.ACP and policy.is_below(*self._window.counts(now_s)):
            return Change.BELOW_THRESHOLD, cause.BELOW_THRESHOLD
        return None

    def is_reached(self, now_s: float) -> bool:
        """Whether the rollout has come to the workspace, and it should move when its turn comes."""
        is_able = AgentProtocol.ACP in self.ways and self.state is ProtocolState.HTTP
        return is_able and self.policy.reaches(self.name.key, now_s)

    def _probes_verdict(self, now_s: float) -> tuple[Change, Cause] | None:
        verdict = self.policy.probes_verdict(*self._probes.counts(now_s))
        if verdict is None:
            return None
        if not verdict:
            return Change.PROBES_FAILED, cause.PROBES_FAILED
        return (Change.PROBES_PASSED, cause.PROBES_PASSED) if self._may_change(now_s) else None

    def _may_change(self, now_s: float) -> bool:
        """By itself a workspace changes its protocol once in a cool-down at most."""
        changed_s = self.record.changed_s
        return not changed_s or now_s - changed_s >= self.policy.cool_down_s

    def due_s(self) -> float | None:
        """When to judge again at the latest, though no sample comes in between; None: not by itself."""
        record, policy = self.record, self.policy
        moments = [record.return_at_s] if record.return_at_s else []
        if self.state is ProtocolState.ROLLED_BACK and policy.probe_share > 0:
            moments.append(record.since_s + record.cool_down_s)
        if self.state is ProtocolState.HTTP and policy.migration_enabled:
            moments.append(policy.begins_s or 0.0)
        if record.changed_s and self.protocol is AgentProtocol.ACP:
            moments.append(record.changed_s + policy.cool_down_s)
        ahead = [moment for moment in moments if moment > record.clock_s]
        return min(ahead, default=None)

    # ------------------------------------------------------------------ somebody's word

    def pin(self, why: Cause, now_s: float) -> Shift | None:
        """Back to HTTP until somebody returns it; None where that is so already."""
        return self._on_word(Change.PINNED, why, self._clock(now_s))

    def give_back(self, why: Cause, now_s: float, at_s: float = 0.0) -> Shift | None:
        """To ACP, now or at a moment ahead; None where it is on its way there or does not go yet."""
        now_s = self._clock(now_s)
        if at_s > now_s and Change.RETURNED in TRANSITIONS[self.state]:
            self.record.return_at_s, self.record.return_cause = at_s, why
            self.record.version += 1
            return None
        return self._on_word(Change.RETURNED, why, now_s)

    def _on_word(self, change: Change, why: Cause, now_s: float) -> Shift | None:
        return self._go(change, why, now_s) if change in TRANSITIONS[self.state] else None

    # ------------------------------------------------------------------ going from state to state

    def _go(self, change: Change, why: Cause, now_s: float) -> Shift:
        record, before = self.record, self.state
        after = TRANSITIONS[before][change]
        record.state, record.since_s = after, now_s
        record.version += 1
        entries = [(EntryKind.STANDING, _told(before, after, change, why, now_s))]
        if protocol_of(before) is not protocol_of(after):
            entries += self._change_protocol(protocol_of(after), why, now_s)
        self._probers.clear()
        self._others.clear()
        match change:
            case Change.COOLED_DOWN:
                self._probes = SuccessWindow()
            case Change.PROBES_PASSED:
                self._window = self._probes
            case Change.RETURNED | Change.ADMITTED:
                self._window = SuccessWindow()
            case Change.BELOW_THRESHOLD | Change.PROBES_FAILED:
                self._cool_down()
        if change in BY_WORD:
            record.return_at_s, record.return_cause, record.strikes = 0.0, None, 0
        return Shift(change, before, after, why, entries)

    def _cool_down(self) -> None:
        record = self.record
        record.strikes += 1
        doublings = min(record.strikes - 1, MOST_DOUBLINGS)
        record.cool_down_s = self.policy.cool_down_s * 2**doublings

    def _change_protocol(self, to: AgentProtocol, why: Cause, now_s: float) -> Entries:
        record = self.record
        stayed_s = now_s - record.changed_s
        if to is AgentProtocol.HTTP and stayed_s >= max(SPAN_S, record.cool_down_s):
            record.strikes = 0  # what was on ACP for so long had proven itself
        metrics = self.metrics(now_s)
        entries = self._end_last(to, why, now_s)
        migration = audit.begun(to, why, metrics, now_s)
        record.under_way, record.brought, record.changed_s = migration, None, now_s
        if to is AgentProtocol.ACP:
            self._fell_back.clear()
        entries.append((EntryKind.MIGRATION, audit.migration_json(self.name, migration)))
        if migration.rollback:
            entries.append((EntryKind.ROLLBACK, audit.rollback_json(self.name, migration)))
        return entries

    def _end_last(self, to: AgentProtocol, why: Cause, now_s: float) -> Entries:
        """What becomes of the migration before: one to ACP is rolled back now, one to HTTP was cut short."""
        last = self.record.under_way or self.record.brought
        if last is None:
            return []
        if to is AgentProtocol.HTTP:
            told = audit.migration_json(self.name, last, Status.ROLLED_BACK, now_s, reason=why.code)
            return [(EntryKind.MIGRATION, told)]
        short = "The workspace was returned to ACP before all sessions had come over."
        return self._ended(last, Status.FAILED, now_s, short)

    def resumed(self, now_s: float) -> Entries:
        """Another process had it: sessions that had to come over do so when they are taken up."""
        last = self.record.under_way
        if last is None:
            return []
        self.record.under_way = audit.begun_again(last)
        return self.came_over(now_s)

    def came_over(self, now_s: float, sessions: int = 0, errors: tuple[str, ...] = ()) -> Entries:
        """No session is left that has to come over; ``errors`` are the codes of those that could not.

        Returns what is to be journalled; the state ``moving`` ends with it.
        """
        now_s = self._clock(now_s)
        record, last = self.record, self.record.under_way
        if last is None:
            return []
        failed = bool(errors) and len(errors) >= sessions
        text = (
            f"{len(errors)} of {sessions} sessions stay: {', '.join(sorted(set(errors)))}" if errors else ""
        )
        entries = self._ended(last, Status.FAILED if failed else Status.SUCCEEDED, now_s, text)
        record.under_way = None
        record.brought = last if last.to is AgentProtocol.ACP and not failed else None
        if Change.MOVED in TRANSITIONS[self.state]:
            entries += self._go(Change.MOVED, cause.MOVED, now_s).entries
        return entries

    def _ended(self, migration: audit.Migration, status: Status, now_s: float, error: str) -> Entries:
        told = audit.migration_json(self.name, migration, status, now_s, error=error)
        entries = [(EntryKind.MIGRATION, told)]
        if migration.rollback:
            entries.append((EntryKind.ROLLBACK, audit.rollback_json(self.name, migration, now_s)))
        return entries

    # ------------------------------------------------------------------ what is known of it

    @property
    def sessions_fallen_back(self) -> int:
        """How many sessions are on HTTP by themselves."""
        return len(self._fell_back)

    def metrics(self, now_s: float) -> Metrics:
        """How the last hour went, and what it is judged by."""
        judged = self._probes if self.state is ProtocolState.HALF_OPEN else self._window
        good, bad = judged.counts(self._clock(now_s))
        rate = good / (good + bad) if good + bad else None
        policy = self.policy
        return Metrics(
            rate, good + bad, bad, SPAN_S, policy.threshold, policy.min_samples, self.latency_p95_ms
        )

    def snapshot(self) -> StandingRecord:
        """The record, with the windows as they are now."""
        self.record.window, self.record.probes = self._window.dump(), self._probes.dump()
        return self.record

    def _clock(self, now_s: float) -> float:
        """The time never goes back, unless so far that it is another clock: then all moments go with it."""
        record = self.record
        back_s = record.clock_s - now_s
        if back_s > SPAN_S:
            for name in ("since_s", "changed_s"):
                moment = getattr(record, name)
                setattr(record, name, moment and max(moment - back_s, 0.001))
        elif back_s > 0:
            return record.clock_s
        record.clock_s = now_s
        return now_s


def _told(before: ProtocolState, after: ProtocolState, change: Change, why: Cause, now_s: float) -> bytes:
    told = _Told(before, after, change, audit.iso(now_s), why.by, why.code, why.reason, why.user)
    return msgspec.json.encode(told)
