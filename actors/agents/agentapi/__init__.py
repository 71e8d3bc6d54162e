"""AgentAPI (``agentapi+http://``): an agent that has only this older HTTP API, reached as if it spoke ACP."""
