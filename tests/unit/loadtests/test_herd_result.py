"""When the herd's promise counts as kept, and what is printed."""

from dataclasses import replace

from loadtests.herd import HerdPlan, HerdResult, text

KEPT = HerdResult(
    free=600,
    asked=5000,
    asked_in_s=1.01,
    outcomes={"admitted": 600, "capacity-exhausted": 4400},
    waited=100,
    heard_in_time=4400,
    first_word_p50_ms=100.0,
    first_word_p99_ms=500.0,
    first_word_max_ms=600.0,
    admitted_p99_ms=2000.0,
    with_room_p50_ms=8.0,
    with_room_p99_ms=20.0,
    updates_before_p99_ms=None,
    updates_during_p99_ms=30.0,
)


def test_it_is_kept_if_exactly_the_free_places_were_given_and_all_others_heard_in_time():
    assert KEPT.is_kept


def test_one_place_too_many_or_too_few_breaks_it():
    assert not replace(
        KEPT, outcomes={"admitted": 601, "capacity-exhausted": 4399}, heard_in_time=4399
    ).is_kept
    assert not replace(
        KEPT, outcomes={"admitted": 599, "capacity-exhausted": 4401}, heard_in_time=4401
    ).is_kept


def test_one_that_heard_late_or_nothing_breaks_it():
    assert not replace(KEPT, heard_in_time=4399).is_kept
    assert not replace(KEPT, outcomes={"admitted": 600, "capacity-exhausted": 4399}).is_kept


def test_with_room_for_all_all_are_to_be_admitted():
    everyone = replace(KEPT, free=9000, outcomes={"admitted": 5000}, heard_in_time=0)
    assert everyone.is_kept


def test_the_text_says_whether_it_was_kept_and_leaves_out_what_was_not_measured():
    plan = HerdPlan()
    assert text(plan, KEPT).endswith("\nkept")
    assert "p99 - before" in text(plan, KEPT)
    assert text(plan, replace(KEPT, heard_in_time=0)).endswith("\nNOT KEPT")
