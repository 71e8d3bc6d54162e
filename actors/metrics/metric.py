"""What a metric is: a name, what it means, and what bounds the number of its series."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """As Prometheus knows them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Role(StrEnum):
    """What a process is; the names of its series' label ``process`` begin with it."""

    WORKER = "worker"
    INGRESS = "ingress"
    REPORTING = "reporting"
    CAPACITY = "capacity"
    PROJECTOR = "projector"
    EVENTS = "events"
    PROTOCOL = "protocol"
    POOL = "pool"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Label:
    """``values`` are all that it takes, or with a ``bound`` those that are shown from the beginning.

    ``bound`` says what bounds those that cannot be listed.
    """

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """``by`` are the processes that feed it. A histogram has the upper bounds of its ``buckets``."""

    name: str
    kind: Kind
    help: str
    by: tuple[Role, ...]
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of its labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def series(self) -> list[str]:
        """The names that its samples have: more than one for a histogram."""
        if self.kind is Kind.HISTOGRAM:
            return [f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"]
        return [self.name]


def counter(name: str, meaning: str, by: tuple[Role, ...], *labels: Label) -> Metric:
    """A number that only grows, until its process ends."""
    return Metric(name, Kind.COUNTER, meaning, by, labels)


def gauge(name: str, meaning: str, by: tuple[Role, ...], *labels: Label) -> Metric:
    """A number as it is when it is read."""
    return Metric(name, Kind.GAUGE, meaning, by, labels)


def histogram(
    name: str, meaning: str, by: tuple[Role, ...], buckets: tuple[float, ...], *labels: Label
) -> Metric:
    """How often something was at most so much."""
    return Metric(name, Kind.HISTOGRAM, meaning, by, labels, buckets)
