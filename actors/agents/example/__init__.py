"""An agent without a model, for first steps and for tests: run it as ``python -m actors.agents.example``.

It shows every part of an ACP agent in little code: ``agent`` answers the protocol's methods, ``turn`` is
what an agent tells while it works on a prompt, ``commands`` is what this one can do, ``files`` keeps it
inside its workspace.
"""
