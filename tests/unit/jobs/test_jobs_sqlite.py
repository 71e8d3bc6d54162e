"""Jobs on SQLite."""

from __future__ import annotations

from unit.jobs.job_conformance import JobConformance


class TestJobs(JobConformance):
    """On SQLite."""
