from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import SettingsError
from actors.kernel import ActorOptions, Backoff, Supervision
from actors.kernel.supervision import RestartWindow


def test_the_pause_doubles_up_to_its_maximum() -> None:
    backoff = Backoff(first_s=0.1, factor=2.0, max_s=1.0, jitter=0.5)
    pauses = [backoff.delay_s(attempt, chance=0.0) for attempt in range(1, 7)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


def test_a_very_late_attempt_waits_the_maximum() -> None:
    assert Backoff().delay_s(1_000_000, chance=0.0) == 10.0


@given(attempt=st.integers(1, 50), chance=st.floats(0.0, 1.0), jitter=st.floats(0.0, 1.0))
def test_jitter_takes_away_at_most_its_share(attempt: int, chance: float, jitter: float) -> None:
    backoff = Backoff(jitter=jitter)
    longest = backoff.delay_s(attempt, chance=0.0)
    assert longest * (1.0 - jitter) <= backoff.delay_s(attempt, chance) <= longest


@given(
    gaps=st.lists(st.integers(0, 5), max_size=40),
    limit=st.integers(0, 6),
    within=st.integers(1, 10),
)
def test_the_window_is_exact(gaps: list[int], limit: int, within: int) -> None:
    supervision = Supervision(max_restarts=limit, within_s=float(within))
    window, admitted, now = RestartWindow(), [], 0
    for gap in gaps:
        now += gap
        recent = [time for time in admitted if time > now - within]
        attempt = window.next_attempt(supervision, float(now))
        if len(recent) < limit:
            assert attempt == len(recent) + 1
            admitted.append(now)
        else:
            assert attempt is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Backoff(first_s=-1.0),
        lambda: Backoff(first_s=2.0, max_s=1.0),
        lambda: Backoff(factor=0.5),
        lambda: Backoff(jitter=1.1),
        lambda: Supervision(max_restarts=-1),
        lambda: Supervision(within_s=0.0),
        lambda: ActorOptions(mailbox_capacity=0),
        lambda: ActorOptions(idle_after_s=0.0),
        lambda: ActorOptions(start_limit_s=0.0),
        lambda: ActorOptions(stop_grace_s=-1.0),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_when_it_is_made(wrong: Callable[[], object]) -> None:
    with pytest.raises(SettingsError, match="expected"):
        wrong()
