"""Which worker has room, and which worker holds a workspace."""
