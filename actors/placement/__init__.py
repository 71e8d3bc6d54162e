"""Which workspaces this worker holds, and the fences under which it may write."""
