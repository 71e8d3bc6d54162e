"""What is journalled of migrations and rollbacks is what the records take, and tells what happened."""

from __future__ import annotations

from standing_world import MINUTE, OPERATOR, USER, World

from actors.migration.policy import Policy
from actors.migration.states import ProtocolState
from actors.migration.streams import EntryKind
from actors.protocol.agent_protocol import AgentProtocol
from actors.records.models.migration import ProtocolMigrationLog, RollbackEvent


def eventful() -> World:
    """Everything that can happen to a workspace."""
    world = World(Policy(default_protocol=AgentProtocol.HTTP, migration_enabled=True, phase="automatic"))
    world.standing.is_admitted = True
    world.judge()
    world.all_come_over()
    world.passes(10 * MINUTE)
    world.fails()
    world.all_come_over()
    world.returns_by_itself()
    world.pin(USER)
    world.give_back()
    world.all_come_over(3, "agent-unreachable")
    world.pin()
    world.all_come_over(2, "agent-timeout", "agent-timeout")
    return world


def test_every_entry_is_what_the_records_take():
    for kind, payload in eventful().entries:
        if kind is EntryKind.MIGRATION:
            ProtocolMigrationLog.model_validate_json(payload)
        elif kind is EntryKind.ROLLBACK:
            RollbackEvent.model_validate_json(payload)


def test_every_migration_and_rollback_begins_and_ends_under_one_id():
    world = eventful()
    by_id: dict[object, list[object]] = {}
    for one in world.migrations():
        by_id.setdefault(one["migrationId"], []).append(one.get("status", "in-progress"))

    assert list(by_id.values()) == [
        ["in-progress", "succeeded", "rolled-back"],
        ["in-progress", "succeeded"],
        ["in-progress", "succeeded", "rolled-back"],
        ["in-progress", "failed"],
        ["in-progress", "succeeded", "rolled-back"],
        ["in-progress", "failed"],
    ]
    rollbacks = world.rollbacks()
    assert [one["trigger"] for one in rollbacks[::2]] == ["auto-threshold", "manual-user", "manual-operator"]
    assert all("completedAt" in one for one in rollbacks[1::2])
    assert {one["migrationId"] for one in rollbacks} <= set(by_id)


def test_a_rollback_tells_what_was_known_when_it_was_decided():
    world = World()
    world.standing.latency_p95_ms = 120.5
    world.notes("g" * 15 + "b" * 5)

    [migration] = world.migrations()
    assert migration["metricsSnapshot"] == {
        "successRate": 0.75,
        "samples": 20,
        "failed": 5,
        "windowS": 3600,
        "threshold": 0.99,
        "minSamples": 20,
        "latencyP95Ms": 120.5,
    }
    assert (migration["initiatedBy"], migration["trigger"]) == ("system", "automatic")
    assert migration["rollbackReason"] == "success-below-threshold"


def test_sessions_that_cannot_come_over_are_counted_and_named():
    world = World()
    world.pin()
    world.all_come_over(4, "agent-unreachable", "agent-timeout")

    last = world.migrations()[-1]
    assert last["status"] == "succeeded"
    assert last["errorMessage"] == "2 of 4 sessions stay: agent-timeout, agent-unreachable"


def test_a_migration_that_another_process_ends_is_its_second_attempt():
    world = World()
    world.pin()
    world.fail_over()
    world.entries += world.standing.resumed(world.now + 5)

    last = world.migrations()[-1]
    assert (last["attemptCount"], last["status"]) == (2, "succeeded")
    assert world.standing.resumed(world.now) == []


def test_who_and_why_stands_in_the_standings_own_entry():
    world = World()
    world.pin(OPERATOR)

    [told] = world.told(EntryKind.STANDING)
    assert (told["from"], told["to"], told["change"]) == ("acp", "pinned-http", "pinned")
    assert (told["by"], told["user"], told["reason"]) == ("operator", "ada", "Maintenance.")


def test_what_is_pinned_while_it_is_on_http_is_no_rollback():
    world = World()
    world.fails()
    before = len(world.rollbacks())
    world.pin()

    assert world.state is ProtocolState.PINNED_HTTP
    assert len(world.rollbacks()) == before
