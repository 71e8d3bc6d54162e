"""``/instances/{instanceId}/logs``: what containers and runners logged."""
