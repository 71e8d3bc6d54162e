"""Other ways to stand between a client and an agent, each a process of its own."""
