"""Alembic's environment and revisions. ``actors.records.schema`` runs them; there is no ``alembic.ini``."""
