"""Grafana's dashboards, as code: ``python -m topology.grafana`` writes the files beside it."""
