"""A job goes only where it may, and the drawing in the docs says the same."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from actors.errors import ConflictError
from actors.jobs.states import ENDED, TRANSITIONS, JobChange, JobStatus, after

PAGE = Path(__file__).parents[3] / "docs" / "jobs.md"


def diagram() -> str:
    arrows = [
        f"    {status} --> {then}: {change}"
        for status, changes in TRANSITIONS.items()
        for change, then in changes.items()
    ]
    ends = [f"    {status} --> [*]" for status in JobStatus if not TRANSITIONS[status]]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {JobStatus.QUEUED}", *arrows, *ends])


def test_the_drawing_in_the_documentation_is_that_of_the_table():
    assert f"```mermaid\n{diagram()}\n```" in PAGE.read_text()


@pytest.mark.parametrize(("status", "change"), list(product(JobStatus, JobChange)))
def test_what_is_not_in_the_table_is_refused_with_the_status(status: JobStatus, change: JobChange):
    if change in TRANSITIONS[status]:
        assert after(status, change) is TRANSITIONS[status][change]
    else:
        with pytest.raises(ConflictError, match=status):
            after(status, change)


def test_every_status_can_be_reached_and_what_is_done_stays_done():
    assert {then for changes in TRANSITIONS.values() for then in changes.values()} == set(JobStatus)
    assert not TRANSITIONS[JobStatus.COMPLETED]
    assert {status for status in JobStatus if JobChange.CANCELLED not in TRANSITIONS[status]} == ENDED
