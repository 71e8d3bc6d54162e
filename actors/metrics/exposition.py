"""The text that Prometheus reads (text format 0.0.4), made in parts: each process's lines of each metric.

Source: github.com/prometheus/docs, content/docs/instrumenting/exposition_formats.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Families = dict[str, tuple[str, str]]
"""By the metric's name: the two lines that describe it, and the lines of its samples."""


class _One(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Family]:
        """The one."""
        return (self._family,)


def families(registry: Collector, process: str) -> Families:
    """The lines of all metrics, each with the label ``process``."""
    found: Families = {}
    for family in registry.collect():
        family.samples = [
            one._replace(labels={**one.labels, "process": process})
            for one in family.samples
            if not one.name.endswith("_created")  # when a series began is of use to nobody here
        ]
        help_line, type_line, lines = generate_latest(_One(family)).decode().split("\n", 2)
        found[type_line.split(" ")[2]] = (f"{help_line}\n{type_line}\n", lines)
    return found


def joined(parts: Iterable[Families]) -> str:
    """One text of the lines of many processes: those of one metric must be together."""
    heads: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    for part in parts:
        for name, (head, samples) in part.items():
            heads[name] = head
            lines.setdefault(name, []).append(samples)
    return "".join(f"{heads[name]}{''.join(lines[name])}" for name in sorted(heads))
