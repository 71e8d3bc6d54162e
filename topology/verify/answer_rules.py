"""Rules between the journal and the answers that clients got to their prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from actors.connection.turns import TurnEnd
from actors.errors import TurnInterruptedError
from topology.verify.client_record import ClientRecords
from topology.verify.facts import TurnEnded
from topology.verify.timeline import Run, Timeline
from topology.verify.violations import Rule, Violation


class _ErrorData(msgspec.Struct):
    code: str = ""
    retryable: bool = False


class _Error(msgspec.Struct):
    data: _ErrorData = msgspec.field(default_factory=_ErrorData)


class _Result(msgspec.Struct, rename="camel"):
    stop_reason: str = ""


class _AnswerFrame(msgspec.Struct):
    result: _Result | None = None
    error: _Error | None = None


def is_retryable(answer: object) -> bool:
    """Whether an answer tells to send the prompt again under its own ``promptId``.

    ``turn-interrupted`` does not: that is an outcome, and a repeat would only hear it again.
    """
    error = _read(answer).error
    return error is not None and error.data.retryable and error.data.code != TurnInterruptedError.code


def check_answers(timeline: Timeline, records: ClientRecords, *, live: bool) -> Iterator[Violation]:
    """Each prompt has an outcome, the same for all who asked; each request is answered once.

    In a history that goes on (``live``) answers may be due.
    """
    session = records.of(timeline.session)
    answers: dict[str, list[object]] = {}
    for (client, request), given in session.answers.items():
        if len(given) > 1:
            expected = f"one answer to request {request} of {client}"
            yield timeline.violation(Rule.ANSWERED_TWICE, 0, expected, f"{len(given)} answers")
        for one in given:
            answers.setdefault(one.prompt_id, []).append(one.answer)
    runs = timeline.runs()
    for prompt_id, client in session.prompts.items():
        ends = _ends(runs.get(prompt_id, ()))
        outcomes = [one for one in answers.get(prompt_id, ()) if _is_outcome(one, ends)]
        if not outcomes and not live:
            expected = f"an answer to prompt {prompt_id!r} of {client}"
            yield timeline.violation(Rule.UNANSWERED, 0, expected, "none")
        if ends or not timeline.is_trimmed:
            yield from _check_outcomes(timeline, prompt_id, ends, outcomes)


def _ends(runs: Sequence[Run]) -> list[TurnEnded]:
    return [run.end for run in runs if run.end is not None]


def _is_outcome(answer: object, ends: Sequence[TurnEnded]) -> bool:
    told = any(end.answer == answer and end.outcome is not TurnEnd.NEVER_STARTED for end in ends)
    return told or not is_retryable(answer)


def _check_outcomes(
    timeline: Timeline, prompt_id: str, ends: Sequence[TurnEnded], outcomes: Sequence[object]
) -> Iterator[Violation]:
    """Until the outcome was told, clients may have heard that the prompt did not run; afterwards only it."""
    ran = next((end for end in ends if end.outcome is not TurnEnd.NEVER_STARTED), None)
    not_run = [end.answer for end in ends if end.outcome is TurnEnd.NEVER_STARTED]
    was_told = False
    for answer in outcomes:
        if ran is not None and answer == ran.answer:
            was_told = True
        elif was_told or not (answer in not_run or _says_not_run(answer)):
            seq = 0 if ran is None else ran.seq
            expected = f"the outcome of prompt {prompt_id!r} in the journal"
            found = "none there" if ran is None else "another answer"
            yield timeline.violation(Rule.OUTCOME_DIFFERS, seq, expected, found)


def _says_not_run(answer: object) -> bool:
    """Refused for good, lost, or cancelled before its turn: of these the journal need not know."""
    read = _read(answer)
    return read.error is not None or (read.result is not None and read.result.stop_reason == "cancelled")


def _read(answer: object) -> _AnswerFrame:
    try:
        return msgspec.convert(answer, _AnswerFrame)
    except msgspec.ValidationError:
        return (
            _AnswerFrame(error=_Error()) if isinstance(answer, dict) and "error" in answer else _AnswerFrame()
        )
