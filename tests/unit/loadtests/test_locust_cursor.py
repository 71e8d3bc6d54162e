"""What the load tells of updates that are lost, doubled or out of order."""

from loadtests.locust.cursor import Cursor, Flaw


def test_updates_at_rising_cursors_and_without_a_hole_in_their_numbers_are_fine() -> None:
    cursor = Cursor()
    assert [cursor.see(seq, number) for seq, number in ((5, 0), (6, 1), (9, 2))] == [None, None, None]
    assert (cursor.seq, cursor.seen, cursor.newly_lost(3)) == (9, 3, 0)


def test_an_update_that_comes_again_is_doubled() -> None:
    cursor = Cursor()
    cursor.see(5, 0)
    assert cursor.see(5, 0) is Flaw.DOUBLED
    assert cursor.see(6, 0) is Flaw.DOUBLED


def test_an_update_that_comes_after_a_later_one_is_reordered_and_not_lost() -> None:
    cursor = Cursor()
    cursor.see(5, 0)
    cursor.see(7, 2)
    assert cursor.see(6, 1) is Flaw.REORDERED
    assert cursor.newly_lost(3) == 0


def test_a_new_update_at_a_cursor_that_does_not_rise_is_reordered() -> None:
    cursor = Cursor()
    cursor.see(5, 0)
    assert cursor.see(5, 1) is Flaw.REORDERED


def test_an_event_that_is_no_update_moves_the_cursor() -> None:
    cursor = Cursor()
    cursor.pass_by(8)
    cursor.pass_by(4)
    assert cursor.seq == 8
    assert cursor.see(8, 0) is Flaw.REORDERED


def test_a_missing_update_is_lost_once() -> None:
    cursor = Cursor()
    cursor.see(5, 0)
    cursor.see(7, 2)
    assert cursor.newly_lost(3) == 1
    assert cursor.newly_lost(3) == 0


def test_updates_missing_at_the_end_of_a_turn_are_lost() -> None:
    cursor = Cursor()
    cursor.see(5, 0)
    assert cursor.newly_lost(4) == 3
