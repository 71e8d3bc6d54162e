"""What people are told of a change fits a toast, whatever the change is."""

from __future__ import annotations

import pytest
from standing_world import OPERATOR, USER

from actors.migration import cause, words
from actors.migration.cause import Cause
from actors.migration.states import Change
from actors.protocol.agent_protocol import AgentProtocol


@pytest.mark.parametrize("change", Change)
@pytest.mark.parametrize("why", [OPERATOR, USER, cause.ROLLOUT], ids=lambda why: why.by)
@pytest.mark.parametrize("to", AgentProtocol)
def test_every_change_is_told_in_a_sentence_that_fits_a_toast(change: Change, why: Cause, to: AgentProtocol):
    told = words.switch(change, why, to)

    assert 0 < len(told.toast) <= 140
    assert told.toast.endswith(".")
    assert told.kind == ("returned" if to is AgentProtocol.ACP else "rolled-back")
    assert told.to is to


def test_who_took_it_back_is_said_by_role_and_never_by_name():
    assert words.toast(Change.PINNED, USER) == "A user took the workspace back to HTTP."
    assert "ada" not in words.toast(Change.PINNED, OPERATOR)
