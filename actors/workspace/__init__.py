"""The workspace actor: the unit of placement."""
