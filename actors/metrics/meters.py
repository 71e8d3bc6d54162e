"""What one process counts of itself, on a registry of its own.

What happens seldom is counted as it happens. What happens with every update is counted by whoever sees it, in
plain numbers that are read when somebody asks: a counter of the library takes a lock, and half a microsecond.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from actors.metrics.catalogue import ALL
from actors.metrics.exposition import Families, families
from actors.metrics.metric import Kind, Metric, Role

log = logging.getLogger("lumilink.metrics")

Values = Mapping[tuple[str, ...], float]
"""Numbers by the values of the labels, in the order of their declaration."""
Read = Callable[[], Values | float]


class Meters:
    """The metrics of a process. Belongs to its event loop."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._sources: dict[str, tuple[Metric, Read]] = {}
        self._registry.register(_Sources(self._sources))

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """It happened once more, or ``by`` times; for what happens a thousand times a second at most."""
        found = self._counters.get(metric.name) or self._new_counter(metric)
        (found.labels(*labels) if labels else found).inc(by)

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """A measured value of a histogram; as seldom as ``count``."""
        found = self._histograms.get(metric.name) or self._new_histogram(metric)
        (found.labels(*labels) if labels else found).observe(value)

    def watch(self, metric: Metric, read: Read) -> None:
        """Have ``read`` tell the metric's values whenever somebody asks; whoever comes last is asked.

        It is run on the loop, so it must be quick. One that fails is logged and left out.
        """
        made = self._counters.pop(metric.name, None)
        if made is not None:
            self._registry.unregister(made)
        self._sources[metric.name] = (metric, read)

    def begin(self, role: Role) -> None:
        """From now on all that such a process counts is shown, be it zero."""
        for metric in ALL:
            is_there = metric.name in {**self._sources, **self._counters, **self._histograms}
            if role not in metric.by or is_there:
                continue
            if metric.kind is Kind.COUNTER:
                self._new_counter(metric)
            elif metric.kind is Kind.HISTOGRAM:
                self._new_histogram(metric)

    def families(self, process: str) -> Families:
        """All that was counted, as the lines of a process of this name."""
        return families(self._registry, process)

    def _new_counter(self, metric: Metric) -> Counter:
        made = Counter(metric.name, metric.help, metric.label_names, registry=self._registry)
        for values in _known(metric):
            made.labels(*values)
        self._counters[metric.name] = made
        return made

    def _new_histogram(self, metric: Metric) -> Histogram:
        names, buckets = metric.label_names, metric.buckets
        made = Histogram(metric.name, metric.help, names, registry=self._registry, buckets=buckets)
        for values in _known(metric):
            made.labels(*values)
        self._histograms[metric.name] = made
        return made


class _Sources(Collector):
    """What is read when somebody asks."""

    def __init__(self, sources: Mapping[str, tuple[Metric, Read]]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Family]:
        """A family for each that can be read."""
        for metric, read in self._sources.values():
            try:
                found = read()
            except Exception:
                log.exception("%s cannot be read", metric.name)
                continue
            kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.label_names)
            for labels, value in (found if isinstance(found, Mapping) else {(): found}).items():
                family.add_metric(labels, value)
            yield family


def _known(metric: Metric) -> Iterable[tuple[str, ...]]:
    """The values of its labels, where all are known beforehand."""
    if not metric.labels or not all(label.values for label in metric.labels):
        return ()
    return product(*(label.values for label in metric.labels))


_METERS: Final = Meters()


def meters() -> Meters:
    """Those of this process."""
    return _METERS
