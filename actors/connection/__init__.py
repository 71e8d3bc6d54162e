"""The connection actor: our link to one agent, and the sessions that live on it."""
