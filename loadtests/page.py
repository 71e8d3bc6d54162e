"""The figures as text: one grid of cells for the terminal and for the page in the docs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.errors import SettingsError
from loadtests.figures import Row, Spread, foreign_cores, paired, ratio, spread
from loadtests.results import TrialResult
from loadtests.targets import LUMILINK, RELAY, SDK_GATEWAY, TARGETS, Target
from loadtests.verdicts import Verdict

BEGIN: Final = "<!-- figures:begin (written by loadtests.spine) -->"
END: Final = "<!-- figures:end -->"

_QUIET_CORES: Final = 0.1


def grid(trials: Sequence[TrialResult], rows: Sequence[Row]) -> list[list[str]]:
    """A header line and a line for each row: a column a target, then LumiLink's ratios to the baselines."""
    present = {trial.target for trial in trials}
    targets = [target for target in TARGETS.values() if target.name in present]
    baselines = [target for target in (RELAY, SDK_GATEWAY) if {target.name, LUMILINK.name} <= present]
    header = ["", *(target.title for target in targets), *(f"LumiLink / {one.title}" for one in baselines)]
    return [header, *(_line(trials, row, targets, baselines) for row in rows)]


def _line(
    trials: Sequence[TrialResult], row: Row, targets: Sequence[Target], baselines: Sequence[Target]
) -> list[str]:
    cells = [_cell(spread(trials, target.name, row.reading)) for target in targets]
    ratios = [
        _cell(paired(trials, LUMILINK.name, baseline.name, row.reading, ratio)) if row.compared else ""
        for baseline in baselines
    ]
    return [row.title, *cells, *ratios]


def _cell(found: Spread | None) -> str:
    return "" if found is None else found.text()


def failures(trials: Sequence[TrialResult]) -> list[str]:
    """What could not be measured, or not all of it, a sentence each."""
    return [
        f"{TARGETS[one.target].title}, round {one.round}: {reason}"
        for one in trials
        for reason in (one.failure, one.note)
        if reason
    ]


def quiet_note(trials: Sequence[TrialResult]) -> str:
    """How busy the machine was with other things."""
    cores = foreign_cores(trials)
    if cores is None:
        return "Nothing was measured."
    note = f"Other processes used {cores.text()} cores meanwhile"
    return (
        f"{note}."
        if cores.median <= _QUIET_CORES
        else f"{note}: not a quiet machine, read latencies with care."
    )


def markdown(
    facts: Mapping[str, str],
    table: Sequence[Sequence[str]],
    verdicts: Sequence[Verdict],
    trials: Sequence[TrialResult],
) -> str:
    """The figures section of the page."""
    listed = [f"- {name}: {value}" for name, value in facts.items()]
    judged = [[one.claim, one.figure, "holds" if one.passed else "**missed**"] for one in verdicts]
    parts = [
        "\n".join([*listed, f"- {quiet_note(trials)}"]),
        "### Targets",
        _table([["target", "found", ""], *judged]),
        "### All figures",
        _table(table),
    ]
    failed = failures(trials)
    if failed:
        parts += ["### What is missing", "\n".join(f"- {one}" for one in failed)]
    return "\n\n".join(parts)


def _table(lines: Sequence[Sequence[str]]) -> str:
    header, *body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    rule = "|" + "---|" * len(lines[0])
    return "\n".join([header, rule, *body])


def write_figures(page: Path, section: str) -> None:
    """Replace what stands between the markers of ``page``; raises SettingsError where they are not there."""
    text = page.read_text() if page.exists() else ""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SettingsError(f"{page} has no section between {BEGIN!r} and {END!r}")
    page.write_text(f"{head}{BEGIN}\n\n{section}\n\n{END}{tail}")
