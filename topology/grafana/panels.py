"""What a dashboard is made of. Source: Grafana's dashboard JSON model (grafana.com/docs, Dashboards)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

RATE: Final = "$__rate_interval"
"""Grafana's own: wide enough for at least four scrapes."""
WIDTH: Final = 24
HEIGHT: Final = 8
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """``legend`` may name labels: ``{{process}}``."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """``unit`` is one of Grafana's; ``width`` is of 24. ``kind`` is that of the plugin."""

    title: str
    about: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 8
    kind: str = "timeseries"


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``name`` is that of its file, and its address in Grafana."""

    name: str
    title: str
    about: str
    panels: tuple[Panel, ...]

    def json(self) -> Json:
        """As Grafana imports it, with the data source as a variable."""
        return {
            "uid": f"lumilink-{self.name}",
            "title": f"LumiLink: {self.title}",
            "description": self.about,
            "tags": ["lumilink"],
            "schemaVersion": 39,
            "editable": True,
            "timezone": "browser",
            "refresh": "15s",
            "time": {"from": "now-1h", "to": "now"},
            "templating": {"list": [_DATASOURCE]},
            "panels": _laid_out(self.panels),
        }


_DATASOURCE: Final = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "current": {},
    "hide": 0,
    "includeAll": False,
    "multi": False,
}


def rate(metric: str, by: str = "", where: str = "") -> str:
    """How often it happens a second, of all processes together, or by a label."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{where}[{RATE}]))"


def quantile(share: float, metric: str) -> str:
    """What a share of the values of a histogram do not exceed, of all processes together."""
    return f"histogram_quantile({share:g}, sum by (le) (rate({metric}_bucket[{RATE}])))"


def quantiles(metric: str, *shares: float) -> tuple[Query, ...]:
    """Several of them, each a line."""
    return tuple(Query(quantile(share, metric), f"p{share * 100:g}") for share in shares)


def _laid_out(panels: Sequence[Panel]) -> list[Json]:
    """From left to right and from top to bottom."""
    found: list[Json] = []
    x = y = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y = 0, y + HEIGHT
        found.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": HEIGHT}))
        x += panel.width
    return found


def _panel(number: int, panel: Panel, where: dict[str, int]) -> Json:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": where,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": [_target(at, query) for at, query in enumerate(panel.queries)],
    }


def _target(at: int, query: Query) -> Json:
    return {
        "refId": chr(ord("A") + at),
        "datasource": _SOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "range": True,
    }
