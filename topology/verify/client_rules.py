"""Rules between the journal and what the clients' views showed of it."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from topology.verify.client_record import ClientRecords, View
from topology.verify.differences import compare
from topology.verify.facts import Prompt, Shown, Update
from topology.verify.timeline import Run, Timeline
from topology.verify.violations import Rule, Violation


def check_views(timeline: Timeline, records: ClientRecords) -> Iterator[Violation]:
    """Each view showed, after its cursor, all updates and what other clients said, in order."""
    shown = [fact for fact in timeline.facts if isinstance(fact, Update | Prompt) and fact.cursor is not None]
    runs = timeline.runs()
    for view in records.of(timeline.session).views:
        yield from _check_view(timeline, shown, runs, view)


def check_missing(records: ClientRecords, known: Collection[str]) -> Iterator[Violation]:
    """After all sessions: those that clients had and the journal does not have."""
    for session in sorted(records.sessions.keys() - set(known)):
        yield Violation(Rule.SESSION_MISSING, session, 0, "a stream", "none, though a client had the session")


def _check_view(
    timeline: Timeline, shown: Sequence[Shown], runs: Mapping[str, Sequence[Run]], view: View
) -> Iterator[Violation]:
    start = max(view.after, timeline.first_kept - 1)
    received = [seq for seq, _ in view.received if seq >= timeline.first_kept]
    answered = _answered_at(runs, view)
    bound = max(chain(received, answered), default=start)
    expected = [
        fact.seq
        for fact in shown
        if start < fact.seq <= bound and not (isinstance(fact, Prompt) and fact.client == view.connection)
    ]
    yield from _check_order(timeline, start, expected, received)
    yield from _check_contents(timeline, shown, view)
    yield from _check_answers_come_last(timeline, set(expected), view, answered)


def _answered_at(runs: Mapping[str, Sequence[Run]], view: View) -> dict[int, int]:
    """Where the turns end whose outcomes the view told, and how much it had shown by then."""
    found: dict[int, int] = {}
    for answer in view.answers:
        ends = [run.end for run in runs.get(answer.prompt_id, ()) if run.end is not None]
        end = next((end for end in ends if end.answer == answer.answer), None)
        if end is not None and answer.shown is not None:
            found[end.seq] = answer.shown
    return found


def _check_order(
    timeline: Timeline, start: int, expected: Sequence[int], received: Sequence[int]
) -> Iterator[Violation]:
    after = f"what comes after the cursor {start}"
    for seq in received:
        if seq <= start:
            yield timeline.violation(Rule.CLIENT_DOUBLED, seq, after, "what the client had")
    found = [seq for seq in received if seq > start]
    differences = compare(expected, found)
    for place in differences.lost:
        yield timeline.violation(Rule.CLIENT_LOST, expected[place], f"it among {after}", "nothing")
    for at in differences.doubled:
        yield timeline.violation(Rule.CLIENT_DOUBLED, found[at], "it once", "it once more")
    for at in differences.reordered:
        yield timeline.violation(Rule.CLIENT_REORDERED, found[at], "it in its place", "it in another")
    for at in differences.invented:
        yield timeline.violation(Rule.CLIENT_INVENTED, found[at], "what is committed for this client", "it")


def _check_contents(timeline: Timeline, shown: Sequence[Shown], view: View) -> Iterator[Violation]:
    messages = {fact.seq: fact.message for fact in shown}
    for seq, crc in view.received:
        if crc and seq in messages and zlib.crc32(messages[seq]) != crc:
            yield timeline.violation(Rule.CLIENT_ALTERED, seq, "the committed message", "another")


def _check_answers_come_last(
    timeline: Timeline, expected: Collection[int], view: View, answered: Mapping[int, int]
) -> Iterator[Violation]:
    for end, shown_by_then in answered.items():
        late = {seq for seq, _ in view.received[shown_by_then:] if seq < end and seq in expected}
        for seq in sorted(late):
            yield timeline.violation(
                Rule.CLIENT_REORDERED, seq, f"it before the answer of seq {end}", "it later"
            )
