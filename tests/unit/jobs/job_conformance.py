"""What holds for jobs on either database. The module has a fixture ``database``, migrated and empty."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec import UNSET

from actors import errors
from actors.jobs import store as store_module
from actors.jobs.claims import LEASE_LOST, Claims
from actors.jobs.models import Assignment, NewJob, Outcome, Progress, Runner
from actors.jobs.rows import now
from actors.jobs.runners import Runners
from actors.jobs.states import JobStatus
from actors.jobs.store import JobQuery, JobStore, Terms
from actors.records.database import Database

TENANT, OTHER = "acme", "globex"
DONE = Outcome(JobStatus.COMPLETED, {"files": 3})
LATER = timedelta(seconds=61)


class Bench:
    """A runner of the tenant's, and all that there is to do with its jobs."""

    def __init__(self, database: Database, runner: Runner) -> None:
        self.jobs, self.claims, self.runners = JobStore(database), Claims(database), Runners(database)
        self.runner = runner

    async def queue(self, **more: object) -> str:
        wanted = NewJob(job_type="backup", agent_id=self.runner.agent_id, **more)  # type: ignore[arg-type]  # each test names what there is
        return (await self.jobs.create(TENANT, wanted, "ann", Terms())).job_id

    async def claim(self) -> Assignment:
        [assignment] = await self.claims.claim(TENANT, self.runner.agent_id)
        return assignment


class JobConformance:
    @pytest.fixture
    async def bench(self, database: Database) -> Bench:
        runner, _ = await Runners(database).register(TENANT, "laptop", "ann")
        return Bench(database, runner)

    async def test_a_runner_that_registers_again_is_the_same(self, bench: Bench):
        again, is_new = await bench.runners.register(TENANT, "laptop", "ann")

        assert (again, is_new) == (bench.runner, False)
        assert (await bench.runners.register(OTHER, "laptop", "ann"))[1]

    async def test_of_those_that_register_one_name_at_the_same_time_all_are_the_same(self, bench: Bench):
        found = await asyncio.gather(*(bench.runners.register(TENANT, "twin", "ann") for _ in range(6)))

        assert len({runner.agent_id for runner, _ in found}) == 1
        assert [is_new for _, is_new in found].count(True) == 1

    async def test_nobody_else_speaks_for_a_runner(self, bench: Bench):
        with pytest.raises(errors.ForbiddenError):
            await bench.runners.register(TENANT, "laptop", "eve")
        with pytest.raises(errors.ForbiddenError):
            await bench.runners.spoken_for(TENANT, bench.runner.agent_id, "eve")
        with pytest.raises(errors.RecordNotFoundError):
            await bench.runners.spoken_for(OTHER, bench.runner.agent_id, "ann")

    async def test_a_runner_that_was_switched_off_is_refused_until_it_is_on(self, bench: Bench):
        await bench.runners.switch(TENANT, bench.runner.agent_id, on=False)
        with pytest.raises(errors.ConflictError):
            await bench.runners.active(TENANT, bench.runner.agent_id)
        with pytest.raises(errors.ConflictError):
            await bench.runners.register(TENANT, "laptop", "ann")

        await bench.runners.switch(TENANT, bench.runner.agent_id, on=True)
        assert await bench.runners.active(TENANT, bench.runner.agent_id) == bench.runner

    async def test_when_a_runner_was_seen_is_known(self, bench: Bench):
        await bench.runners.seen(TENANT, bench.runner.agent_id)

        assert (await bench.runners.get(TENANT, bench.runner.agent_id)).last_seen_at is not UNSET

    async def test_a_job_is_claimed_once_by_however_many_ask_at_the_same_time(self, bench: Bench):
        job_id = await bench.queue()
        found = await asyncio.gather(*(bench.claims.claim(TENANT, bench.runner.agent_id) for _ in range(8)))

        [assignment] = [one for every in found for one in every]
        assert assignment.job_id == job_id
        assert (await bench.jobs.get(TENANT, job_id)).status is JobStatus.RUNNING

    async def test_the_urgent_come_first_and_then_the_oldest(self, bench: Bench):
        first, urgent, last = await bench.queue(), await bench.queue(priority=5), await bench.queue()

        taken = [(await bench.claim()).job_id for _ in range(3)]

        assert taken[0] == urgent
        # Those of one millisecond are in no order.
        assert set(taken[1:]) == {first, last}

    async def test_progress_is_absent_until_there_is_some_and_stays_at_the_end(self, bench: Bench):
        job_id = await bench.queue()
        run = (await bench.claim()).job_run_id
        before = await bench.jobs.get(TENANT, job_id)
        await bench.claims.progress(TENANT, job_id, run, Progress(40.0, "Copying."))
        await bench.claims.complete(TENANT, job_id, run, DONE)
        end = await bench.jobs.get(TENANT, job_id)

        assert (before.progress_percent, before.progress_message, before.result) == (UNSET, UNSET, UNSET)
        assert (end.status, end.progress_percent, end.progress_message) == ("COMPLETED", 40.0, "Copying.")
        assert end.result == {"files": 3}

    async def test_a_sign_of_life_keeps_what_was_said(self, bench: Bench):
        job_id, run = await bench.queue(), (await bench.claim()).job_run_id
        await bench.claims.progress(TENANT, job_id, run, Progress(40.0, "Copying."))

        assert (await bench.claims.progress(TENANT, job_id, run, Progress())).progress_percent == 40.0

    async def test_the_same_end_may_be_told_twice_and_no_other(self, bench: Bench):
        job_id, run = await bench.queue(), (await bench.claim()).job_run_id

        assert (await bench.claims.complete(TENANT, job_id, run, DONE))[1] is True
        assert (await bench.claims.complete(TENANT, job_id, run, DONE))[1] is False
        for other in (Outcome(JobStatus.FAILED, error="no"), Outcome(JobStatus.COMPLETED, {"files": 4})):
            with pytest.raises(errors.ConflictError, match="COMPLETED"):
                await bench.claims.complete(TENANT, job_id, run, other)

    async def test_a_lost_job_waits_again_and_its_old_run_is_fenced_off(self, bench: Bench):
        job_id, old = await bench.queue(), (await bench.claim()).job_run_id

        assert await bench.claims.put_back(TENANT) == []
        assert (await bench.jobs.get(TENANT, job_id)).status is JobStatus.RUNNING
        assert await bench.claims.put_back(TENANT, now() + LATER) == []
        assert (await bench.jobs.get(TENANT, job_id)).status is JobStatus.QUEUED
        with pytest.raises(errors.ConflictError):
            await bench.claims.progress(TENANT, job_id, old, Progress(1.0))

        new = await bench.claim()
        assert (new.attempt, new.job_run_id != old) == (2, True)
        with pytest.raises(errors.ConflictError, match="not the job's"):
            await bench.claims.complete(TENANT, job_id, old, DONE)
        assert (await bench.claims.complete(TENANT, job_id, new.job_run_id, DONE))[0].retry_count == 1

    async def test_a_report_keeps_the_lease(self, bench: Bench):
        job_id, run = await bench.queue(), (await bench.claim()).job_run_id
        await bench.claims.progress(TENANT, job_id, run, Progress(), now() + LATER)

        await bench.claims.put_back(TENANT, now() + LATER)

        assert (await bench.jobs.get(TENANT, job_id)).status is JobStatus.RUNNING

    async def test_a_job_that_is_lost_too_often_has_failed(self, bench: Bench):
        job_id = await bench.queue(max_attempts=2)
        await bench.claim()
        await bench.claims.put_back(TENANT, now() + LATER)
        await bench.claim()
        [failed] = await bench.claims.put_back(TENANT, now() + LATER)

        assert (failed.job_id, failed.status, failed.attempts) == (job_id, JobStatus.FAILED, 2)
        assert failed.error == LEASE_LOST

    async def test_what_failed_can_be_retried_with_all_its_attempts(self, bench: Bench):
        job_id = await bench.queue(max_attempts=1)
        run = (await bench.claim()).job_run_id
        await bench.claims.complete(TENANT, job_id, run, Outcome(JobStatus.FAILED, error="no disk"))
        assert (await bench.jobs.retry(TENANT, job_id)).status is JobStatus.QUEUED

        again = await bench.claim()
        assert (again.job_id, again.attempt) == (job_id, 2)
        with pytest.raises(errors.ConflictError, match="RUNNING"):
            await bench.jobs.retry(TENANT, job_id)

    async def test_a_cancelled_job_is_not_done_and_its_run_is_told(self, bench: Bench):
        waiting, running = await bench.queue(), await bench.queue(priority=1)
        run = (await bench.claim()).job_run_id

        for job_id in (waiting, running):
            job, is_new = await bench.jobs.cancel(TENANT, job_id)
            assert (job.status, is_new) == (JobStatus.CANCELLED, True)
        assert (await bench.jobs.cancel(TENANT, waiting))[1] is False
        assert await bench.claims.claim(TENANT, bench.runner.agent_id) == []
        with pytest.raises(errors.ConflictError, match="CANCELLED"):
            await bench.claims.progress(TENANT, running, run, Progress(1.0))

    async def test_another_installation_sees_and_changes_nothing(self, bench: Bench):
        job_id = await bench.queue()

        assert (await bench.jobs.page(OTHER, JobQuery())).items == []
        assert await bench.claims.claim(OTHER, bench.runner.agent_id) == []
        for what in (bench.jobs.get, bench.jobs.cancel, bench.jobs.retry):
            with pytest.raises(errors.RecordNotFoundError):
                await what(OTHER, job_id)

    async def test_pages_go_through_all_jobs_once_the_newest_first(self, bench: Bench):
        made = [await bench.queue() for _ in range(5)]
        seen, cursor = [], None
        while True:
            page = await bench.jobs.page(TENANT, JobQuery(limit=2, cursor=cursor))
            seen += page.items
            cursor = page.next_cursor
            if cursor is None:
                break

        assert sorted(job.job_id for job in seen) == sorted(made)
        assert [job.created_at for job in seen] == sorted((job.created_at for job in seen), reverse=True)

    async def test_a_cursor_of_somebody_s_own_making_is_refused(self, bench: Bench):
        for cursor in ("x", "W10", "WyJhIiwgImIiXQ"):
            with pytest.raises(errors.InvalidParamsError, match="cursor"):
                await bench.jobs.page(TENANT, JobQuery(cursor=cursor))

    async def test_a_credential_as_parameter_and_a_result_that_is_too_large_are_refused(self, bench: Bench):
        with pytest.raises(errors.InvalidParamsError, match="credential"):
            await bench.queue(parameters={"apiKey": "s3cr3t-value"})
        job_id, run = await bench.queue(), (await bench.claim()).job_run_id
        with pytest.raises(errors.InvalidParamsError, match="32768"):
            await bench.claims.complete(
                TENANT, job_id, run, Outcome(JobStatus.COMPLETED, {"text": "x" * 40_000})
            )

    async def test_what_a_runner_says_is_kept_without_credentials(self, bench: Bench):
        job_id, run = await bench.queue(), (await bench.claim()).job_run_id
        said = Outcome(
            JobStatus.FAILED, {"password": "hunter2hunter2"}, "git: https://ann:hunter2@example.org"
        )
        job, _ = await bench.claims.complete(TENANT, job_id, run, said)

        assert "hunter2" not in repr(job)
        assert (await bench.claims.complete(TENANT, job_id, run, said))[1] is False

    async def test_jobs_that_ended_long_ago_go_when_new_ones_come(self, bench: Bench):
        old = await bench.queue()
        await bench.jobs.cancel(TENANT, old)
        wanted = NewJob(job_type="backup", agent_id=bench.runner.agent_id)
        await bench.jobs.create(TENANT, wanted, "ann", Terms(keep_days=-1))

        with pytest.raises(errors.RecordNotFoundError):
            await bench.jobs.get(TENANT, old)

    async def test_no_more_than_may_wait_for_a_runner(self, bench: Bench, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(store_module, "MAX_QUEUED", 1)
        await bench.queue()

        with pytest.raises(errors.MailboxFullError):
            await bench.queue()
