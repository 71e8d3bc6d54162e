"""Whatever runners do, and in whatever order: no job is run twice at once, and none is lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from actors import errors
from actors.jobs.claims import Claims
from actors.jobs.models import Assignment, NewJob, Outcome, Progress
from actors.jobs.rows import now
from actors.jobs.runners import Runners
from actors.jobs.states import JobStatus
from actors.jobs.store import JobQuery, JobStore, Terms
from actors.records.database import Database

TENANT = "acme"
JOBS, HOSTS, STEPS = 5, 3, 40
LEASE_S = 10


class World:
    """Hosts that speak for one runner, each forgetful and slow, on a clock that the test moves."""

    def __init__(self, database: Database, agent_id: str, seed: int) -> None:
        self.chance = random.Random(seed)
        self.claims = Claims(database)
        self.agent_id = agent_id
        self.at = now()
        self.held: list[Assignment] = []
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.done: Counter[str] = Counter()

    async def step(self) -> None:
        """One host does something, or time passes, or several ask at the same moment."""
        what = self.chance.choice((self.poll, self.poll, self.report, self.complete, self.forget, self.wait))
        await what()

    async def poll(self) -> None:
        await self.claims.put_back(TENANT, self.at)
        asking = (self.claims.claim(TENANT, self.agent_id, 1, self.at) for _ in range(HOSTS))
        for taken in await asyncio.gather(*asking):
            for assignment in taken:
                _, ends = self.leases.get(assignment.job_id, ("", self.at))
                assert ends <= self.at, "the job was taken while another holds its lease"
                self._lease(assignment)
                self.held.append(assignment)

    async def report(self) -> None:
        if self.held:
            run = self.chance.choice(self.held)
            try:
                await self.claims.progress(TENANT, run.job_id, run.job_run_id, Progress(1.0), self.at)
            except errors.ConflictError:
                self.held.remove(run)
            else:
                self._lease(run)

    async def complete(self) -> None:
        if self.held:
            run = self.held.pop(self.chance.randrange(len(self.held)))
            outcome = Outcome(JobStatus.COMPLETED, {"run": run.job_run_id})
            try:
                _, is_new = await self.claims.complete(TENANT, run.job_id, run.job_run_id, outcome, self.at)
            except errors.ConflictError:
                return
            assert self.leases[run.job_id][0] == run.job_run_id, "an old run ended a job"
            self.done[run.job_id] += is_new

    async def forget(self) -> None:
        """A host dies."""
        if self.held:
            self.held.pop(self.chance.randrange(len(self.held)))

    async def wait(self) -> None:
        self.at += timedelta(seconds=self.chance.choice((1, LEASE_S // 2, LEASE_S + 1)))

    def _lease(self, run: Assignment) -> None:
        self.leases[run.job_id] = run.job_run_id, self.at + timedelta(seconds=LEASE_S)


@pytest.mark.parametrize("seed", range(6))
async def test_no_job_runs_twice_at_once_and_none_is_lost(database: Database, seed: int):
    runner, _ = await Runners(database).register(TENANT, "laptop", "ann")
    jobs = JobStore(database)
    wanted = NewJob(job_type="x", agent_id=runner.agent_id, lease_s=LEASE_S, max_attempts=20)
    made = {(await jobs.create(TENANT, wanted, "ann", Terms())).job_id for _ in range(JOBS)}
    world = World(database, runner.agent_id, seed)

    for _ in range(STEPS):
        await world.step()
    while world.done.total() < JOBS:
        world.at += timedelta(seconds=LEASE_S + 1)
        world.held.clear()
        await world.poll()
        while world.held:
            await world.complete()

    assert world.done == dict.fromkeys(made, 1)
    assert {job.status for job in (await jobs.page(TENANT, JobQuery())).items} == {JobStatus.COMPLETED}
