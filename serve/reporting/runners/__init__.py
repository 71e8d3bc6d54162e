"""``/runner``: where the agent of a session and the runner that has it meet."""
