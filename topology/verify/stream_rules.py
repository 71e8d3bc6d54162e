"""Rules that hold within the journal itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from actors.connection.turns import TurnEnd
from topology.verify.facts import (
    Activated,
    Decision,
    Prompt,
    Question,
    TurnEnded,
    TurnStarted,
    Unreadable,
    Update,
)
from topology.verify.timeline import Timeline
from topology.verify.violations import Rule, Violation


def check_numbers(timeline: Timeline, *, live: bool) -> Iterator[Violation]:
    """Seqs without a hole from the first kept to the last one that the stream says it has.

    A stream that is being written to (``live``) may have more.
    """
    due = timeline.first_kept
    for fact in timeline.facts:
        if isinstance(fact, Unreadable):
            yield timeline.violation(
                Rule.UNREADABLE, fact.seq, "an entry of a session", f"{fact.kind}: {fact.why}"
            )
        if fact.seq != due:
            yield timeline.violation(Rule.SEQ, fact.seq, f"seq {due}", f"seq {fact.seq}")
        due = fact.seq + 1
    if due <= timeline.last_seq or (due > timeline.last_seq + 1 and not live):
        yield timeline.violation(
            Rule.SEQ, due - 1, f"the last seq {timeline.last_seq}", f"the last seq {due - 1}"
        )


def check_cursors(timeline: Timeline) -> Iterator[Violation]:
    """What clients are shown bears its seq, and names their session.

    A notification of the agent that names no session has no cursor.
    """
    for fact in timeline.facts:
        if not isinstance(fact, Update | Prompt):
            continue
        if fact.cursor != fact.seq and (fact.cursor, fact.session) != (None, None):
            yield timeline.violation(
                Rule.CURSOR, fact.seq, f"the cursor {fact.seq}", f"the cursor {fact.cursor}"
            )
        if fact.session not in (None, timeline.session):
            yield timeline.violation(Rule.CURSOR, fact.seq, "the session's id", f"{fact.session!r}")


def check_turns(timeline: Timeline, *, live: bool) -> Iterator[Violation]:
    """Turns follow on each other, each with one end, and prompts are said in them.

    The last one may be open in a history that goes on (``live``).
    """
    begun: dict[int, TurnStarted] = {}
    ended: set[int] = set()
    last: int | None = None if timeline.is_trimmed else 0
    for fact in timeline.facts:
        match fact:
            case TurnStarted():
                yield from _check_start(timeline, fact, last, begun)
                begun[fact.turn] = fact
                last = fact.turn
            case TurnEnded():
                # The start of the first turn that is told of may have been trimmed.
                if begun.pop(fact.turn, None) is None and last is not None:
                    rule = Rule.TURN_ENDED_TWICE if fact.turn in ended else Rule.TURN_NOT_STARTED
                    expected = "no further end" if fact.turn in ended else "a start before it"
                    yield timeline.violation(rule, fact.seq, expected, f"an end of turn {fact.turn}")
                ended.add(fact.turn)
                last = fact.turn if last is None else last
            case Prompt() if last is not None and last not in begun:
                yield timeline.violation(
                    Rule.PROMPT_OUTSIDE_TURN, fact.seq, "a turn", "a prompt between turns"
                )
    for start in begun.values():
        if not (live and start.turn == last):
            yield timeline.violation(Rule.TURN_NOT_ENDED, start.seq, f"an end of turn {start.turn}", "none")


def _check_start(
    timeline: Timeline, fact: TurnStarted, last: int | None, begun: dict[int, TurnStarted]
) -> Iterator[Violation]:
    if last in begun:
        waited = f"an end of turn {last} first"
        yield timeline.violation(Rule.TURN_OVERLAP, fact.seq, waited, f"the start of turn {fact.turn}")
    if last is not None and fact.turn != last + 1:
        yield timeline.violation(Rule.TURN_NUMBER, fact.seq, f"turn {last + 1}", f"turn {fact.turn}")


def check_prompt_ids(timeline: Timeline) -> Iterator[Violation]:
    """A ``promptId`` comes again only if the agent had not seen it."""
    for prompt_id, runs in timeline.runs().items():
        for before, run in pairwise(runs):
            outcome = None if before.end is None else before.end.outcome
            if outcome is not TurnEnd.NEVER_STARTED:
                first = f"one turn of prompt {prompt_id!r}, which turn {before.start.turn} was"
                found = f"turn {run.start.turn}"
                yield timeline.violation(Rule.PROMPT_RUN_TWICE, run.start.seq, first, found)


def check_questions(timeline: Timeline) -> Iterator[Violation]:
    """Questions have ids of their own, and one decision at most."""
    decided: dict[str, bool] = {}
    for fact in timeline.facts:
        if isinstance(fact, Question):
            if fact.question_id in decided:
                found = f"{fact.question_id} again"
                yield timeline.violation(Rule.QUESTION_ASKED_TWICE, fact.seq, "a new question", found)
            else:
                decided[fact.question_id] = False
        elif isinstance(fact, Decision):
            was_decided = decided.get(fact.question_id)
            if was_decided:
                found = f"a second decision of {fact.question_id}"
                yield timeline.violation(Rule.QUESTION_DECIDED_TWICE, fact.seq, "one decision", found)
            elif was_decided is None and not timeline.is_trimmed:
                found = f"a decision of {fact.question_id}"
                yield timeline.violation(Rule.QUESTION_UNKNOWN, fact.seq, "a question before it", found)
            decided[fact.question_id] = True


class Fences:
    """The fences of all workspaces: which life of a worker held each."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], str] = {}

    def check(self, timeline: Timeline) -> Iterator[Violation]:
        """A stream's fences never fall, and none of its workspace is held by two lives."""
        if timeline.facts and not timeline.is_trimmed and not isinstance(timeline.facts[0], Activated):
            found = type(timeline.facts[0]).__name__
            yield timeline.violation(Rule.NOT_ACTIVATED, timeline.facts[0].seq, "an activation first", found)
        newest = 0
        for fact in timeline.facts:
            if not isinstance(fact, Activated):
                continue
            if fact.fence < newest:
                expected = f"a fence of at least {newest}"
                yield timeline.violation(Rule.FENCE_FELL, fact.seq, expected, f"fence {fact.fence}")
            newest = max(newest, fact.fence)
            holder = self._holders.setdefault((timeline.workspace, fact.fence), fact.worker)
            if holder != fact.worker:
                expected = f"fence {fact.fence} held by {holder} alone"
                yield timeline.violation(Rule.FENCE_SHARED, fact.seq, expected, fact.worker)
