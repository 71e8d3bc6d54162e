"""What installations want: kept once, changed by versions, known to every worker."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actors import errors
from actors.journal.contract import NewEntry, StreamAppend
from actors.journal.memory import MemoryJournal
from actors.migration import record
from actors.migration.policies import Policies
from actors.migration.policy import Phase, Policy, place_of
from actors.migration.record import StandingRecord
from actors.migration.states import ProtocolState
from actors.migration.streams import WorkspaceName, policy_stream, workspace_stream
from actors.placement.leases import Leases
from actors.rollout.book import PolicyBook
from actors.rollout.contract import PolicyChange

NOW = 1_800_000_000.0


def book(journal: MemoryJournal, life: str = "gw:protocol:1") -> PolicyBook:
    return PolicyBook(journal, Leases(journal, life, lambda _: True), "inst", Policy())


async def known_workspace(journal: MemoryJournal, workspace_id: str, state: ProtocolState) -> None:
    name = WorkspaceName("inst", workspace_id)
    placement = await journal.acquire(name.key, "worker", 10.0)
    meta = record.encode(StandingRecord(state, NOW, NOW))
    entries = [NewEntry("standing", b"{}", 1)]
    await journal.append(
        [StreamAppend(workspace_stream(name.key), name.key, placement.fence, 1, entries, meta)]
    )


async def test_a_policy_is_the_default_until_it_is_changed_and_then_has_a_version():
    journal = MemoryJournal()
    policies = book(journal)
    assert (await policies.read()).policy == Policy()

    changed = await policies.change(PolicyChange(Policy(share=0.5), "ada"))

    assert (changed.version, changed.share, changed.applied) == (1, 0.5, True)
    assert (await book(journal).read()).policy == Policy(share=0.5, version=1)


async def test_a_change_to_a_version_that_is_gone_is_refused():
    policies = book(MemoryJournal())
    await policies.change(PolicyChange(Policy(share=0.5), version=0))

    with pytest.raises(errors.PreconditionError, match="the version is 1, and you named 0"):
        await policies.change(PolicyChange(Policy(share=0.7), version=0))


async def test_a_repeated_change_is_made_once_also_by_another_process():
    journal = MemoryJournal()
    keyed = PolicyChange(Policy(share=0.5), key="k", digest="d")
    first = book(journal)
    await first.change(keyed)
    await first.release()
    second = book(journal, "gw:protocol:2")

    assert (await second.change(keyed)).version == 1
    with pytest.raises(errors.ConflictError):
        await second.change(PolicyChange(Policy(share=0.6), key="k", digest="other"))


async def test_a_dry_run_names_the_workspaces_that_would_move_and_changes_nothing():
    journal = MemoryJournal()
    await known_workspace(journal, "on-http", ProtocolState.HTTP)
    await known_workspace(journal, "rolled-back", ProtocolState.ROLLED_BACK)
    await known_workspace(journal, "on-acp", ProtocolState.ACP)
    wanted = Policy(migration_enabled=True, phase=Phase.AUTOMATIC)

    told = await book(journal).change(PolicyChange(wanted, dry_run=True))

    assert (told.workspaces, told.workspaces_count, told.applied) == (["on-http"], 1, False)
    assert told.standing == {"http": 1, "rolled-back": 1, "acp": 1}
    assert (await book(journal).read()).version == 0


async def test_a_scheduled_rollout_needs_its_moment():
    with pytest.raises(errors.InvalidParamsError, match="scheduledAt"):
        await book(MemoryJournal()).change(PolicyChange(Policy(phase=Phase.SCHEDULED)))


async def test_one_process_writes_a_policy_at_a_time():
    journal = MemoryJournal()
    await book(journal).change(PolicyChange(Policy(share=0.5)))
    late = PolicyBook(journal, Leases(journal, "gw:protocol:3", lambda _: False), "inst", Policy())

    with pytest.raises(errors.WorkerUnavailableError):
        await late.change(PolicyChange(Policy(share=0.1)))


async def test_a_worker_reads_a_policy_once_and_takes_newer_versions_alone():
    journal, heard = MemoryJournal(), []
    await book(journal).change(PolicyChange(Policy(share=0.5)))
    policies = Policies(journal, Policy(), lambda name, policy: heard.append((name, policy.share)))
    assert (await policies.get("inst")).share == 0.5

    policies.take("inst", Policy(share=0.9, version=3))
    policies.take("inst", Policy(share=0.1, version=2))

    assert (await policies.get("inst")).share == 0.9
    assert heard == [("inst", 0.5), ("inst", 0.9)]
    assert (await policies.get("another")) == Policy()


def test_a_larger_share_adds_workspaces_and_takes_none_away():
    names = [f"inst/ws_{number}" for number in range(1_000)]
    reached = []
    for share in (0.0, 0.1, 0.5, 1.0):
        policy = Policy(migration_enabled=True, phase=Phase.AUTOMATIC, share=share)
        reached.append({name for name in names if policy.reaches(name, NOW)})

    assert reached[0] < reached[1] < reached[2] < reached[3] == set(names)
    assert 50 < len(reached[1]) < 150
    assert place_of("inst/ws_1") == place_of("inst/ws_1")


def test_a_scheduled_rollout_reaches_nobody_before_its_moment():
    moment = datetime.fromtimestamp(NOW, UTC)
    policy = Policy(migration_enabled=True, phase=Phase.SCHEDULED, scheduled_at=moment)

    assert not policy.reaches("inst/ws_1", NOW - 1)
    assert policy.reaches("inst/ws_1", NOW)


@pytest.mark.parametrize("policy", [Policy(phase=Phase.AUTOMATIC), Policy(migration_enabled=True)])
def test_without_migration_or_by_opting_in_nobody_is_reached(policy: Policy):
    assert not policy.reaches("inst/ws_1", NOW)


def test_the_stream_of_a_policy_is_no_sessions():
    assert policy_stream("a/b") == "!protocol/a%2Fb"
