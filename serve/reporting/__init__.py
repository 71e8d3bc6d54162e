"""What operators and probes ask: health, readiness, topology."""
