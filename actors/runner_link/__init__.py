"""The line between a gateway and a runner: it may be cut, and nothing that was said on it is lost."""
