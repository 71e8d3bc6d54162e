"""What is kept for how long, and what is erased because somebody asks for it. See ``docs/retention.md``."""
