"""``/api/v1/settings``: the settings registry of the installation."""
