"""``docs/metrics.md``, made from the catalogue of metrics: ``python -m topology.metrics_page``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from actors.metrics.catalogue import ALL
from actors.metrics.metric import Kind, Label, Metric, Role

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD: Final = """# Metrics

`GET /metrics` on the gateway's port shows what all its processes count, in Prometheus' text format: one
scrape for the whole cluster. [Operations](operations.md#metrics) has Prometheus' settings, dashboards and
alerts, and what to do when one comes.

Every process counts for itself, and tells the metrics actor every 5 s. A scrape asks that actor alone, so it
costs the same however many processes there are, and a value is at most 5 s old;
`lumilink_process_report_age_seconds` says how old. What has told nothing for 30 s is left out. With
`metrics = false` there is no such actor, and the answer is 503.

## Series
Every series has the label `process`: {singles},
`worker-N`, `ingress-N` or `reporting-N`. A replica that comes takes the lowest number that is free, so there
are never more names than there were processes within 30 s. A process that begins anew, or takes over a name,
counts from zero. Prometheus' `rate` and `increase` know that, so sum after them, not before:
`sum(rate(lumilink_updates_total[5m]))`.

No label names a session, a workspace or a user. Installations are named in one metric, those with most
sessions, up to `metrics_installations`; the rest is `other`.

What happens with every update is counted in plain numbers, which are read when the process tells, and one
batch of 64 is timed. `make scrape-bench` measures it; on a machine with two cores a worker with 1,000
sessions takes 4 ms every 5 s to tell 16 KB, a scrape of eight such processes 0.2 ms, and counting adds about
0.2 µs to an update's 7. `python -m loadtests.metered` compares a gateway with metrics and without.

This page is made from `actors/metrics/catalogue.py`; a test holds them together.
"""

_TABLE: Final = """
## {title}

| metric | type | labels | what it is | fed by |
|---|---|---|---|---|
"""

_TITLES: Final = {
    "lumilink_sessions": "Sessions and turns",
    "lumilink_attachments": "Views",
    "lumilink_handshakes_total": "Agents and protocols",
    "lumilink_mailbox_depth": "Inside",
    "lumilink_workers": "Capacity and admission",
    "lumilink_projector_lag_seconds": "Records and live events",
    "lumilink_automation_runs_total": "Automation",
    "lumilink_process_cpu_seconds_total": "Processes",
}
"""Where a new table begins, by its first metric."""

_MANY: Final = frozenset({Role.WORKER, Role.INGRESS, Role.REPORTING})


def page() -> str:
    """The page's text."""
    singles = ", ".join(f"`{role}`" for role in Role if role not in _MANY)
    parts = [_HEAD.format(singles=singles)]
    for metric in ALL:
        if metric.name in _TITLES:
            parts.append(_TABLE.format(title=_TITLES[metric.name]))
        parts.append(_row(metric))
    return "".join(parts)


def _row(metric: Metric) -> str:
    labels = "; ".join(_label(label) for label in metric.labels)
    fed_by = "all" if metric.by == tuple(Role) else ", ".join(metric.by)
    cells = (f"`{metric.name}`", _kind(metric), labels, metric.help, fed_by)
    return f"| {' | '.join(cells)} |\n"


def _kind(metric: Metric) -> str:
    if metric.kind is not Kind.HISTOGRAM:
        return metric.kind.value
    return f"histogram, {metric.buckets[0]:g} to {metric.buckets[-1]:g}"


def _label(label: Label) -> str:
    values = ", ".join(f"`{value}`" for value in label.values)
    told = " ".join(part for part in (values, label.bound) if part)
    return f"`{label.name}`: {told}"


if __name__ == "__main__":
    PAGE.write_text(page())
