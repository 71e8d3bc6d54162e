"""What this process has counted so far, as Prometheus would read it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from actors.metrics.exposition import joined
from actors.metrics.meters import meters
from actors.metrics.metric import Metric


def counted(metric: Metric, suffix: str = "", **labels: str) -> float:
    """The sum of its samples with these labels; of a histogram, ``suffix`` is ``_count`` or ``_sum``."""
    return read(joined([meters().families("test")]), metric.name + suffix, **labels)


def read(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of this name in a text for Prometheus."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(one.value for one in samples if labels.items() <= one.labels.items())
