"""The projector: reads the journal and makes records and live events of it. See ``docs/projector.md``."""
