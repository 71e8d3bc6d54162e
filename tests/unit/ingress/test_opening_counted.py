"""How requests for sessions are counted: whose fault it was decides what counts against the gateway."""

from __future__ import annotations

import pytest
from support.counted import counted

from actors import errors
from actors.metrics.catalogue import OPENINGS
from serve.ingress.counting import count_opening


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "ok"),
        (errors.CapacityError("full"), "refused"),
        (errors.RateLimitedError("too many"), "refused"),
        (errors.QuotaExceededError("too many"), "refused"),
        (errors.WorkerUnavailableError("none"), "refused"),
        (errors.InvalidParamsError("cwd"), "rejected"),
        (errors.SessionNotFoundError("no session"), "rejected"),
        (errors.ForbiddenError("no"), "rejected"),
        (errors.AgentStartError("no licence"), "failed"),
        (errors.AgentProtocolError("nonsense"), "failed"),
        (errors.JournalUnavailableError("away"), "failed"),
        ("what an agent said", "failed"),
    ],
    ids=str,
)
def test_an_answer_counts_by_whose_fault_it_was(error: errors.LumiLinkError | str | None, result: str):
    before, every = counted(OPENINGS, result=result), counted(OPENINGS)
    count_opening(error)

    assert counted(OPENINGS, result=result) == before + 1
    assert counted(OPENINGS) == every + 1
