"""A workspace's standing, with a clock that is turned by hand."""

from __future__ import annotations

import json

from actors.migration import record
from actors.migration.cause import Cause, Initiator, Trigger
from actors.migration.policy import Policy
from actors.migration.samples import Gathered
from actors.migration.standing import BOTH, Shift, Standing, Ways
from actors.migration.states import Change, ProtocolState
from actors.migration.streams import EntryKind, WorkspaceName
from actors.protocol.agent_protocol import AgentProtocol

MINUTE = 60.0
WORKSPACE = WorkspaceName("inst", "ws_1")
OPERATOR = Cause(Initiator.OPERATOR, Trigger.MANUAL, "manual-operator", "Maintenance.", "ada")
USER = Cause(Initiator.USER, Trigger.MANUAL, "manual-user", "It is slow.", "bob")
LATER = Cause(Initiator.OPERATOR, Trigger.SCHEDULED, "manual-operator", "", "ada")


class World:
    """Whatever changes is noted: ``entries`` are those of the journal."""

    def __init__(self, policy: Policy | None = None, ways: Ways = BOTH) -> None:
        self.now = 1_800_000_000.0
        self.policy = policy or Policy()
        self.ways = ways
        self.entries: list[tuple[EntryKind, bytes]] = []
        self.changes: list[Change] = []
        self.standing = Standing.first(WORKSPACE, self.policy, self.now, ways)

    @property
    def state(self) -> ProtocolState:
        return self.standing.state

    @property
    def protocol(self) -> AgentProtocol:
        return self.standing.protocol

    # ------------------------------------------------------------------ what happens

    def note(self, *, ok: bool, is_probe: bool = False) -> None:
        self.standing.note(self.now, Gathered(), ok=ok, is_probe=is_probe)
        self.judge()

    def notes(self, letters: str, *, is_probe: bool = False) -> None:
        for letter in letters:
            self.note(ok=letter == "g", is_probe=is_probe)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.judge()

    def judge(self) -> None:
        self._took(self.standing.judge(self.now))
        assert self.standing.judge(self.now) == []

    def pin(self, why: Cause = OPERATOR) -> None:
        self._took([self.standing.pin(why, self.now)])

    def give_back(self, why: Cause = OPERATOR, in_s: float = 0.0) -> None:
        at_s = self.now + in_s if in_s else 0.0
        self._took([self.standing.give_back(LATER if in_s else why, self.now, at_s)])

    def fails(self) -> None:
        """So much that it is rolled back."""
        self.notes("b" * 20)
        assert self.state is ProtocolState.ROLLED_BACK

    def returns_by_itself(self) -> None:
        self.passes(10 * MINUTE)
        self.notes("g" * 20, is_probe=True)
        self.all_come_over()
        assert self.state is ProtocolState.ACP

    def all_come_over(self, sessions: int = 3, *errors: str) -> None:
        self.entries += self.standing.came_over(self.now, sessions, errors)

    def fail_over(self) -> None:
        """Another process goes on."""
        kept = record.decode(record.encode(self.standing.snapshot()))
        self.standing = Standing(WORKSPACE, kept, self.policy, self.ways)

    def step(self, event: str, much: int) -> None:
        """One event of a random history; in half-open, samples are those of probes."""
        match event:
            case "good" | "bad":
                self.note(ok=event == "good", is_probe=self.state is ProtocolState.HALF_OPEN)
            case "pass":
                self.passes(much)
            case "over":
                self.all_come_over()
            case "pin":
                self.pin()
            case "return":
                self.give_back()
            case "failover":
                self.fail_over()

    def _took(self, shifts: list[Shift | None]) -> None:
        for shift in shifts:
            if shift is not None:
                self.changes.append(shift.change)
                self.entries += shift.entries

    # ------------------------------------------------------------------ what the journal has

    def told(self, kind: EntryKind) -> list[dict[str, object]]:
        return [json.loads(payload) for of, payload in self.entries if of is kind]

    def migrations(self) -> list[dict[str, object]]:
        return self.told(EntryKind.MIGRATION)

    def rollbacks(self) -> list[dict[str, object]]:
        return self.told(EntryKind.ROLLBACK)
