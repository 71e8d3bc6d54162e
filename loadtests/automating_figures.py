"""What came of a thousand automations in a minute: counts, times, and which promises were missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtests.automating_forge import MINUTE_S, Found
from loadtests.automating_session import SUCCESS, AutomatedSession
from loadtests.client_session import ClientSession, Tally

RATIO_GOAL: Final = 1.1
"""So much longer may the slowest hundredth of streamed updates take while automations run."""


@dataclass(frozen=True)
class Runs:
    """What the sessions were told. ``outcomes`` counts those with one summary; the others are ``pending``
    (none came in time), ``refused`` (they had no turn) or ``doubled`` (told more than once). Times in
    seconds, rising: from a prompt to its summary; ``took_s`` is from the first prompt to the last summary.
    """

    sessions: int
    outcomes: Counter[str]
    refused: Counter[str]
    pending: int
    doubled: int
    waited: int
    deferrals: int
    prompted_in_s: float
    took_s: float
    each_s: list[float]

    @property
    def done(self) -> int:
        """Those that were carried out."""
        return self.outcomes[SUCCESS]


@dataclass(frozen=True)
class Streaming:
    """Updates of the sessions that stream; latencies in ms, None where there were none."""

    sessions: int
    updates: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    agent_late_p99_ms: float | None = None


@dataclass(frozen=True)
class Figures:
    """All of it. ``first`` is the time of a worker's first run, which loads what they all need. ``cpu_s`` is
    by role, while the automations ran. ``stream_faults`` counts streamed updates that were lost, doubled or
    reordered.
    """

    runs: Runs
    found: Found
    first: Streaming
    before: Streaming
    during: Streaming
    stream_faults: int
    parallel: int
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def most_refused(self) -> int:
        """How many calls a limit may refuse: those under way when it is reached, once a minute."""
        return self.parallel * (1 + int(self.runs.took_s // MINUTE_S))

    @property
    def ratio(self) -> float | None:
        """The streams' p99 while automations run, as a multiple of that before."""
        if self.before.p99_ms is None or self.during.p99_ms is None:
            return None
        return self.during.p99_ms / self.before.p99_ms

    def misses(self, *, is_quiet: bool) -> list[str]:
        """Which promises were missed; that of the ratio counts where the machine does nothing else."""
        runs, found = self.runs, self.found
        missed = []
        if runs.done != runs.sessions:
            missed.append(f"{runs.sessions - runs.done} of {runs.sessions} automations were not done")
        if runs.doubled:
            missed.append(f"{runs.doubled} sessions were told twice")
        missed += [
            f"{count} {name} at the forge for {runs.done} automations"
            for name, count in found.made().items()
            if count != runs.done
        ]
        if found.limited > self.most_refused:
            missed.append(f"{found.limited} calls were refused by a limit, more than {self.most_refused}")
        if self.stream_faults:
            missed.append(f"{self.stream_faults} streamed updates were lost, doubled or reordered")
        if is_quiet and (self.ratio is None or self.ratio > RATIO_GOAL):
            missed.append(f"p99 of streaming is {_times(self.ratio)} of that before, not {RATIO_GOAL:g}")
        return missed

    def text(self) -> str:
        """The figures, a line each."""
        runs, found = self.runs, self.found
        others = [f"{count} {told}" for told, count in sorted(runs.outcomes.items()) if told != SUCCESS]
        others += [f"{count} refused ({why})" for why, count in runs.refused.items()]
        p50, p99, longest = (_share(runs.each_s, part) for part in (0.5, 0.99, 1.0))
        cpu = ", ".join(f"{role} {spent:.0f}" for role, spent in self.cpu_s.items())
        return f"""\
automations        {runs.done} done of {runs.sessions}, {runs.pending} pending, {runs.doubled} told twice
others             {", ".join(others) or "none"}
at the forge       {found.branches} branches, {found.commits} commits ({found.changes} differ), \
{found.pulls} pull requests of {found.heads} branches
calls of the API   {found.calls}, {found.limited} refused by a limit (at most {self.most_refused} may be)
told to wait       {runs.waited} answers said pending; {runs.deferrals} notices of a deferral
prompts sent in    {runs.prompted_in_s:.1f} s
all done after     {runs.took_s:.1f} s
prompt to summary  p50 {p50}, p99 {p99}, longest {longest}
streams, first run {_stream(self.first)}
streams before     {_stream(self.before)}
streams meanwhile  {_stream(self.during)}
p99, ratio         {_times(self.ratio)} (goal {RATIO_GOAL:g}, on a machine that does nothing else)
CPU seconds        {cpu}"""


def runs_of(sessions: Sequence[AutomatedSession], began_s: float) -> Runs:
    """What the sessions were told, counted; ``began_s`` is when the prompts began, by ``time.monotonic``."""
    outcomes: Counter[str] = Counter()
    for session in sessions:
        if len(session.outcomes) == 1:
            outcomes.update(session.outcomes.values())
    prompted = [one.prompted_s for one in sessions if one.prompted_s]
    ended = [one.ended_s for one in sessions if one.ended_s]
    return Runs(
        sessions=len(sessions),
        outcomes=outcomes,
        refused=Counter(one.refused for one in sessions if one.refused and not one.outcomes),
        pending=sum(not one.outcomes and not one.refused for one in sessions),
        doubled=sum(len(one.outcomes) > 1 or one.ends > 1 for one in sessions),
        waited=sum(one.waited for one in sessions),
        deferrals=sum(one.deferrals for one in sessions),
        prompted_in_s=max(prompted, default=began_s) - began_s,
        took_s=max(ended, default=began_s) - began_s,
        each_s=sorted(one.ended_s - one.prompted_s for one in sessions if one.ended_s),
    )


def streaming(sessions: int, tally: Tally, agent_late_p99_ms: float | None) -> Streaming:
    """What the streams' tally says."""
    latency = tally.latency
    return Streaming(
        sessions,
        latency.count,
        latency.quantile_ms(0.5),
        latency.quantile_ms(0.99),
        latency.quantile_ms(1.0),
        agent_late_p99_ms,
    )


def stream_faults(sessions: Sequence[ClientSession]) -> int:
    """Updates that did not arrive once each and in order."""
    checks = [session.sequence for session in sessions]
    return sum(one.missing(one.next_number) + one.doubled + one.reordered for one in checks)


def _stream(one: Streaming) -> str:
    return (
        f"p50 {_ms(one.p50_ms)}, p99 {_ms(one.p99_ms)}, longest {_ms(one.max_ms)} "
        f"({one.updates} updates of {one.sessions} sessions; the agent itself late by p99 "
        f"{_ms(one.agent_late_p99_ms)})"
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} times"


def _share(rising: Sequence[float], part: float) -> str:
    return f"{rising[min(len(rising) - 1, int(part * len(rising)))]:.1f} s" if rising else "-"
